"""Files that are written whole: a crash leaves the old one or the new one, never half of one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import Any

__all__ = ["beside", "write_json", "write_text"]


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give a place to write to; what lies there takes the place of ``path`` at the end."""
    part = path.with_name(f"{path.name}.part")
    yield part
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with beside(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write ``values`` as JSON."""
    write_text(path, dumps(values, indent=1, ensure_ascii=False) + "\n")
