"""The events of data: asked for, sent, received, read and made (PS3.15 A.5.3).

A transfer that went well in part is two events, one of each outcome; each is about one patient.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dicom_node.audit.message.codes import (
    BEGIN_TRANSFERRING,
    DESTINATION,
    IMPORT,
    INSTANCES_ACCESSED,
    INSTANCES_TRANSFERRED,
    QUERY,
    SOP_CLASS_UID,
    SOURCE,
    SOURCE_MEDIA,
)
from dicom_node.audit.message.study import Study
from dicom_node.audit.message.values import (
    US,
    Action,
    Event,
    Media,
    Outcome,
    Participant,
    Party,
    Person,
    Thing,
)

__all__ = [
    "Asked",
    "Way",
    "data_imported",
    "instances_accessed",
    "instances_transferred",
    "query",
    "transfer_begins",
]

_SYSTEM_OBJECT, _REPORT = 2, 3
_QUERY_MOST = 16_384
"""A receiver need not take a message of more than 32,768 bytes (PS3.15 A.6), base64 included."""


@dataclass(frozen=True, slots=True)
class Way:
    """From whom to whom, and who asked for it.

    Parameters
    ----------
    requestor : Party or None
        One of the two, or a third, as the caller of a C-MOVE to elsewhere is; None: nobody knows.
    """

    source: Party
    destination: Party
    requestor: Party | None = None

    def who(self) -> tuple[Participant, ...]:
        """Return the participants: source, destination, and the third if there is one."""
        ends = (
            Participant(self.source, (SOURCE,), self.requestor == self.source),
            Participant(self.destination, (DESTINATION,), self.requestor == self.destination),
        )
        if self.requestor in (None, self.source, self.destination):
            return ends
        return (*ends, Participant(self.requestor, (), is_requestor=True))


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as it went over the wire.

    Parameters
    ----------
    sop_class_uid : str
        Of the query service, e.g. Study Root FIND.
    identifier : bytes
        The encoded data set of the query.
    transfer_syntax_uid : str
        How it is encoded.
    """

    sop_class_uid: str
    identifier: bytes
    transfer_syntax_uid: str


def query(at: datetime, way: Way, asked: Asked, outcome: Outcome = Outcome.SUCCESS) -> Event:
    """Return the event of a query, ours to a peer or a peer's to us (A.5.3.10).

    What was answered is not part of it. The beginning of a very long identifier is kept, with the
    length and the SHA-256 of the whole.

    Parameters
    ----------
    way : Way
        The source is who asks, the destination who answers.
    """
    details = [("TransferSyntax", asked.transfer_syntax_uid.encode())]
    if len(asked.identifier) > _QUERY_MOST:
        whole = f"{len(asked.identifier)} {hashlib.sha256(asked.identifier).hexdigest()}"
        details.append(("Truncated from bytes, SHA-256", whole.encode()))
    thing = Thing(
        asked.sop_class_uid,
        SOP_CLASS_UID,
        _SYSTEM_OBJECT,
        _REPORT,
        query=asked.identifier[:_QUERY_MOST],
        details=tuple(details),
    )
    return Event(QUERY, Action.EXECUTE, at, way.who(), things=(thing,), outcome=outcome)


def transfer_begins(at: datetime, way: Way, study: Study) -> Event:
    """Return the event of a transfer that begins: what is about to be sent (A.5.3.3)."""
    return Event(BEGIN_TRANSFERRING, Action.EXECUTE, at, way.who(), things=study.things())


def instances_transferred(
    at: datetime,
    way: Way,
    study: Study,
    action: Action = Action.READ,
    outcome: Outcome = Outcome.SUCCESS,
    because: str = "",
) -> Event:
    """Return the event of a transfer that ended (A.5.3.7).

    Parameters
    ----------
    action : Action
        READ of who sends. Of who receives: CREATE for what is new there, READ for what was there
        as it came, UPDATE for what would have changed what is there.
    because : str
        Why it ended so, where the outcome is no success.
    """
    things = study.things()
    return Event(
        INSTANCES_TRANSFERRED,
        action,
        at,
        way.who(),
        things=things,
        outcome=outcome,
        because=because,
    )


def instances_accessed(
    at: datetime,
    study: Study,
    action: Action = Action.READ,
    outcome: Outcome = Outcome.SUCCESS,
    person: Person | None = None,
) -> Event:
    """Return the event of instances that are read, made, changed or deleted here (A.5.3.6).

    Parameters
    ----------
    action : Action
        READ of what a job works on, CREATE of what it made.
    person : Person or None
        Who asked for it; None: the node by itself.
    """
    who: tuple[Participant, ...] = (Participant(US, is_requestor=person is None),)
    if person is not None:
        who = (Participant(person, is_requestor=True), *who)
    return Event(INSTANCES_ACCESSED, action, at, who, things=study.things(), outcome=outcome)


def data_imported(
    at: datetime,
    person: Person,
    folder_uri: str,
    studies: Sequence[Study],
    outcome: Outcome = Outcome.SUCCESS,
    because: str = "",
) -> Event:
    """Return the event of files that were added from disk (A.5.3.5); several patients may be."""
    who = (
        Participant(person, (DESTINATION,), is_requestor=True),
        Participant(US, (DESTINATION,)),
        Participant(Media(folder_uri), (SOURCE_MEDIA,)),
    )
    things = tuple(thing for study in studies for thing in study.things())
    return Event(IMPORT, Action.CREATE, at, who, things=things, outcome=outcome, because=because)
