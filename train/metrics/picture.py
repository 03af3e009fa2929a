"""Grey pictures of slices, without a plotting library: learning runs where there is none."""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["tiles", "write_png"]


def tiles(rows: Sequence[Sequence[NDArray[np.floating]]]) -> NDArray[np.uint8]:
    """Return slices in [-1, 1], all of one size, side by side and row under row."""
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
    return np.asarray(np.round(np.clip((sheet + 1) / 2, 0, 1) * 255), dtype=np.uint8)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an 8-bit grey PNG.

    References
    ----------
    PNG (ISO/IEC 15948), Sections 5 and 11.2: signature, IHDR, IDAT, IEND.
    """
    height, width = image.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), image], axis=1)  # filter 0 each
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
