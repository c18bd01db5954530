"""The client's words for what the host answers."""

from __future__ import annotations

import socket
import threading

import pytest

from lab.hosting.client import Client, HostError, describe_failure, describe_rejection

CUT_OFF = b"HTTP/1.1 %b\r\nContent-Length: 99\r\n\r\n%b"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (CUT_OFF % (b"200 OK", b"half of it"), "does not answer"),
        (b"SSH-2.0-OpenSSH\r\n", "does not answer"),
        (CUT_OFF % (b"500 Error", b"half of it"), "/prompt: 500 half of it"),
        (CUT_OFF % (b"400 Bad Request", b'{"error": {"mess'), "/prompt: 400"),
    ],
)
def test_a_host_that_ends_within_its_answer_does_not_answer(answer: bytes, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(HostError, match=told):
            Client(f"http://127.0.0.1:{server.getsockname()[1]}").request("/prompt")
        thread.join()


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
