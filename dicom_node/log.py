"""One JSON line per event on standard error: UIDs and counts, never a patient's name."""

import json
import logging
import re
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger

__all__ = ["Exit", "Log", "configure", "get", "noting"]

Log = FilteringBoundLogger
Exit = Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], bool]
"""What :meth:`contextlib.ExitStack.push` takes."""
_WARNINGS, _QUOTED = "py.warnings", re.compile(r"""['"].*['"]""")


class _AsJson(logging.Formatter):
    """Lines of libraries in the same shape as ours."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON object."""
        line = {
            "library": record.name,
            "event": _event(record),
            "level": record.levelname.lower(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _event(record: logging.LogRecord) -> str:
    """Return what a library says; of a warning where it comes from, and no value.

    pydicom warns of odd values and quotes them: they may be a patient's name.
    """
    text = record.getMessage()
    return _QUOTED.sub("'…'", text.splitlines()[0]) if record.name == _WARNINGS else text


def configure(level: str = "info") -> None:
    """Set up logging for this process; libraries and Python's warnings join from WARNING up."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_AsJson())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("pydicom").setLevel(logging.ERROR)  # it logs what it warns of, as it stands
    threading.excepthook = _thread_died


def _thread_died(args: threading.ExceptHookArgs) -> None:
    """Log what ended a thread; Python would print it, and a log of JSON lines would hold words.

    A peer that breaks the protocol at the wrong moment ends a thread of pynetdicom so.
    """
    if args.exc_value is not None:
        name = args.thread.name if args.thread else ""
        get("log").error("thread died", thread=name, exc_info=args.exc_value)


def get(room: str) -> Log:
    """Return the logger of a room."""
    return cast(Log, structlog.get_logger(room=room))


def noting(to: Log, event: str) -> Exit:
    """Return what logs a bug and lets a thread go on that must not end.

    For what is called again and again, and would be missed if it were not.
    """

    def noted(
        kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        to.error(event, exc_info=error)
        return True

    return noted
