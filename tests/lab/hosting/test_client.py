"""The client's words for what the host answers."""

from __future__ import annotations

from lab.hosting.client import describe_failure, describe_rejection


def test_answers_of_the_host_are_told_in_words() -> None:
    details = {
        "error": {"message": "Prompt outputs failed validation"},
        "node_errors": {
            "4": {
                "class_type": "KSampler",
                "errors": [{"message": "Value not in list", "details": "sampler_name: 'x'"}],
            }
        },
    }
    assert (
        describe_rejection(details)
        == "Prompt outputs failed validation\n  node 4 (KSampler): Value not in list: sampler_name: 'x'"
    )
    error = {
        "status": {
            "status_str": "error",
            "messages": [["execution_error", {"node_type": "KSampler", "exception_message": "too big\n"}]],
        }
    }
    assert describe_failure(error) == "KSampler: too big"
    assert describe_failure({"status": {"status_str": "success", "messages": []}}) is None
