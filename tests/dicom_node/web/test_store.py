"""STOW-RS: each instance judged by itself, kept as C-STORE keeps it, and told about."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from dicom_node.archive import Archive, Space
from dicom_node.archive.part10 import meta_header
from dicom_node.db import AssociationRow, ConflictRow, InstanceRow, SendingRow, StudyRow
from dicom_node.errors import DatabaseAway
from dicom_node.settings import Web
from dicom_node.values import Origin
from dicom_node.web.store.parts import Arrived, Begun, Broken, Ended, Splitter
from tests.dicom_node.archive.objects import (
    SYNTAXES,
    file_of,
    instance,
    series_uid,
    study_uid,
    wire,
)
from tests.dicom_node.web.asking import bodied, reasons

NO_DICOM = b"this is no DICOM file, though it is long enough to be one " * 10
OUT_OF_RESOURCES, DOES_NOT_MATCH, CANNOT_UNDERSTAND, NOT_PROCESSED = 0xA700, 0xA900, 0xC000, 0x0110
BEYOND_LIMITS = 0xC010


def numbered(count: int) -> list[Dataset]:
    return [instance(number=number) for number in range(1, count + 1)]


def test_what_is_sent_is_kept_byte_for_byte_and_told_of(site):
    ds = instance(PatientName="Smith^John")
    answer = site.stow(ds)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    row = site.store.row(InstanceRow)
    head = meta_header(ds.SOPClassUID, ds.SOPInstanceUID, row.transfer_syntax_uid)
    assert (site.store.files.folder / row.path).read_bytes() == head + wire(ds)
    assert (row.origin, row.sender) == (Origin.RECEIVED, "web:viewer")
    url = f"http://node.test/dicom-web/studies/{study_uid()}"
    item = f"{url}/series/{series_uid()}/instances/{ds.SOPInstanceUID}"
    assert answer.json() == {
        "00081190": {"vr": "UR", "Value": [url]},
        "00081199": {"vr": "SQ", "Value": [{
            "00081150": {"vr": "UI", "Value": [ds.SOPClassUID]},
            "00081155": {"vr": "UI", "Value": [ds.SOPInstanceUID]},
            "00081190": {"vr": "UR", "Value": [item]},
        }]},
    }  # fmt: skip
    assert site.client.get(item, headers=site.bearer("read")).status_code == 200


def test_a_request_is_evidence_as_an_association_is(site):
    site.stow(*numbered(3))
    association = site.store.row(AssociationRow)
    assert (association.peer, association.ended) == ("web:viewer", "released")
    assert site.store.row(SendingRow).study_uid == study_uid()
    assert site.store.row(StudyRow).interrupted is False


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_encoding_is_taken(sqlite_site, syntax):
    assert sqlite_site.stow(file_of(instance(), syntax)).status_code == 200
    assert sqlite_site.store.row(InstanceRow).transfer_syntax_uid == syntax


def test_the_same_again_changes_nothing(sqlite_site):
    for _ in range(2):
        assert reasons(sqlite_site.stow(*numbered(2))) == ([], 2)
    sqlite_site.stow(file_of(instance(number=1), ImplicitVRLittleEndian))
    assert len(sqlite_site.store.rows(InstanceRow)) == 2


def test_a_broken_part_does_not_spoil_the_others(sqlite_site):
    answer = sqlite_site.stow(
        instance(number=1), NO_DICOM, instance(number=2), b"", instance(number=3)
    )
    assert answer.status_code == 202
    assert reasons(answer) == ([CANNOT_UNDERSTAND] * 2, 3)
    assert len(sqlite_site.store.rows(InstanceRow)) == 3


def test_an_object_that_can_be_named_is_named_among_those_that_failed(sqlite_site):
    path = f"/studies/{study_uid('one')}"
    answer = sqlite_site.stow(instance("one"), instance("two"), path=path)
    assert (answer.status_code, *reasons(answer)) == (202, [DOES_NOT_MATCH], 1)
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081155"]["Value"] == [instance("two").SOPInstanceUID]
    assert sqlite_site.store.row(InstanceRow).study_uid == study_uid("one")


def test_nothing_kept_is_a_conflict(sqlite_site):
    answer = sqlite_site.stow(NO_DICOM, NO_DICOM)
    assert (answer.status_code, *reasons(answer)) == (409, [CANNOT_UNDERSTAND] * 2, 0)


def test_a_uid_that_is_taken_is_kept_apart_and_said(sqlite_site):
    sqlite_site.stow(instance())
    answer = sqlite_site.stow(instance(PatientID="TEST-2"))
    assert answer.status_code == 202
    (item,) = answer.json()["00081199"]["Value"]
    assert item["00081196"]["Value"] == [0xB000]
    assert sqlite_site.store.row(ConflictRow).sender == "web:viewer"


def test_what_is_kept_apart_has_no_address_and_makes_no_study(site):
    site.stow(instance("one"))
    taken = instance("one").SOPInstanceUID
    answer = site.stow(instance("ghost", SOPInstanceUID=taken))
    assert answer.status_code == 202
    assert "00081190" not in answer.json()
    (item,) = answer.json()["00081199"]["Value"]
    assert item["00081190"] == {"vr": "UR"}
    assert site.get(f"/studies/{study_uid('ghost')}").status_code == 404
    assert site.get("/studies", StudyInstanceUID=study_uid("ghost")).status_code == 204
    as_xml = site.stow(instance("ghost", SOPInstanceUID=taken), Accept="application/dicom+xml")
    assert as_xml.status_code == 202


@pytest.mark.parametrize("before", [b"", b"\r\n", b"This is for people.\r\n", b"--b\r\n--bo\r\n"])
@pytest.mark.parametrize("blanks", [b"", b" ", b" \t  "])
def test_a_preamble_and_blanks_behind_boundaries_are_passed_over(sqlite_site, before, blanks):
    body, kind = bodied(*numbered(2))
    boundary = b"--" + kind.rpartition("=")[2].encode()
    parts = body.replace(boundary + b"\r\n", boundary + blanks + b"\r\n")
    answer = sqlite_site.post(before + parts[:-2] + blanks + b"\r\nmore for people", kind)
    assert (answer.status_code, *reasons(answer)) == (200, [], 2)


def of_size(data_set_bytes: int, number: int = 1) -> bytes:
    """Return a file whose data set has so many bytes."""
    ds = instance(number=number)
    ds.add_new("PixelData", "OW", b"")
    ds.PixelData = bytes(data_set_bytes - len(wire(ds)))
    assert len(wire(ds)) == data_set_bytes
    return file_of(ds)


@pytest.mark.parametrize("extra", [2, 3 * 2**20])
def test_an_instance_that_is_larger_than_may_be_is_refused_by_name_and_no_other(sqlite_site, extra):
    sqlite_site.narrow(data_set_mb=2)
    most, large = 2 * 2**20, instance(number=2).SOPInstanceUID
    answer = sqlite_site.stow(of_size(most), of_size(most + extra, number=2), instance(number=3))
    assert (answer.status_code, *reasons(answer)) == (202, [BEYOND_LIMITS], 2)
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081155"]["Value"] == [large]
    kept = {row.sop_instance_uid for row in sqlite_site.store.rows(InstanceRow)}
    assert len(kept) == 2
    assert large not in kept


def test_a_part_of_another_kind_is_not_taken(sqlite_site):
    body, kind = bodied(instance(number=1), kind="application/dicom+json")
    answer = sqlite_site.post(body, kind)
    assert (answer.status_code, *reasons(answer)) == (409, [NOT_PROCESSED], 0)


def test_one_instance_may_come_without_parts(sqlite_site):
    answer = sqlite_site.post(file_of(instance()), "application/dicom")
    assert (answer.status_code, *reasons(answer)) == (200, [], 1)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 415), ("", 415), ("text/plain", 415),
        ('multipart/related; type="application/dicom+json"; boundary=x', 415),
        ("multipart/form-data; boundary=x", 415),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary=' + "x" * 300, 400),
    ],
)  # fmt: skip
def test_what_is_no_dicom_is_refused_before_it_is_read(sqlite_site, kind, status):
    answer = sqlite_site.post(b"{}", kind)
    assert answer.status_code == status
    assert "multipart/related" in answer.json()["detail"] or status == 400
    assert not sqlite_site.store.rows(InstanceRow)


@pytest.mark.parametrize("body", [b"", b"no boundary at all", b"--b--\r\n", b"\r\n--b\r\n"])
def test_a_request_without_a_whole_part_is_a_bad_one(sqlite_site, body):
    answer = sqlite_site.post(body, 'multipart/related; type="application/dicom"; boundary=b')
    assert answer.status_code == 400


def test_of_a_request_that_is_cut_off_what_was_whole_is_kept(sqlite_site):
    body, kind = bodied(*numbered(3))
    answer = sqlite_site.post(body[:-200], kind)
    assert answer.status_code == 202
    assert reasons(answer) == ([CANNOT_UNDERSTAND], 2)
    assert sqlite_site.store.row(AssociationRow).ended == "aborted"
    assert sqlite_site.store.row(StudyRow).interrupted is True


def test_of_a_request_with_broken_headers_what_was_before_is_kept(sqlite_site):
    body, kind = bodied(instance(number=1))
    boundary = kind.rpartition("=")[2]
    broken = body.replace(b"--\r\n", b"\r\n") + b"no header \0 at all\r\n\r\n" + body
    answer = sqlite_site.post(broken, kind)
    assert boundary
    assert (answer.status_code, *reasons(answer)) == (202, [CANNOT_UNDERSTAND], 1)


def test_more_parts_than_may_be_are_not_taken(sqlite_site):
    sqlite_site.limit(Web(parts=2))
    answer = sqlite_site.stow(*numbered(4))
    assert (answer.status_code, *reasons(answer)) == (202, [CANNOT_UNDERSTAND], 2)
    assert len(sqlite_site.store.rows(InstanceRow)) == 2


def test_a_full_disk_is_said_before_anything_is_sent(sqlite_site, monkeypatch):
    store = sqlite_site.store
    store.archive = Archive(store.database, store.files, Space(store.files.folder, 2**60), None)
    sqlite_site.limit(Web())
    answer = sqlite_site.stow(instance())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "MB" not in answer.text


def test_what_is_beyond_the_limits_is_refused_for_good(sqlite_site):
    """Not with 503: whoever is told to come again would come for ever."""
    deep = instance()
    for _ in range(40):
        inner, deep = deep, instance()
        deep.RequestAttributesSequence = [inner]
    answer = sqlite_site.stow(deep)
    assert (answer.status_code, *reasons(answer)) == (409, [0xC010], 0)


def test_where_nothing_could_be_kept_for_want_of_a_database_it_may_be_tried_again(
    sqlite_site, monkeypatch
):
    def away(_received):
        raise DatabaseAway("the database did not answer: secret host")

    monkeypatch.setattr(sqlite_site.store.archive, "keep", away)
    answer = sqlite_site.stow(*numbered(2))
    assert (answer.status_code, *reasons(answer)) == (503, [OUT_OF_RESOURCES] * 2, 0)
    assert "secret" not in answer.text


def test_a_large_instance_among_small_ones_is_kept_whole(site):
    large = instance(number=2)
    large.add_new("PixelData", "OW", os.urandom(5 * 2**20))
    answer = site.stow(instance(number=1), large, instance(number=3))
    assert (answer.status_code, *reasons(answer)) == (200, [], 3)
    rows = {row.number: row for row in site.store.rows(InstanceRow)}
    assert (site.store.files.folder / rows[2].path).read_bytes().endswith(wire(large))
    assert not list((site.store.files.folder / "incoming").iterdir())


def test_the_answer_comes_as_xml_where_that_is_wanted(sqlite_site):
    answer = sqlite_site.stow(instance(), Accept="application/dicom+xml")
    assert answer.headers["content-type"] == "application/dicom+xml"
    assert 'keyword="ReferencedSOPSequence"' in answer.text
    assert sqlite_site.stow(instance(), Accept="text/html").status_code == 406


def test_text_from_the_wire_is_never_a_path(sqlite_site):
    ds, content = instance(), file_of(instance())
    for uid in (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID):
        content = content.replace(uid.encode(), b"../../../../etc/x".ljust(len(uid), b"\0"))
    answer = sqlite_site.stow(content)
    assert answer.status_code == 200
    (url,) = answer.json()["00081190"]["Value"]
    assert url.endswith("/studies/..%2F..%2F..%2F..%2Fetc%2Fx")
    place = sqlite_site.store.row(InstanceRow).path
    assert ".." not in place
    assert (sqlite_site.store.files.folder / place).is_file()


PIECES = st.lists(st.integers(1, 40), max_size=40)
CONTENTS = st.lists(st.one_of(st.binary(max_size=60), st.just(b"\r\n--"), st.just(b"--bound-")),
                    min_size=1, max_size=4)  # fmt: skip


BEFORE = st.sampled_from([b"", b"\r\n", b"for people\r\n", b"--bound\r\n\r\n", b"\r\r\n"])


@given(contents=CONTENTS, cuts=PIECES, before=BEFORE, blanks=st.sampled_from([b"", b" ", b"\t \t"]))
def test_parts_are_told_apart_wherever_the_network_cuts(contents, cuts, before, blanks):
    body = before + b"".join(
        b"--bound-ary" + blanks + b"\r\nContent-Type: a/b\r\n\r\n" + content + b"\r\n"
        for content in contents
    )
    body += b"--bound-ary--" + blanks + b"\r\n"
    splitter, events, at = Splitter("bound-ary"), [], 0
    for cut in [*cuts, len(body)]:
        events += splitter.feed(body[at : at + cut])
        at += cut
    found, kinds = [], []
    for event in events:
        if isinstance(event, Begun):
            found.append(b"")
            kinds.append(event.headers["content-type"])
        elif isinstance(event, Arrived):
            found[-1] += event.content
    assert found == contents
    assert kinds == ["a/b"] * len(contents)
    assert sum(isinstance(event, Ended) for event in events) == len(contents)
    assert splitter.is_over


def test_many_small_parts_take_no_longer_than_their_bytes():
    body = b"--b\r\n\r\n\r\n" * 100_000
    began = time.monotonic()
    assert sum(isinstance(event, Ended) for event in Splitter("b").feed(body)) == 99_999
    assert time.monotonic() - began < 20  # to copy what is left at each of them takes minutes


@given(body=st.binary(max_size=200), cuts=PIECES)
def test_bytes_of_any_kind_are_parts_or_an_end(body, cuts):
    splitter, at = Splitter("b"), 0
    events = []
    for cut in [*cuts, len(body)]:
        events += splitter.feed(b"\r\n--b\r\n"[: cut % 9] + body[at : at + cut])
        at += cut
    assert sum(isinstance(event, Broken) for event in events) <= 1
