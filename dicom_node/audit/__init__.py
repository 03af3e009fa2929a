"""The audit trail: who did what to whose images, and how it ended (PS3.15 A.5, IHE ATNA).

What enters: events, from every room that does something worth telling. What leaves: lines of a
journal that cannot be changed unseen, and syslog messages to whoever collects them.

A room that has something to tell is given an :class:`Audit` and calls ``audit.record(...)`` with
one constructor an event, before the commit of what it tells. What costs time to find out, it leaves
where ``audit.on`` is false. ``Way(source=peer, destination=US, requestor=peer)`` says who asked
whom; ``remote_of`` makes a participant of a peer, ``read_study`` a study with its patient::

    a query came             events.query(now, way, events.Asked(sop_class, identifier, syntax))
    a retrieval begins       events.transfer_begins(now, way, study)
    instances went or came   events.instances_transferred(now, way, study, action, outcome, why)
    a job reads or makes     events.instances_accessed(now, study, action)
    a peer is not who it is  alerts.node_refused(now, Remote(title, title, address), why)
    a person logs in or out  alerts.user_authenticated(now, Person(login, address), kind, outcome)
    weights are others       alerts.model_mismatch(now, path.as_uri(), why)
    a person changes things  alerts.restricted_function(now, person, uri, what, study_uid)
"""

from dicom_node.audit.brought import count_apart, events_of
from dicom_node.audit.copied import CopiedTrail
from dicom_node.audit.here import audit_folder, audit_of, journal_of, person_of, remote_of
from dicom_node.audit.inventory import Inventory
from dicom_node.audit.known import KnownEnd
from dicom_node.audit.message import (
    US,
    Action,
    Event,
    Outcome,
    Person,
    Remote,
    Study,
    alerts,
    events,
    read_study,
)
from dicom_node.audit.recorder import Audit, Recorder, Silence
from dicom_node.audit.sent import outcome_of
from dicom_node.audit.stage import AuditStage
from dicom_node.audit.syslog import SyslogStage
from dicom_node.audit.tally import Brought, Fate, Tally

__all__ = [
    "US",
    "Action",
    "Audit",
    "AuditStage",
    "Brought",
    "CopiedTrail",
    "Event",
    "Fate",
    "Inventory",
    "KnownEnd",
    "Outcome",
    "Person",
    "Recorder",
    "Remote",
    "Silence",
    "Study",
    "SyslogStage",
    "Tally",
    "alerts",
    "audit_folder",
    "audit_of",
    "count_apart",
    "events",
    "events_of",
    "journal_of",
    "outcome_of",
    "person_of",
    "read_study",
    "remote_of",
]
