"""PDUs and data sets spoilt by a seed: the same seed, the same bytes."""

import random
import struct
from collections.abc import Callable

from tests.support.mr import MrSeries, encoded
from tests.support.wire import RELEASE, associate_rq, echo_rq, p_data, store_rq

Spoil = Callable[[random.Random, bytes], bytes]


def _flip(draw: random.Random, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
    return bytes(spoilt)


def _cut(draw: random.Random, content: bytes) -> bytes:
    return content[: draw.randrange(len(content))]


def _insert(draw: random.Random, content: bytes) -> bytes:
    at = draw.randrange(len(content))
    return content[:at] + draw.randbytes(draw.randint(1, 40)) + content[at:]


def _length(draw: random.Random, content: bytes) -> bytes:
    """Put a length where one may stand."""
    at = draw.choice([2, draw.randrange(max(1, len(content) - 4))])
    value = draw.choice([0, 1, 2, 4, 0x7FFFFFFF, 0xFFFFFFFF, draw.randrange(2**18)])
    order = draw.choice("<>")
    return content[:at] + struct.pack(f"{order}I", value) + content[at + 4 :]


def _double(draw: random.Random, content: bytes) -> bytes:
    at = draw.randrange(len(content))
    return content[:at] + content[max(0, at - 20) :]


def _noise(draw: random.Random, content: bytes) -> bytes:
    return content[:1] + draw.randbytes(draw.randint(1, 300))


SPOILS: tuple[Spoil, ...] = (_flip, _flip, _cut, _insert, _length, _length, _double, _noise)


class Conversations:
    """What a peer says that is not honest: conversation after conversation, by one seed."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        (ds,) = MrSeries(seed="hostile", slices=1).datasets()
        self._uid, self._content = ds.SOPInstanceUID, encoded(ds)

    def next(self) -> list[bytes]:
        """Return the next one: the request first, and what follows once it is answered."""
        draw = self._draw
        spoil = draw.choice(SPOILS)
        where = draw.choice(("request", "command", "fragment", "data", "data", "echo", "release"))
        content = self._content
        if where == "request":
            return [spoil(draw, associate_rq()), echo_rq() + RELEASE]
        if where == "data":
            content = spoil(draw, content)
        command, data = store_rq(self._uid), p_data(content, 0x02, context=3)
        if where == "command":
            command = spoil(draw, command)
        if where == "fragment":
            data = spoil(draw, data)
        echo = spoil(draw, echo_rq()) if where == "echo" else echo_rq()
        release = spoil(draw, RELEASE) if where == "release" else RELEASE
        return [associate_rq(), command + data, echo, release]
