"""Every event that the node tells is valid by the schema and by the table of its event."""

import re
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts

from dicom_node.audit import US, Action, Person, Remote, Study, alerts, events
from dicom_node.audit.message import codes, to_xml
from dicom_node.audit.message.values import Event, Participant
from tests.support.audit_samples import AT, HERE, IN, NAMING, NURSE, STUDY, samples
from tests.support.audit_schema import parsed, schema_errors
from tests.support.audit_tables import profile_errors

SAMPLES = samples()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_message_is_valid_by_schema_and_by_the_table_of_its_event(name):
    xml = to_xml(SAMPLES[name], HERE)
    assert schema_errors(xml) == []
    assert profile_errors(xml) == []
    assert "\n" not in xml


def test_there_is_a_sample_of_every_constructor():
    constructors = {
        name for module in (alerts, events) for name in module.__all__ if name[0].islower()
    }
    assert {name.partition(",")[0] for name in SAMPLES} == constructors


def test_every_event_of_the_table_in_the_design_has_its_codes():
    seen = {(one.code.value, *(kind.value for kind in one.types)) for one in SAMPLES.values()}
    assert seen >= {
        ("110100", "110120"), ("110100", "110121"), ("110112",), ("110102",), ("110104",),
        ("110103",), ("110113", "110126"), ("110113", "110132"), ("110113", "110131"),
        ("110113", "110129"), ("110114", "110122"), ("110114", "110123"), ("110101",),
    }  # fmt: skip


def test_codes_have_the_meaning_that_the_standard_gives_them():
    """pydicom has the code tables of PS3.16."""
    known = {
        code: meaning for words in concepts["DCM"].values() for code, (meaning, *_) in words.items()
    }
    ours = [one for one in vars(codes).values() if isinstance(one, codes.Code)]
    assert len(ours) > 25
    for one in ours:
        if one.system == "DCM":
            assert known[one.value] == one.meaning


def test_the_time_has_its_zone_and_stays_the_time_that_it_was():
    told = parsed(to_xml(SAMPLES["application_stopped"], HERE)).find("EventIdentification")
    assert told.get("EventDateTime") == "2026-01-02T04:04:05.678+01:00"


def test_an_event_that_breaks_the_rules_cannot_be_built():
    one = (Participant(US, is_requestor=True),)
    with pytest.raises(ValueError, match="zone"):
        Event(codes.QUERY, Action.EXECUTE, AT.replace(tzinfo=None), one)
    with pytest.raises(ValueError, match="participant"):
        Event(codes.QUERY, Action.EXECUTE, AT, ())
    with pytest.raises(ValueError, match="asked for it"):
        Event(codes.QUERY, Action.EXECUTE, AT, (*one, Participant(NURSE, is_requestor=True)))
    with pytest.raises(ValueError, match="address"):
        alerts.user_authenticated(AT, Person("nurse@station"))


def things(xml: str) -> list:
    return parsed(xml).findall("ParticipantObjectIdentification")


def test_a_transfer_tells_how_many_instances_of_which_class_and_whose_they_are():
    study, patient = things(to_xml(SAMPLES["instances_transferred, new"], HERE))
    assert study.get("ParticipantObjectID") == "1.2.3"
    counted = {one.get("UID"): one.get("NumberOfInstances") for one in study.iter("SOPClass")}
    assert counted == {uid: str(count) for uid, count in STUDY.classes}
    assert patient.get("ParticipantObjectID") == "P-4711"


def test_the_name_of_a_patient_is_there_only_where_it_is_wanted():
    event = SAMPLES["instances_transferred"]
    assert "Müller" not in to_xml(event, HERE)
    _, patient = things(to_xml(event, NAMING))
    assert patient.findtext("ParticipantObjectName") == "Müller^Ängström"
    assert schema_errors(to_xml(event, NAMING)) == []


def test_who_asked_for_a_transfer_is_one_of_the_two_or_a_third():
    def requestors(name):
        root = parsed(to_xml(SAMPLES[name], HERE))
        return [
            one.get("UserID")
            for one in root.findall("ActiveParticipant")
            if one.get("UserIsRequestor") == "true"
        ]

    assert requestors("instances_transferred, new") == ["scanner"]
    assert requestors("instances_transferred") == ["4711"]
    assert requestors("instances_transferred, asked by a third") == ["scanner"]
    assert requestors("query, long") == []


@pytest.mark.parametrize(
    ("name", "point", "kind"),
    [
        ("instances_transferred, new", "192.0.2.7", "2"),
        ("instances_transferred", "pacs.example", "1"),
        ("instances_transferred, asked by a third", "file:///mnt/share", "5"),
        ("application_started", "2001:db8::7", "2"),
    ],
)
def test_an_access_point_is_told_with_what_kind_of_name_it_is(name, point, kind):
    root = parsed(to_xml(SAMPLES[name], HERE))
    seen = {
        one.get("NetworkAccessPointID"): one.get("NetworkAccessPointTypeCode")
        for one in root.findall("ActiveParticipant")
    }
    assert seen[point] == kind


def test_a_query_is_there_byte_for_byte_with_its_encoding():
    (thing,) = things(to_xml(SAMPLES["query"], HERE))
    assert b64decode(thing.findtext("ParticipantObjectQuery")) == b"\x08\x00R\x00\0\xff"
    detail = thing.find("ParticipantObjectDetail")
    assert (detail.get("type"), b64decode(detail.get("value"))) == (
        "TransferSyntax", b"1.2.840.10008.1.2",
    )  # fmt: skip


def test_a_message_is_no_longer_than_every_receiver_takes():
    xml = to_xml(SAMPLES["query, long"], HERE)
    assert len(xml.encode()) < 32_768
    details = [one.get("type") for one in things(xml)[0].findall("ParticipantObjectDetail")]
    assert details == ["TransferSyntax", "Truncated from bytes, SHA-256"]


WIRE = st.text(st.characters(codec=None), max_size=40)  # lone surrogates and all


@given(name=WIRE, title=WIRE, why=WIRE, patient=WIRE, uid=WIRE)
def test_whatever_comes_over_the_wire_makes_a_valid_message(name, title, why, patient, uid):
    caller = Remote(name, title, "192.0.2.66")
    study = Study(uid, ((uid, 1),), patient, name, title)
    told = [
        events.instances_transferred(AT, IN, study, because=why),
        alerts.node_refused(AT, caller, why),
    ]
    for event in told:
        assert schema_errors(to_xml(event, NAMING)) == []
        assert profile_errors(to_xml(event, NAMING)) == []


VALID = to_xml(SAMPLES["instances_transferred, new"], HERE)
QUERY = to_xml(SAMPLES["query"], HERE)
ALERT = to_xml(SAMPLES["node_refused"], HERE)
IMPORT = to_xml(SAMPLES["data_imported"], HERE)
LOGIN = to_xml(SAMPLES["user_authenticated"], HERE)
STARTED = to_xml(SAMPLES["application_started"], HERE)
DESCRIPTION = re.compile("<ParticipantObjectDescription>(.*?)</ParticipantObjectDescription>")
BROKEN_BY_SCHEMA = {
    "an older dialect: code": (VALID, "csd-code", "code", "attribute csd-code is missing"),
    "an older dialect: SOPClass below the object": (
        VALID, DESCRIPTION.search(VALID)[0], DESCRIPTION.search(VALID)[1], "holds",
    ),
    "an older dialect: the source's code as an attribute": (
        VALID, "<AuditSourceIdentification ", '<AuditSourceIdentification code="4" ',
        "attribute code is not known here",
    ),
    "no root of that name": (VALID, "AuditMessage", "Audit", "the root is Audit"),
    "not closed": (VALID, "</AuditMessage>", "", "not well-formed"),
    "a control character": (VALID, "P-4711", "P-\x01", "not well-formed"),
    "no time": (VALID, 'EventDateTime="2026', 'EventTime="2026', "EventDateTime is missing"),
    "a time that is none": (VALID, "T03:04", "T24:04", "is not a dateTime"),
    "a month that is none": (VALID, "2026-01", "2026-13", "is not a dateTime"),
    "an outcome that is none": (VALID, 'Indicator="0"', 'Indicator="1"', "is not one of 0, 4"),
    "an action that is none": (VALID, 'ActionCode="C"', 'ActionCode="X"', "is not one of C, R"),
    "no word of its own": (VALID, ' originalText="Source Role ID"', "", "originalText is missing"),
    "no requestor said": (VALID, ' UserIsRequestor="true"', "", "UserIsRequestor is missing"),
    "a truth that is none": (VALID, 'Requestor="true"', 'Requestor="yes"', "one of true, false"),
    "an access point of no kind": (VALID, 'TypeCode="2"', 'TypeCode="6"', "is not one of 1, 2, 3"),
    "no source": (VALID, "AuditSourceIdentification", "AuditOrigin", "no such element"),
    "a source without its ID": (VALID, "AuditSourceID", "AuditID", "AuditSourceID is missing"),
    "no participant": (VALID, "ActiveParticipant", "Participant", "no such element"),
    "the source first": (
        VALID, "<EventIdentification", '<AuditSourceIdentification AuditSourceID="x" />'
        "<EventIdentification", "holds AuditSourceIdentification EventIdentification",
    ),
    "an object without its ID": (VALID, "ObjectID=", "ObjectIdentity=", "ParticipantObjectID is"),
    "an object without a name": (
        VALID, "<ParticipantObjectName>Study</ParticipantObjectName>", "", "holds",
    ),
    "a role that is none": (VALID, 'CodeRole="3"', 'CodeRole="27"', "is not one of 1, 2"),
    "an accession behind its classes": (
        VALID, "</ParticipantObjectDescription>", '<Accession Number="1" />'
        "</ParticipantObjectDescription>", "holds Accession SOPClass SOPClass Accession",
    ),
    "instances that are no number": (
        VALID, 'NumberOfInstances="35"', 'NumberOfInstances="many"', "is not an integer",
    ),
    "instances without a number": (VALID, ' NumberOfInstances="35"', "", "OfInstances is missing"),
    "a query in the clear": (QUERY, "CABSAAD/", "PatientName=*", "its text is not base64Binary"),
    "a detail in the clear": (ALERT, 'value="', 'value="!', "is not base64Binary"),
    "text between elements": (VALID, "<AuditSourceId", "hello<AuditSourceId", "text where none"),
    "a medium without its type": (
        IMPORT, "MediaType", "MediaKind", "MediaIdentifier: holds MediaKind where MediaType",
    ),
    "an attribute of nobody's": (
        VALID, "<ActiveParticipant ", '<ActiveParticipant Password="x" ', "Password is not known",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_BY_SCHEMA)
def test_the_schema_refuses_a_broken_message_for_its_reason(name):
    xml, good, bad, reason = BROKEN_BY_SCHEMA[name]
    assert schema_errors(xml) == []
    assert good in xml
    assert any(reason in error for error in schema_errors(xml.replace(good, bad)))


def role(code: str) -> str:
    return re.search(f'<RoleIDCode csd-code="{code}"[^>]*/>', VALID)[0]


PATIENT = VALID[VALID.rindex("<ParticipantObjectIdentification") : -len("</AuditMessage>")]
BROKEN_BY_TABLE = {
    "an event of another standard": (VALID, "110104", "110999", "no table for event 110999"),
    "an event by another name": (VALID, "DICOM Instances Tr", "Instances Tr", "is called DICOM"),
    "a time without its zone": (VALID, ".678+00:00", ".678", "EventDateTime has no zone"),
    "two who asked": (VALID, 'Requestor="false"', 'Requestor="true"', "more than one requestor"),
    "a transfer that executes": (VALID, 'ActionCode="C"', 'ActionCode="E"', "action is not of CRU"),
    "a transfer from nobody": (VALID, role("110153"), "", "0 participants with role 110153"),
    "a transfer to two": (
        VALID, role("110153"), role("110153") + role("110152"), "2 participants with role 110152",
    ),
    "two patients": (VALID, PATIENT, PATIENT + PATIENT, "2 objects that are patient"),
    "no patient": (VALID, PATIENT, "", "0 objects that are patient"),
    "a patient that is a location": (VALID, 'CodeRole="1"', 'CodeRole="2"', "an object that is"),
    "an accession without a class": (
        VALID, "".join(re.findall("<SOPClass[^>]*/>", VALID)), "", "and no SOP class in it",
    ),
    "a query without its encoding": (QUERY, "TransferSyntax", "Syntax", "a query without its text"),
    "an alert about nothing": (ALERT, "Alert Description", "Note", "an alert about nothing"),
    "an alert of no type": (ALERT, "110126", "110104", "EventTypeCode is ['110104']"),
    "a login from nowhere": (
        LOGIN, ' NetworkAccessPointID="2001:db8::7" NetworkAccessPointTypeCode="2"', "",
        "a person without an access point",
    ),
    "an access point of no type": (
        VALID, ' NetworkAccessPointTypeCode="2"', "", "an access point without its type",
    ),
    "a start without a type": (
        STARTED, re.search("<EventTypeCode[^>]*/>", STARTED)[0], "", "EventTypeCode is []",
    ),
    "a medium that is not named": (
        IMPORT, re.search("<MediaIdentifier>.*?</MediaIdentifier>", IMPORT)[0], "",
        "a source medium without its identifier",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_BY_TABLE)
def test_the_table_of_an_event_refuses_a_broken_message_for_its_reason(name):
    xml, good, bad, reason = BROKEN_BY_TABLE[name]
    assert profile_errors(xml) == []
    assert good in xml
    broken = xml.replace(good, bad)
    assert schema_errors(broken) == [], "the schema would have seen it"
    assert any(reason in error for error in profile_errors(broken))


def test_the_reference_has_every_code_of_an_event():
    page = (Path(__file__).parents[3] / "docs/reference/audit.md").read_text(encoding="utf-8")
    text = " ".join(page.split())
    for event in SAMPLES.values():
        for code in (event.code, *event.types):
            assert code.value in text
            assert code.meaning in text


ROOT = Path(__file__).parents[3]


def test_what_is_searched_by_is_told_without_patient_names_and_the_pages_say_so():
    asked = events.Asked("1.2.840.10008.5.1.4.1.2.2.1", b"?PatientName=doe*", "1.2.840.10008.1.2")
    assert HERE.patient_names is False
    (told,) = parsed(to_xml(events.query(AT, IN, asked), HERE)).iter("ParticipantObjectQuery")
    assert b"doe*" in b64decode(told.text)
    for page in ("security.md", "reference/audit.md", "reference/conformance.md"):
        text = (ROOT / "docs" / page).read_text()
        assert "patient_names" in text
        assert "searched by" in text, page
