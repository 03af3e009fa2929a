"""Command sets, read and written (PS3.7 6.3.1, E.1): implicit little endian, group 0000."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "NO_DATA_SET",
    "WITH_DATA_SET",
    "Command",
    "Field",
    "Kind",
    "parse_command",
    "read_command",
]

NO_DATA_SET, WITH_DATA_SET = 0x0101, 0x0001
"""Values of Command Data Set Type; any other than the first says that a data set follows."""


class Kind(IntEnum):
    """Command Field (0000,0100) of the messages that we read or send (PS3.7 E.1)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_GET_RQ = 0x0010
    C_GET_RSP = 0x8010
    C_FIND_RQ = 0x0020
    C_FIND_RSP = 0x8020
    C_MOVE_RQ = 0x0021
    C_MOVE_RSP = 0x8021
    C_CANCEL_RQ = 0x0FFF


class Field(IntEnum):
    """Elements of a command set, by their number in group 0000 (PS3.7 E.1)."""

    GROUP_LENGTH = 0x0000
    AFFECTED_SOP_CLASS_UID = 0x0002
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    RESPONDED_TO = 0x0120
    MOVE_DESTINATION = 0x0600
    PRIORITY = 0x0700
    DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    OFFENDING_ELEMENT = 0x0901
    ERROR_COMMENT = 0x0902
    AFFECTED_SOP_INSTANCE_UID = 0x1000
    REMAINING = 0x1020
    COMPLETED = 0x1021
    FAILED = 0x1022
    WARNING = 0x1023
    ORIGINATOR_AE_TITLE = 0x1030
    ORIGINATOR_MESSAGE_ID = 0x1031


_ALWAYS = (Field.COMMAND_FIELD, Field.DATA_SET_TYPE)
_KNOWN = frozenset(
    {0x0FFF, *(kind | answer for kind in (0x01, 0x10, 0x20, 0x21, 0x30, 0x100, 0x110, 0x120, 0x130,
                                          0x140, 0x150) for answer in (0, 0x8000))}
)  # fmt: skip
"""Command Field of every request, response and cancel (PS3.7 E.1)."""
_NEEDED: Mapping[int, tuple[Field, ...]] = {
    Kind.C_STORE_RQ: (
        Field.AFFECTED_SOP_CLASS_UID,
        Field.MESSAGE_ID,
        Field.AFFECTED_SOP_INSTANCE_UID,
    ),
    Kind.C_STORE_RSP: (Field.RESPONDED_TO, Field.STATUS),
    Kind.C_GET_RQ: (Field.AFFECTED_SOP_CLASS_UID, Field.MESSAGE_ID),
    Kind.C_FIND_RQ: (Field.AFFECTED_SOP_CLASS_UID, Field.MESSAGE_ID),
    Kind.C_MOVE_RQ: (Field.AFFECTED_SOP_CLASS_UID, Field.MESSAGE_ID),
    Kind.C_CANCEL_RQ: (Field.RESPONDED_TO,),
}
_NUMBERS = frozenset(
    {
        Field.COMMAND_FIELD, Field.MESSAGE_ID, Field.RESPONDED_TO, Field.PRIORITY,
        Field.DATA_SET_TYPE, Field.STATUS, Field.REMAINING, Field.COMPLETED, Field.FAILED,
        Field.WARNING, Field.ORIGINATOR_MESSAGE_ID,
    }
)  # fmt: skip
"""US: two bytes each. Offending Element is AT, the rest is text."""
_SPACED = frozenset({Field.MOVE_DESTINATION, Field.ORIGINATOR_AE_TITLE, Field.ERROR_COMMENT})
"""Padded with a space (AE, LO); UIDs are padded with a zero (PS3.5 6.2)."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command set.

    Parameters
    ----------
    values : mapping
        Element number in group 0000 to the bytes of its value.
    """

    values: Mapping[int, bytes]

    @property
    def kind(self) -> int:
        """What it is: Command Field (0000,0100)."""
        return self.number(Field.COMMAND_FIELD)

    @property
    def has_data_set(self) -> bool:
        """Whether a data set follows."""
        return self.number(Field.DATA_SET_TYPE) != NO_DATA_SET

    @property
    def message_id(self) -> int:
        """Message ID (0000,0110) of a request."""
        return self.number(Field.MESSAGE_ID)

    @property
    def responds_to(self) -> int:
        """Message ID Being Responded To (0000,0120) of a response, or of a cancel request."""
        return self.number(Field.RESPONDED_TO)

    def number(self, field: Field) -> int:
        """Return the value of a US element; 0 where there is none."""
        value = self.values.get(field, b"")
        return int(struct.unpack("<H", value)[0]) if len(value) == 2 else 0

    def text(self, field: Field) -> str:
        """Return the value of a text element without its padding; empty where there is none."""
        return self.values.get(field, b"").decode("ascii", "replace").strip(" \0")

    @classmethod
    def of(cls, fields: Mapping[Field, int | str]) -> "Command":
        """Return a command set of these values.

        A UID or AE title is padded as its value representation asks; Offending Element is a tag.
        """
        return cls({field: _value(field, value) for field, value in fields.items()})

    def encoded(self) -> bytes:
        """Return it as it goes over the wire, its group length first."""
        elements = b"".join(_element(number, self.values[number]) for number in sorted(self.values))
        return _element(Field.GROUP_LENGTH, struct.pack("<I", len(elements))) + elements


def parse_command(content: bytes) -> Command | None:
    """Return a command set; None where it is none (PS3.7 6.3.1).

    It is of group 0000 alone, and says what it is and whether a data set follows.
    """
    values: dict[int, bytes] = {}
    for element in _elements(content):
        if element is None:
            return None
        number, value = element
        values[number] = value
    whole = all(len(values.get(one, b"")) == 2 for one in _ALWAYS)
    command = Command(values)
    return command if whole and command.kind in _KNOWN else None


def read_command(content: bytes) -> Command | None:
    """Return a command set of ours.

    None where it is none, is not of :class:`Kind`, or lacks what such a message has to have: it is
    then nothing that we serve.
    """
    command = parse_command(content)
    needed = None if command is None else _NEEDED.get(command.kind)
    if command is None or needed is None:
        return None
    values = command.values
    if command.kind == Kind.C_STORE_RQ and not command.has_data_set:
        return None
    whole = all(len(values.get(one, b"")) == 2 for one in needed if one in _NUMBERS)
    return command if whole and values.keys() >= set(needed) else None


def _elements(content: bytes) -> Iterator[tuple[int, bytes] | None]:
    """Yield number and value of each element; None, last, where the bytes are no command set."""
    at = 0
    while at + 8 <= len(content):
        group, number, length = struct.unpack_from("<HHI", content, at)
        at += 8
        if group != 0x0000 or at + length > len(content):
            yield None
            return
        yield number, content[at : at + length]
        at += length
    if at != len(content):
        yield None


def _value(field: Field, value: int | str) -> bytes:
    if isinstance(value, int):
        if field is Field.OFFENDING_ELEMENT:
            return struct.pack("<HH", value >> 16, value & 0xFFFF)
        return struct.pack("<H", value)
    content = value.encode("ascii", "replace")
    return content + (b" " if field in _SPACED else b"\0") * (len(content) % 2)


def _element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0x0000, number, len(value)) + value
