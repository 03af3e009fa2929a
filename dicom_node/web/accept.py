"""What a client takes: the Accept header, taken apart (RFC 9110 12.5.1, PS3.18 8.7)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import Request

from dicom_node.web.problem import Refused

__all__ = [
    "ANY",
    "DICOM",
    "JSON",
    "OCTETS",
    "XML",
    "Offer",
    "Wanted",
    "chosen",
    "parameters_of",
    "wanted_by",
]

DICOM, OCTETS = "application/dicom", "application/octet-stream"
JSON, XML = "application/dicom+json", "application/dicom+xml"
ANY = "*"
"""As a transfer syntax: whatever it is stored in."""
_ALIKE = {"application/json": JSON, "text/json": JSON}
_MULTIPART = "multipart/related"
_MOST = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """One way in which a client takes an answer.

    Parameters
    ----------
    kind : str
        Media type, of the parts where there are parts; ``*`` stands for any.
    multipart : bool or None
        Whether in parts; None where the client does not mind.
    syntax : str
        Transfer syntax UID, ``*`` for any, empty where none is named.
    """

    kind: str
    multipart: bool | None
    syntax: str = ""

    def takes(self, kind: str, *, multipart: bool) -> bool:
        """Whether an answer of this kind will do."""
        if self.multipart is not None and self.multipart is not multipart:
            return False
        return self.kind in ("*/*", kind, f"{kind.split('/')[0]}/*")


@dataclass(frozen=True, slots=True)
class Offer:
    """One way in which we answer."""

    kind: str
    multipart: bool = False


def wanted_by(request: Request) -> list[Wanted]:
    """Return what a client takes, what it likes best first; ``accept`` in the query goes first."""
    texts = request.query_params.getlist("accept") or request.headers.getlist("accept")
    found = [one for text in texts for one in _ranges(text)][:_MOST]
    if not found:
        found = [(1.0, Wanted("*/*", None))]
    return [wanted for quality, wanted in sorted(found, key=lambda one: -one[0]) if quality > 0]


def chosen(wanted: Sequence[Wanted], offers: Sequence[Offer]) -> Offer:
    """Return the first of our offers that suits what the client likes best.

    Raises
    ------
    Refused
        With 406 where none suits it.
    """
    for one in wanted:
        for offer in offers:
            if one.takes(offer.kind, multipart=offer.multipart):
                return offer
    names = ", ".join(f'{_MULTIPART}; type="{o.kind}"' if o.multipart else o.kind for o in offers)
    raise Refused(406, f"none of what Accept names can be given; there is {names}")


def parameters_of(text: str) -> tuple[str, dict[str, str]]:
    """Return a media type in small letters, and its parameters, names in small letters."""
    kind, *rest = _split(text, ";")
    parameters: dict[str, str] = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters.setdefault(name.strip().lower(), _unquoted(value.strip()))
    return kind.strip().lower(), parameters


def _ranges(text: str) -> Iterator[tuple[float, Wanted]]:
    for part in _split(text, ","):
        kind, parameters = parameters_of(part)
        if kind.count("/") != 1:
            continue
        syntax = parameters.get("transfer-syntax", "")
        yield _quality(parameters.get("q", "1")), _wanted(kind, parameters, syntax)


def _wanted(kind: str, parameters: dict[str, str], syntax: str) -> Wanted:
    if kind in (_MULTIPART, "multipart/*"):
        inner = parameters.get("type", "*/*").lower()
        inner, _, more = inner.partition(";")  # some put the transfer syntax within the quotes
        inside = parameters_of(f"x;{more}")[1].get("transfer-syntax", "")
        return Wanted(_ALIKE.get(inner.strip(), inner.strip()), True, syntax or inside)
    if kind == "*/*":
        return Wanted(kind, None, syntax)
    return Wanted(_ALIKE.get(kind, kind), False, syntax)


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def _split(text: str, separator: str) -> list[str]:
    """Take a list apart where the separator stands outside quotes."""
    parts, start, quoted = [], 0, False
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == separator and not quoted:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
