"""Logging of server and workers to standard error: text, or one JSON object per line."""

import logging
import time
from typing import Any

from core.system import finite_json

OURS = ("core", "poison_lab")
"""Loggers that log at level INFO."""
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time (UTC), level, logger, message, the record's own fields, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; values that JSON can't represent are written as text."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD | line.keys()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return finite_json.dumps(line, default=str, ensure_ascii=False)


class _Handler(logging.StreamHandler[Any]):
    """This module's handler, of a class of its own so that a second `setup` recognises it."""


def setup(form: str) -> None:
    """Start logging to standard error; may be called again, with another form.

    Args:
        form: "json", where lines of other libraries become JSON too, or "text".
    """
    formatter = JsonFormatter() if form == "json" else logging.Formatter(_TEXT)
    root = logging.getLogger()
    handlers = [handler for handler in root.handlers if isinstance(handler, _Handler)]
    if not handlers:
        handlers = [_Handler()]
        root.addHandler(handlers[0])
    handlers[0].setFormatter(formatter)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    if form == "json":
        for logger in list(logging.root.manager.loggerDict.values()):
            for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
                if isinstance(handler, logging.StreamHandler):
                    handler.setFormatter(formatter)
