"""A running workflow in the terminal."""

from __future__ import annotations

from lab.jobs.progress import Progress, bar


def test_progress_is_a_line_a_node() -> None:
    class Terminal:
        text = ""

        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    out = Terminal()
    show = Progress({"4": {"class_type": "X", "_meta": {"title": "Stage I"}}}, out)
    show({"type": "executing", "data": {"node": "4"}})
    for value in range(1, 11):
        show({"type": "progress", "data": {"node": "4", "value": value, "max": 10}})
    show({"type": "executing", "data": {"node": None}})
    assert out.text.count("\n") == 1
    assert "Stage I" in out.text
    assert "10/10" in out.text
    assert bar(0, 0) == "[........................] 0/0"


def test_where_nobody_reads_it_the_work_goes_on() -> None:
    """A client's thread tells of its events; an error here would end it."""

    class Gone:
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> None:
            raise BrokenPipeError

    show = Progress({"4": {"class_type": "X", "_meta": {"title": "Stage I"}}}, Gone())
    show({"type": "executing", "data": {"node": "4"}})
    show({"type": "progress", "data": {"node": "4", "value": 10, "max": 10}})
