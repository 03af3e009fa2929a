"""What a message says, in the few words that a person looks for."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring

__all__ = ["Summary", "summary_of"]


@dataclass(frozen=True, slots=True)
class Summary:
    """A message in words.

    Parameters
    ----------
    at : str
        When it happened.
    event, kinds : str, tuple of str
        EventID and EventTypeCode, by their meaning.
    who : tuple of str
        UserID of each who took part, with the AE title; who asked for it has a ``*``.
    things : tuple of str
        What it was done to: UIDs, IDs and URIs.
    """

    at: str
    event: str
    kinds: tuple[str, ...]
    action: str
    outcome: str
    who: tuple[str, ...]
    things: tuple[str, ...]


def summary_of(message: str) -> Summary | None:
    """Return what a message of this node says; None where it is none."""
    try:
        # a line of the journal has its hash, and no entity is expanded: there is no DOCTYPE
        root = None if "<!" in message else fromstring(message)  # noqa: S314
    except ParseError:
        return None
    event = None if root is None else root.find("EventIdentification")
    if root is None or event is None:
        return None
    return Summary(
        at=event.get("EventDateTime", ""),
        event=_meaning(event.find("EventID")),
        kinds=tuple(_meaning(kind) for kind in event.findall("EventTypeCode")),
        action=event.get("EventActionCode", ""),
        outcome=event.get("EventOutcomeIndicator", ""),
        who=tuple(_who(one) for one in root.findall("ActiveParticipant")),
        things=tuple(
            one.get("ParticipantObjectID", "")
            for one in root.findall("ParticipantObjectIdentification")
        ),
    )


def _meaning(code: Element | None) -> str:
    return "" if code is None else code.get("originalText", "")


def _who(one: Element) -> str:
    mark = "*" if one.get("UserIsRequestor") == "true" else ""
    titles = one.get("AlternativeUserID", "").removeprefix("AETITLES=")
    name = one.get("UserID", "")
    return f"{name}{f' ({titles})' if titles and titles != name else ''}{mark}"
