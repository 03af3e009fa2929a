"""One JSON line per event on standard error: UIDs and counts, never a patient's name."""

import json
import logging
import sys
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger

__all__ = ["Log", "configure", "get"]

Log = FilteringBoundLogger


class _AsJson(logging.Formatter):
    """Lines of libraries in the same shape as ours."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON object."""
        line = {
            "library": record.name,
            "event": record.getMessage(),
            "level": record.levelname.lower(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


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


def get(room: str) -> Log:
    """Return the logger of a room."""
    return cast(Log, structlog.get_logger(room=room))
