"""One event of each constructor, with what comes over a wire in it."""

from datetime import UTC, datetime, timedelta, timezone

from dicom_node.audit import US, Action, Outcome, Person, Remote, Study, alerts, events
from dicom_node.audit.message import Event, Source, codes

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
HERE = Source("NODE-1", "Site & Sons", "SYNTHNODE", "node.example", 4711)
NAMING = Source("NODE-1", "", "SYNTHNODE", "node.example", 4711, patient_names=True)
SCANNER = Remote("scanner", "SCANNER", "192.0.2.7")
PACS = Remote("pacs", "ORTHANC", "pacs.example")
SHARE = Remote("share", address="file:///mnt/share")
NURSE = Person("nurse@station", "2001:db8::7")
MR, CT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2"
STUDY = Study("1.2.3", ((MR, 35), (CT, 2)), "P-4711", "Müller^Ängström", "A\x1b<1>")
IN = events.Way(SCANNER, US, SCANNER)
OUT = events.Way(US, PACS, US)
ZURICH = timezone(timedelta(hours=1))


def samples() -> dict[str, Event]:
    asked = events.Asked("1.2.840.10008.5.1.4.1.2.2.1", b"\x08\x00R\x00\0\xff", "1.2.840.10008.1.2")
    long_one = events.Asked(asked.sop_class_uid, b"1.2.3\\" * 20_000, asked.transfer_syntax_uid)
    refused = Remote("STR\0NGE\u2028R", "STR\0NGER", "192.0.2.66")
    job, file = "urn:dicom-synthesis-node:job:17", "file:///etc/dicom-node/peers.toml"
    changed = [alerts.Changed("file:///etc/dicom-node", "sha256"), alerts.Changed(file, "new")]
    return {
        "application_started": alerts.application_started(AT, NURSE),
        "application_stopped": alerts.application_stopped(AT.astimezone(ZURICH), NURSE),
        "audit_log_used": alerts.audit_log_used(AT, NURSE, "file:///var/audit"),
        "configuration_read": alerts.configuration_read(AT, changed, security=False),
        "configuration_read, security": alerts.configuration_read(
            AT, changed, security=True, person=NURSE
        ),
        "data_imported": events.data_imported(AT, NURSE, "file:///mnt/cd", [STUDY, STUDY]),
        "data_imported, apart": events.data_imported(
            AT, NURSE, "file:///mnt/cd", [STUDY], Outcome.MINOR, "kept apart"
        ),
        "instances_accessed": events.instances_accessed(AT, STUDY),
        "instances_accessed, for a person": events.instances_accessed(
            AT, STUDY, Action.CREATE, person=NURSE
        ),
        "instances_transferred": events.instances_transferred(AT, OUT, STUDY),
        "instances_transferred, new": events.instances_transferred(AT, IN, STUDY, Action.CREATE),
        "instances_transferred, refused": events.instances_transferred(
            AT, IN, Study(""), Action.CREATE, Outcome.SERIOUS, "two\nlines & <more>"
        ),
        "instances_transferred, asked by a third": events.instances_transferred(
            AT, events.Way(US, SHARE, SCANNER), STUDY, Action.UPDATE, Outcome.MINOR
        ),
        "lines_deleted": alerts.lines_deleted(AT, file, "old"),
        "model_mismatch": alerts.model_mismatch(AT, "file:///models/x", "another digest"),
        "node_refused": alerts.node_refused(AT, refused, "nobody knows 'STR\0NGER'"),
        "node_refused, bad certificate": alerts.node_refused(
            AT, Remote("unknown", address="192.0.2.66"), "its certificate expired"
        ),
        "query": events.query(AT, events.Way(SCANNER, US, SCANNER), asked),
        "query, long": events.query(AT, events.Way(US, PACS), long_one, Outcome.MINOR),
        "recording_stopped": alerts.recording_stopped(AT, "file:///var/audit", "disk full"),
        "restricted_function": alerts.restricted_function(AT, NURSE, job, "cancelled", "1.2.3"),
        "restricted_function, of no study": alerts.restricted_function(AT, NURSE, job, "so"),
        "transfer_begins": events.transfer_begins(AT, OUT, STUDY),
        "user_authenticated": alerts.user_authenticated(AT, NURSE),
        "user_authenticated, in vain": alerts.user_authenticated(
            AT, NURSE, codes.LOGOUT, Outcome.SERIOUS
        ),
    }
