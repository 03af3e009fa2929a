"""An event as XML, by the schema of PS3.15 A.5.1.1: the only module that knows this dialect.

An older dialect is still about (``code`` for ``csd-code``, SOPClass directly below the object); it
fails against the present schema, and is written nowhere here.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from xml.etree.ElementTree import Element, SubElement, tostring

from dicom_node.audit.message.codes import URI_MEDIA, Code
from dicom_node.audit.message.values import (
    Contents,
    Event,
    Media,
    Participant,
    Party,
    Person,
    Remote,
    Thing,
    Us,
)

__all__ = ["Source", "to_xml"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (2.2), however they are escaped."""
_APPLICATION_SERVER = "4"
_PERSON, _PATIENT = 1, 1
_MACHINE_NAME, _IP_ADDRESS, _URI = "1", "2", "5"


@dataclass(frozen=True, slots=True)
class Source:
    """Who tells: this process of this node.

    Parameters
    ----------
    source_id, site_id : str
        AuditSourceID, and AuditEnterpriseSiteID; the site may be empty.
    ae_title, host, process_id : str, str, int
        Of this process.
    patient_names : bool
        Whether messages may hold names of patients.
    """

    source_id: str
    site_id: str
    ae_title: str
    host: str
    process_id: int
    patient_names: bool = False


def to_xml(event: Event, source: Source) -> str:
    """Return the message, on one line and without an XML declaration.

    Text that came over the wire is harmless in it: it is escaped, and characters that XML cannot
    hold are replaced by U+FFFD.

    References
    ----------
    PS3.15 A.5.1 (schema), A.5.2 (conventions).
    """
    message = Element("AuditMessage")
    _add_event(message, event)
    for one in event.who:
        _add_participant(message, one, source)
    told_by = _given(
        {"AuditEnterpriseSiteID": source.site_id or None, "AuditSourceID": source.source_id}
    )
    identification = SubElement(message, "AuditSourceIdentification", told_by)
    SubElement(identification, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})
    for thing in event.things:
        _add_thing(message, thing, source)
    return tostring(message, encoding="unicode")


def _add_event(message: Element, event: Event) -> None:
    attributes = {
        "EventActionCode": event.action.value,
        "EventDateTime": event.at.isoformat(timespec="milliseconds"),
        "EventOutcomeIndicator": str(event.outcome.value),
    }
    element = SubElement(message, "EventIdentification", attributes)
    _add_codes(element, "EventID", [event.code])
    _add_codes(element, "EventTypeCode", event.types)
    if event.because:
        SubElement(element, "EventOutcomeDescription").text = _clean(event.because)


def _add_participant(message: Element, one: Participant, source: Source) -> None:
    identity = _identity(one.party, source)
    point, kind = _access_point(one.party, source)
    attributes = {
        **identity,
        "UserIsRequestor": "true" if one.is_requestor else "false",
        "NetworkAccessPointID": point,
        "NetworkAccessPointTypeCode": kind,
    }
    element = SubElement(message, "ActiveParticipant", _given(attributes))
    _add_codes(element, "RoleIDCode", one.roles)
    if isinstance(one.party, Media):
        _add_codes(SubElement(element, "MediaIdentifier"), "MediaType", [URI_MEDIA])


def _identity(party: Party, source: Source) -> dict[str, str | None]:
    """Return UserID, AlternativeUserID and UserName (PS3.15 A.5.2.1 to A.5.2.3)."""
    match party:
        case Us():
            return {
                "UserID": str(source.process_id),
                "AlternativeUserID": _titles(source.ae_title),
                "UserName": "dicom-node",
            }
        case Remote(name, ae_title, _):
            return {"UserID": name, "AlternativeUserID": _titles(ae_title)}
        case Person(login, _):
            return {"UserID": login}
        case Media(uri):
            return {"UserID": uri}


def _titles(ae_title: str) -> str | None:
    return f"AETITLES={ae_title}" if ae_title else None


def _access_point(party: Party, source: Source) -> tuple[str | None, str | None]:
    """Return where on the network a party is, and which kind of name that is."""
    address = source.host if isinstance(party, Us) else getattr(party, "address", "")
    if not address:
        return None, None
    if "://" in address:
        return address, _URI
    try:
        ip_address(address)
    except ValueError:
        return address, _MACHINE_NAME
    return address, _IP_ADDRESS


def _add_thing(message: Element, thing: Thing, source: Source) -> None:
    attributes = {
        "ParticipantObjectID": thing.id,
        "ParticipantObjectTypeCode": str(thing.type_code),
        "ParticipantObjectTypeCodeRole": str(thing.role) if thing.role else None,
    }
    element = SubElement(message, "ParticipantObjectIdentification", _given(attributes))
    _add_codes(element, "ParticipantObjectIDTypeCode", [thing.id_type])
    if thing.query is None:
        SubElement(element, "ParticipantObjectName").text = _clean(_name(thing, source))
    else:
        SubElement(element, "ParticipantObjectQuery").text = b64encode(thing.query).decode()
    for kind, value in thing.details:
        detail = {"type": kind, "value": b64encode(value).decode()}
        SubElement(element, "ParticipantObjectDetail", detail)
    if thing.contents:
        _add_contents(element, thing.contents)


def _name(thing: Thing, source: Source) -> str:
    """Return the name; the schema wants the element, so one that is withheld is empty."""
    is_patient = (thing.type_code, thing.role) == (_PERSON, _PATIENT)
    return "" if is_patient and not source.patient_names else thing.name


def _add_contents(parent: Element, contents: Contents) -> None:
    element = SubElement(parent, "ParticipantObjectDescription")
    for number in contents.accessions:
        SubElement(element, "Accession", _given({"Number": number}))
    for uid, count in contents.classes:
        SubElement(element, "SOPClass", _given({"UID": uid, "NumberOfInstances": str(count)}))
    if contents.studies:
        holder = SubElement(element, "ParticipantObjectContainsStudy")
        for uid in contents.studies:
            SubElement(holder, "StudyIDs", _given({"UID": uid}))


def _add_codes(parent: Element, name: str, codes: Sequence[Code]) -> None:
    for code in codes:
        coded = {
            "csd-code": code.value,
            "codeSystemName": code.system,
            "originalText": code.meaning,
        }
        SubElement(parent, name, coded)


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    """Return the attributes that there are, as XML can hold them."""
    return {name: _clean(value) for name, value in values.items() if value is not None}


def _clean(text: str) -> str:
    """Return text that XML can hold, on one line."""
    return " ".join(_NOT_XML.sub("\ufffd", text).split())
