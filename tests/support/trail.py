"""An audit trail for a test, and what stands in one: every message is valid, or it fails."""

from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dicom_node.audit import Recorder
from dicom_node.audit.journal import Journal, beginning, lines_after, read_head, verify
from tests.support.audit_samples import HERE
from tests.support.audit_schema import parsed, schema_errors
from tests.support.audit_tables import profile_errors


@dataclass
class Told:
    """One message, taken apart."""

    xml: str
    event: str = ""
    kind: str = ""
    action: str = ""
    outcome: str = ""
    because: str = ""
    source: str = ""
    requestor: str = ""
    people: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    studies: list[str] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    things: list[str] = field(default_factory=list)
    details: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, xml: str) -> "Told":
        assert schema_errors(xml) == [], xml
        assert profile_errors(xml) == [], xml
        root = parsed(xml)
        event = root.find("EventIdentification")
        kind = event.find("EventTypeCode")
        told = cls(
            xml,
            event.find("EventID").get("originalText"),
            "" if kind is None else kind.get("originalText"),
            event.get("EventActionCode"),
            event.get("EventOutcomeIndicator"),
            event.findtext("EventOutcomeDescription") or "",
            root.find("AuditSourceIdentification").get("AuditSourceID"),
        )
        for one in root.findall("ActiveParticipant"):
            told.people.append(one.get("UserID"))
            told.addresses.append(one.get("NetworkAccessPointID"))
            told.roles |= {
                role.get("originalText"): one.get("UserID") for role in one.findall("RoleIDCode")
            }
            if one.get("UserIsRequestor") == "true":
                told.requestor = one.get("UserID")
        for thing in root.findall("ParticipantObjectIdentification"):
            told._take(thing)
        return told

    def _take(self, thing) -> None:
        name = thing.get("ParticipantObjectID")
        kind = thing.find("ParticipantObjectIDTypeCode").get("originalText")
        kept = {"Study Instance UID": self.studies, "Patient Number": self.patients}
        kept.get(kind, self.things).append(name)
        self.studies += [one.get("UID") for one in thing.iter("StudyIDs")]
        for one in thing.iter("SOPClass"):
            self.counts[one.get("UID")] = int(one.get("NumberOfInstances"))
        for one in thing.findall("ParticipantObjectDetail"):
            self.details[one.get("type")] = b64decode(one.get("value")).decode("utf-8", "replace")


def told_in(folder: Path) -> list[Told]:
    """Return every message of a journal, whose chain holds."""
    verdict = verify(folder)
    assert verdict.holds, verdict.why
    end = read_head(folder)
    if end is None:
        return []
    return [Told.of(read.line.message) for read in lines_after(folder, beginning(folder), end)]


class Trail:
    """A recorder with a journal of its own."""

    def __init__(self, folder: Path, source=HERE, now=None) -> None:
        self.journal = Journal(folder / "audit", 10**6)
        self.audit = Recorder(self.journal, source, now or (lambda: datetime.now(UTC)))

    def told(self, event: str = "") -> list[Told]:
        if read_head(self.journal.folder) is None:  # its first line may be on the way
            return []
        found = told_in(self.journal.folder)
        return [one for one in found if not event or one.event == event]
