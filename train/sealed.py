"""Files that nothing in this process may open: learning cannot look at whom it is measured on.

Python asks an audit hook before it opens a file, whoever asked for it (PEP 578). Libraries that
open files by themselves are not asked; none of them is given such a path.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from train.errors import DataInvalid

__all__ = ["sealed"]

_SEALED: Counter[str] = Counter()
_HOOKED: list[bool] = []


@contextmanager
def sealed(paths: Iterable[Path]) -> Iterator[None]:
    """Let nobody in this process open any of ``paths``, in no thread of it.

    Raises
    ------
    DataInvalid
        Where somebody does: it comes out of the call that opens.
    """
    if not _HOOKED:  # a hook stays for good
        _HOOKED.append(True)
        sys.addaudithook(_ask)
    names = [os.path.realpath(path) for path in paths]
    _SEALED.update(names)
    try:
        yield
    finally:
        _SEALED.subtract(names)


def _ask(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _SEALED or not isinstance(args[0], str | bytes | os.PathLike):
        return
    path = os.path.realpath(os.fsdecode(args[0]))
    if _SEALED[path] > 0:
        text = f"{path} is of somebody held out: learning does not open it"
        raise DataInvalid(f"{text}; measure with 'dicom-train evaluate'")
