"""An audit event as a value: what happened when, who took part, what it was done to.

Pixel data and headers have no place here: a study is named by its UID, a patient by the patient's
ID, instances by how many there are of each SOP class.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum, StrEnum

from dicom_node.audit.message.codes import Code

__all__ = [
    "NOTHING",
    "US",
    "Action",
    "Contents",
    "Event",
    "Media",
    "Outcome",
    "Participant",
    "Party",
    "Person",
    "Remote",
    "Thing",
    "Us",
]


class Action(StrEnum):
    """What was done: EventActionCode."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(IntEnum):
    """How it ended: EventOutcomeIndicator."""

    SUCCESS = 0
    MINOR = 4
    SERIOUS = 8
    MAJOR = 12


@dataclass(frozen=True, slots=True)
class Us:
    """The node itself; who that is, the recorder knows."""


US = Us()


@dataclass(frozen=True, slots=True)
class Remote:
    """Another system.

    Parameters
    ----------
    name : str
        As peers.toml names it; of one that peers.toml does not know, what it calls itself.
    ae_title : str
        Empty: it has none.
    address : str
        IP address, host name, or URI of a folder or a web service.
    """

    name: str
    ae_title: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts: ``login@host``, and where from, if that is known."""

    login: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """A place that is read as media are: the URI of a folder."""

    uri: str


Party = Us | Remote | Person | Media


@dataclass(frozen=True, slots=True)
class Participant:
    """One of those who took part (ActiveParticipant), in which roles."""

    party: Party
    roles: tuple[Code, ...] = ()
    is_requestor: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """What a thing holds (ParticipantObjectDescription).

    Parameters
    ----------
    classes : tuple of (SOP Class UID, number of instances)
    studies : tuple of str
        Study Instance UIDs that a thing belongs to which is no study itself.
    """

    accessions: tuple[str, ...] = ()
    classes: tuple[tuple[str, int], ...] = ()
    studies: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.accessions or self.classes or self.studies)


NOTHING = Contents()


@dataclass(frozen=True, slots=True)
class Thing:
    """What it was done to (ParticipantObjectIdentification).

    Parameters
    ----------
    id, id_type : str, Code
        Which one, and what kind of identifier that is.
    type_code, role : int
        PS3.15 A.5.1.2: a person or a system object, and the part that it plays; role 0 is none.
    query : bytes or None
        A query in place of a name.
    details : tuple of (type, value)
    """

    id: str
    id_type: Code
    type_code: int
    role: int = 0
    name: str = ""
    query: bytes | None = None
    details: tuple[tuple[str, bytes], ...] = ()
    contents: Contents = NOTHING


@dataclass(frozen=True, slots=True)
class Event:
    """One audit message, but for who tells it.

    Parameters
    ----------
    code, types : Code, tuple of Code
        EventID and EventTypeCode.
    at : datetime
        When it happened, with its zone (PS3.15 A.5.2.5).
    who : tuple of Participant
        At least one, and at most one of them asked for it (PS3.15 A.5.2).
    because : str
        Why it ended so; empty where there is nothing to say.
    repeats : str
        Events of one key may come in thousands; within a minute only the first is told at once,
        the others are counted. Empty: each is told.

    Raises
    ------
    ValueError
        When it breaks the rules above.
    """

    code: Code
    action: Action
    at: datetime
    who: tuple[Participant, ...]
    types: tuple[Code, ...] = ()
    things: tuple[Thing, ...] = ()
    outcome: Outcome = Outcome.SUCCESS
    because: str = ""
    repeats: str = ""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a time without a zone; use datetime.now(UTC)")
        if not self.who:
            raise ValueError("an event without a participant; somebody took part")
        if sum(one.is_requestor for one in self.who) > 1:
            raise ValueError("two participants that asked for it; one at most is wanted")

    def with_detail(self, kind: str, value: str) -> "Event":
        """Return the event with one more detail on each thing."""
        detail = (kind, value.encode("utf-8", "replace"))
        things = (replace(one, details=(*one.details, detail)) for one in self.things)
        return replace(self, things=tuple(things))
