"""The process that decodes: ``python -m dicom_node.transcode.child FD``.

It is given a file and a place for the result with every order, and needs nothing else of this
machine. It ends when its connection closes.
"""

import json
import os
import resource
import socket
import struct
import sys
import warnings
import zlib

from pydicom import config
from pydicom.errors import BytesLengthException, InvalidDicomError

from dicom_node.transcode.convert import convert

__all__ = ["main"]

_MOST_MEMORY = 4 * 2**30
"""Of addresses, so that a small file that swells without end costs no more than this."""
_REFUSALS = (
    AttributeError, BytesLengthException, EOFError, InvalidDicomError, KeyError, MemoryError,
    OSError, RecursionError, RuntimeError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What pydicom and the decoders raise on bytes that they cannot turn into pixels."""


def main() -> None:
    """Take orders until the connection closes."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    warnings.simplefilter("ignore")
    config.settings.reading_validation_mode = config.IGNORE
    config.settings.writing_validation_mode = config.IGNORE
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        while True:
            line, files, _, _ = socket.recv_fds(orders, 4096, 2)
            if not line or len(files) != 2:
                return
            orders.sendall(_answer(json.loads(line)["to"], files))


def _answer(to: str, files: list[int]) -> bytes:
    with os.fdopen(files[0], "rb") as source, os.fdopen(files[1], "r+b") as target:
        try:
            answer: dict[str, int | str] = {"size": convert(source, target, to)}
        except _REFUSALS as exc:
            answer = {"why": f"{type(exc).__name__}: {exc}".splitlines()[0][:300]}
    return json.dumps(answer).encode() + b"\n"


if __name__ == "__main__":
    main()
