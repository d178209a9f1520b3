"""What is logged: one JSON object a line, whatever a record carries, and no line twice."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from core.system import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in logs.OURS}
    before = list(root.handlers)
    yield
    root.handlers[:] = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def logged(form: str) -> io.StringIO:
    """Sets up the log; what is written to it from now on."""
    logs.setup(form)
    stream = io.StringIO()
    [handler] = [handler for handler in logging.getLogger().handlers if isinstance(handler, logs._Handler)]
    handler.setStream(stream)
    return stream


def test_a_record_is_one_line_of_json() -> None:
    stream = logged("json")
    logging.getLogger("core.serving.engine").info(
        "Run %s\nended", "é", extra={"run": "0123", "seconds": 1.5, "odd": {1}, "message_": "x"}
    )
    [line] = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        **{"level": "info", "logger": "core.serving.engine", "message": "Run é\nended"},
        **{"run": "0123", "seconds": 1.5, "odd": "{1}", "message_": "x"},
    }


def test_a_traceback_stays_on_the_line() -> None:
    stream = logged("json")
    try:
        raise ZeroDivisionError("secret")
    except ZeroDivisionError:
        logging.getLogger("poison_lab").exception("It failed")
    [line] = stream.getvalue().splitlines()
    assert "ZeroDivisionError: secret" in json.loads(line)["traceback"]


def test_setting_up_twice_logs_once_and_in_the_last_form() -> None:
    logged("json")
    stream = logged("text")
    logging.getLogger("core.storage.runs").info("Deleted %d runs", 3)
    logging.getLogger("other").info("not asked for")
    [line] = stream.getvalue().splitlines()
    assert line.endswith("INFO core.storage.runs: Deleted 3 runs")


def test_lines_of_other_libraries_become_json_too() -> None:
    other, stream = logging.getLogger("a library of its own"), io.StringIO()
    other.propagate = False
    other.addHandler(logging.StreamHandler(stream))
    logs.setup("json")
    other.warning("careful")
    assert json.loads(stream.getvalue())["message"] == "careful"
