"""The events of the node itself: started, refused, configured, logged in to (PS3.15 A.5.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dicom_node.audit.message.codes import (
    ALERT_DESCRIPTION,
    APPLICATION,
    APPLICATION_ACTIVITY,
    APPLICATION_LAUNCHER,
    APPLICATION_START,
    APPLICATION_STOP,
    AUDIT_LOG_USED,
    AUDIT_RECORDING_STOPPED,
    LOGIN,
    NODE_AUTHENTICATION,
    NODE_ID,
    RESTRICTED_FUNCTION,
    SECURITY_ALERT,
    SECURITY_CONFIGURATION,
    SOFTWARE_CONFIGURATION,
    URI,
    USER_AUTHENTICATION,
    Code,
)
from dicom_node.audit.message.values import (
    NOTHING,
    US,
    Action,
    Contents,
    Event,
    Outcome,
    Participant,
    Person,
    Remote,
    Thing,
)

__all__ = [
    "Changed",
    "application_started",
    "application_stopped",
    "audit_log_used",
    "configuration_read",
    "lines_deleted",
    "model_mismatch",
    "node_refused",
    "recording_stopped",
    "restricted_function",
    "user_authenticated",
]

_SYSTEM_OBJECT, _MASTER_FILE, _SECURITY_RESOURCE = 2, 5, 13


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that decides what the node does, and what is to be said of it."""

    uri: str
    text: str


def application_started(at: datetime, launcher: Person) -> Event:
    """Return the event of a process of the node that starts to serve (A.5.3.1)."""
    return _activity(at, launcher, APPLICATION_START)


def application_stopped(at: datetime, launcher: Person) -> Event:
    """Return the event of a process of the node that ends as asked (A.5.3.1)."""
    return _activity(at, launcher, APPLICATION_STOP)


def _activity(at: datetime, launcher: Person, kind: Code) -> Event:
    who = (
        Participant(US, (APPLICATION,)),
        Participant(launcher, (APPLICATION_LAUNCHER,), is_requestor=True),
    )
    return Event(APPLICATION_ACTIVITY, Action.EXECUTE, at, who, (kind,))


def node_refused(at: datetime, caller: Remote, why: str) -> Event:
    """Return the alert that a peer could not show who it is (A.5.3.11, Node Authentication).

    An AE title or an address that peers.toml does not know, a called AE title that is not ours, a
    certificate that nobody vouches for; too much asked for at once. A caller that comes
    again and again is told once a minute, with how often it came.

    Parameters
    ----------
    caller : Remote
        What it calls itself, and its address.
    """
    thing = Thing(
        caller.address or caller.name, NODE_ID, _SYSTEM_OBJECT, name=caller.name, details=_said(why)
    )
    event = _alert(at, NODE_AUTHENTICATION, [thing], Outcome.MINOR, Participant(caller))
    return replace(event, repeats=f"{caller.address} {caller.name} {why}")


def restricted_function(
    at: datetime, person: Person, uri: str, what: str, study_uid: str = ""
) -> Event:
    """Return the alert that a person did what changes the node's work (A.5.3.11).

    Parameters
    ----------
    uri : str
        What it was done to, e.g. ``urn:dicom-synthesis-node:job:17``.
    what : str
        What was done, in a sentence.
    study_uid : str
        The study that it concerns, if it concerns one.
    """
    thing = _resource(uri, what, Contents(studies=(study_uid,)) if study_uid else NOTHING)
    return _alert(at, RESTRICTED_FUNCTION, [thing], Outcome.SUCCESS, Participant(person))


def model_mismatch(at: datetime, uri: str, why: str) -> Event:
    """Return the alert that the weights of a model are not those that it was registered with.

    The job was refused: a serious failure that did no harm (A.5.3.11).
    """
    return _alert(at, RESTRICTED_FUNCTION, [_resource(uri, why)], Outcome.SERIOUS)


def configuration_read(
    at: datetime, changed: Sequence[Changed], *, security: bool, person: Person | None = None
) -> Event:
    """Return the alert that says which configuration is in force from now on (A.5.3.11).

    Parameters
    ----------
    changed : sequence of Changed
        The folder with its digest, and each file that is not as it was at the start before.
    security : bool
        Whether who may call, or what is written down, is among what changed.
    person : Person or None
        Who changed it, where that is known.
    """
    things = [
        Thing(one.uri, URI, _SYSTEM_OBJECT, _MASTER_FILE, one.uri, details=_said(one.text))
        for one in changed
    ]
    kind = SECURITY_CONFIGURATION if security else SOFTWARE_CONFIGURATION
    others = () if person is None else (Participant(person),)
    return _alert(at, kind, things, Outcome.SUCCESS, *others)


def recording_stopped(at: datetime, uri: str, why: str) -> Event:
    """Return the alert that the audit trail has, or may have, a hole (A.5.3.11)."""
    return _alert(at, AUDIT_RECORDING_STOPPED, [_resource(uri, why)], Outcome.SERIOUS)


def lines_deleted(at: datetime, uri: str, why: str) -> Event:
    """Return the alert that the node deleted old lines of the trail, as it was told (A.5.3.11)."""
    return _alert(at, RESTRICTED_FUNCTION, [_resource(uri, why)], Outcome.SUCCESS)


def user_authenticated(
    at: datetime, person: Person, kind: Code = LOGIN, outcome: Outcome = Outcome.SUCCESS
) -> Event:
    """Return the event of a person who logs in or out, or tries to (A.5.3.12).

    Parameters
    ----------
    person : Person
        With the address that the attempt came from: this event wants one.
    kind : Code
        ``codes.LOGIN`` or ``codes.LOGOUT``.

    Raises
    ------
    ValueError
        When there is no address.
    """
    if not person.address:
        raise ValueError("a login from nowhere; the address of the attempt is wanted")
    who = (Participant(person, is_requestor=True), Participant(US))
    return Event(USER_AUTHENTICATION, Action.EXECUTE, at, who, (kind,), outcome=outcome)


def audit_log_used(at: datetime, person: Person, uri: str) -> Event:
    """Return the event of somebody who reads the audit trail (A.5.3.2)."""
    thing = Thing(uri, URI, _SYSTEM_OBJECT, _SECURITY_RESOURCE, name="Security Audit Log")
    who = (Participant(person, is_requestor=True), Participant(US))
    return Event(AUDIT_LOG_USED, Action.READ, at, who, things=(thing,))


def _alert(
    at: datetime, kind: Code, things: Sequence[Thing], outcome: Outcome, *others: Participant
) -> Event:
    """Return an alert that we report; ``others`` did it, and count as no requestors."""
    who = (Participant(US), *others)
    return Event(SECURITY_ALERT, Action.EXECUTE, at, who, (kind,), tuple(things), outcome)


def _resource(uri: str, text: str, contents: Contents = NOTHING) -> Thing:
    return Thing(
        uri, URI, _SYSTEM_OBJECT, _SECURITY_RESOURCE, uri, details=_said(text), contents=contents
    )


def _said(text: str) -> tuple[tuple[str, bytes], ...]:
    return ((ALERT_DESCRIPTION, text.encode("utf-8", "replace")),)
