"""Tables in Markdown, and names as people read them."""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum

from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.uid import UID, UID_dictionary

__all__ = ["attribute", "keywords", "named", "statuses", "syntaxes", "table", "transfer_syntaxes"]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; a bar in a cell is no border."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return str(value).replace("|", r"\|").replace("\n", " ")


def named(uid: str) -> str:
    """Return a UID with its name."""
    return f"{UID(uid).name}, {uid}"


def syntaxes(uids: Iterable[str]) -> str:
    """Return transfer syntaxes by name and UID."""
    return "; ".join(f"{UID(uid).name} ({uid})" for uid in uids)


def transfer_syntaxes() -> list[UID]:
    """Return every transfer syntax that the dictionary has, in the order of their UIDs."""
    return sorted(
        UID(uid) for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"
    )


def attribute(keyword: str) -> str:
    """Return an attribute's name and tag."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return f"{dictionary_description(tag)} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def keywords(words: Iterable[str]) -> str:
    """Return attributes, one after another."""
    return "; ".join(attribute(word) for word in words)


def statuses(kind: type[IntEnum], meanings: Mapping[IntEnum, str]) -> str:
    """Return the table of the statuses of a service.

    Raises
    ------
    KeyError
        When a status has no meaning here: then the code has one that this page does not know.
    """
    rows = [(f"{int(one):04X}", meanings[one]) for one in sorted(kind)]
    return table(("status", "meaning"), rows)
