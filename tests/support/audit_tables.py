"""The tables of audit events, PS3.15 A.5.2 and A.5.3, transcribed to hold messages against them.

It shares nothing with the code that writes them. Each error names the section that it breaks.
"""

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from tests.support.audit_schema import parsed

STUDY, PATIENT = "study", "patient"
SECURITY_ALERTS = {str(number) for number in range(110126, 110143)} | {
    "110120", "110121", "110122", "110123", "110124", "110125",
}  # fmt: skip
"""PS3.16 CID 403."""


@dataclass(frozen=True)
class Table:
    """What the table of one event wants.

    ``roles`` are role codes with how many participants have them at least and at most, ``people``
    how many participants there are, ``things`` how many of each kind.
    """

    section: str
    name: str
    actions: str
    types: frozenset[str] = frozenset()
    roles: dict = field(default_factory=dict)
    people: tuple[int, float] = (1, float("inf"))
    things: dict = field(default_factory=dict)


MANY = float("inf")
_ENDS = {"110153": (1, 1), "110152": (1, 1)}
_OF_ONE_PATIENT = {STUDY: (1, MANY), PATIENT: (1, 1)}
TABLES = {
    "110100": Table(
        "A.5.3.1", "Application Activity", "E", frozenset({"110120", "110121"}),
        {"110150": (1, 1), "110151": (0, MANY)},
    ),
    "110101": Table("A.5.3.2", "Audit Log Used", "R", people=(1, 2), things={"log": (1, 1)}),
    "110102": Table(
        "A.5.3.3", "Begin Transferring DICOM Instances", "E", roles=_ENDS, things=_OF_ONE_PATIENT
    ),
    "110107": Table(
        "A.5.3.5", "Import", "C", roles={"110152": (1, MANY), "110155": (1, 1)},
        things={STUDY: (0, MANY), PATIENT: (1, MANY)},
    ),
    "110103": Table(
        "A.5.3.6", "DICOM Instances Accessed", "CRUD", people=(1, 2), things=_OF_ONE_PATIENT
    ),
    "110104": Table(
        "A.5.3.7", "DICOM Instances Transferred", "CRU", roles=_ENDS, things=_OF_ONE_PATIENT
    ),
    "110112": Table("A.5.3.10", "Query", "E", roles=_ENDS, things={"query": (1, 1)}),
    "110113": Table(
        "A.5.3.11", "Security Alert", "E", frozenset(SECURITY_ALERTS), things={"subject": (0, MANY)}
    ),
    "110114": Table(
        "A.5.3.12", "User Authentication", "E", frozenset({"110122", "110123"}), people=(1, 2)
    ),
}  # fmt: skip


def profile_errors(xml: str) -> list[str]:
    """Return what breaks A.5.2, or the table of the event; the schema holds."""
    root = parsed(xml)
    event = root.find("EventIdentification")
    code = event.find("EventID")
    table = TABLES.get(code.get("csd-code"))
    if table is None or code.get("codeSystemName") != "DCM":
        return [f"no table for event {code.get('csd-code')}"]
    found = list(_general(root, event))
    if code.get("originalText") != table.name:
        found.append(f"{table.section}: event {code.get('csd-code')} is called {table.name}")
    if event.get("EventActionCode", "none") not in table.actions:
        found.append(f"{table.section}: action is not of {table.actions}")
    types = {one.get("csd-code") for one in event.findall("EventTypeCode")}
    if bool(table.types) != bool(types) or not types <= table.types:
        found.append(f"{table.section}: EventTypeCode is {sorted(types)}")
    found += _participants(root, table)
    found += _things(root, table)
    return found


def _general(root: Element, event: Element):
    if not re.search(r"(Z|[+-]\d\d:\d\d)$", event.get("EventDateTime")):
        yield "A.5.2.5: EventDateTime has no zone"
    participants = root.findall("ActiveParticipant")
    if sum(one.get("UserIsRequestor") in ("true", "1") for one in participants) > 1:
        yield "A.5.2: more than one requestor"
    for one in participants:
        point, kind = one.get("NetworkAccessPointID"), one.get("NetworkAccessPointTypeCode")
        if (point is None) != (kind is None):
            yield "A.5.2: an access point without its type, or a type without its access point"
    for thing in root.findall("ParticipantObjectIdentification"):
        description = thing.find("ParticipantObjectDescription")
        is_study = _id_type(thing) == ("110180", "DCM")
        if is_study and description is not None and description.find("SOPClass") is None:
            yield "A.5.2: a study with a description, and no SOP class in it"
        if is_study and thing.find(".//ParticipantObjectContainsStudy") is not None:
            yield "A.5.2: a study that contains a study"


def _id_type(thing: Element) -> tuple[str, str]:
    code = thing.find("ParticipantObjectIDTypeCode")
    return code.get("csd-code"), code.get("codeSystemName")


def _roles(participant: Element) -> set[str]:
    return {role.get("csd-code") for role in participant.findall("RoleIDCode")}


def _participants(root: Element, table: Table):
    participants = root.findall("ActiveParticipant")
    least, most = table.people
    if not least <= len(participants) <= most:
        yield f"{table.section}: {len(participants)} participants"
    for role, (least, most) in table.roles.items():
        count = sum(role in _roles(one) for one in participants)
        if not least <= count <= most:
            yield f"{table.section}: {count} participants with role {role}"
    for one in participants:
        if "110155" in _roles(one) and one.find("MediaIdentifier") is None:
            yield f"{table.section}: a source medium without its identifier"
    if table.section == "A.5.3.12" and participants[0].get("NetworkAccessPointID") is None:
        yield f"{table.section}: a person without an access point"
    if any(_asks(one) for one in _passive(participants, table)):
        yield f"{table.section}: who may not ask counts as requestor"


def _passive(participants: list[Element], table: Table) -> list[Element]:
    """Return those that the table says are no requestors: media, and who performed."""
    media = [one for one in participants if "110155" in _roles(one)]
    return media + (participants[1:] if table.section == "A.5.3.11" else [])


def _asks(participant: Element) -> bool:
    return participant.get("UserIsRequestor") != "false"


def _things(root: Element, table: Table):
    things = root.findall("ParticipantObjectIdentification")
    kinds = [_kind(thing, table.section) for thing in things]
    for kind in set(kinds) - set(table.things):
        yield f"{table.section}: an object that is {kind}"
    for kind, (least, most) in table.things.items():
        if not least <= kinds.count(kind) <= most:
            yield f"{table.section}: {kinds.count(kind)} objects that are {kind}"


_KINDS = {
    ("2", "3", "110180", "DCM"): STUDY,
    ("1", "1", "2", "RFC-3881"): PATIENT,
    ("2", "3", "110181", "DCM"): "query",
    ("2", None, "110182", "DCM"): "subject",
    ("2", "5", "12", "RFC-3881"): "subject",
    ("2", "13", "12", "RFC-3881"): "subject",
}


def _kind(thing: Element, section: str) -> str:
    """Return what an object is by its codes; a sentence where it is nothing known."""
    types = thing.get("ParticipantObjectTypeCode"), thing.get("ParticipantObjectTypeCodeRole")
    details = {one.get("type") for one in thing.findall("ParticipantObjectDetail")}
    kind = _KINDS.get((*types, *_id_type(thing)), f"coded {types} {_id_type(thing)}")
    if kind == "subject" and section == "A.5.3.2":
        is_log = thing.findtext("ParticipantObjectName") == "Security Audit Log"
        return "log" if is_log else "a log by another name"
    if kind == "subject" and "Alert Description" not in details:
        return "an alert about nothing"
    if kind == "query" and "TransferSyntax" not in details:
        return "a query without its text"
    return kind
