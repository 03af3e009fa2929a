"""Calls to peers that cannot be reached, and answers that cannot be read."""

import struct
import threading

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from pynetdicom import AE, evt, service_class
from structlog.testing import capture_logs

from dicom_node.destination import echo
from dicom_node.dicom import STORAGE_COMMITMENT, STUDY_ROOT_FIND, VERIFICATION
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.remote import Place, Remote
from dicom_node.scu import Ourselves, find_series, plainly
from dicom_node.settings import Outbox, Peer

US = Ourselves("SYNTHNODE", Outbox(connect_s=5.0, answer_s=5.0))


def pacs(host: str = "127.0.0.1", port: int = 104) -> Peer:
    return Peer(name="pacs", ae_title="PACS", host=host, port=port, ask=("find",))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "1:2:::3"])
def test_a_host_without_an_address_is_a_peer_that_is_away(host):
    with pytest.raises(PeerAway, match=f"pacs: its host {host} cannot be resolved"):
        find_series(US, pacs(host), "1.2.3")


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


EXPLICIT = [DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian]
SERIES_UID = element(0x0020000E, b"UI", b"1.2.3\0")
SOP_UID = element(0x00080018, b"UI", b"1.2.4\0")


@pytest.fixture
def archive(monkeypatch):
    """An archive that answers each query with one identifier: the bytes that a test gives it."""
    content: list[bytes] = []
    monkeypatch.setattr(service_class, "encode", lambda *_args, **_values: content[0])
    ae = AE(ae_title="PACS")
    ae.add_supported_context(STUDY_ROOT_FIND, EXPLICIT)

    def find(_event):
        yield 0xFF00, Dataset()

    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find)])

    def answering(answer: bytes) -> Remote:
        content[:] = [answer]
        return Remote(US, pacs(port=server.server_address[1]))

    yield answering
    server.shutdown()


SERIES_ANSWERS = {
    "an unknown VR": element(0x00080060, b"ZZ", b"MR") + SERIES_UID,
    "a number that is none": SERIES_UID + element(0x00201209, b"IS", b"abc "),
    "a number without end": SERIES_UID + element(0x00201209, b"IS", b"1e400 "),
    "a number of one byte": SERIES_UID + element(0x00201209, b"US", b"\1"),
    "two numbers": SERIES_UID + element(0x00201209, b"IS", b"1\\2 "),
}


@pytest.mark.parametrize("answer", SERIES_ANSWERS.values(), ids=SERIES_ANSWERS.keys())
def test_an_answer_about_series_that_cannot_be_read_is_refused(archive, answer):
    with pytest.raises(PeerRefused):
        archive(answer).series("1.2")


BAD_UID = {"an unknown VR": b"ZZ", "a length that is none": b"FD"}


@pytest.mark.parametrize("vr", BAD_UID.values(), ids=BAD_UID.keys())
def test_an_answer_about_images_that_cannot_be_read_is_refused(archive, vr):
    remote, place = archive(element(0x00080018, vr, b"1.2.4\0")), Place("1.2", "1.2.3")
    with pytest.raises(PeerRefused, match="pacs gave an answer that cannot be decoded"):
        remote.images(place)
    with pytest.raises(PeerRefused, match="pacs gave an answer that cannot be decoded"):
        remote.one(place, ("Modality",))


def test_what_was_not_asked_for_may_be_as_odd_as_it_likes(archive):
    odd = element(0x00091001, b"ZZ", b"MR")
    (found,) = archive(SERIES_UID + odd).series("1.2")
    assert found.series_uid == "1.2.3"
    assert archive(SOP_UID + odd).images(Place("1.2", "1.2.3")) == {"1.2.4"}


def test_nothing_that_is_no_instance_is_proposed_deflated():
    for context in plainly(STUDY_ROOT_FIND, STORAGE_COMMITMENT):
        assert context.transfer_syntax == ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]


def nested(depth: int) -> bytes:
    """Return sequences of undefined length in one another."""
    opens = struct.pack(
        "<HH2s2xIHHI", 0x0040, 0x0275, b"SQ", 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closes = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return opens * depth + closes * depth


def test_an_answer_that_goes_too_deep_is_not_even_decoded(archive):
    with pytest.raises(PeerRefused, match=r"no answer: it sent .*limits\.depth"):
        archive(SERIES_UID + nested(500)).series("1.2")


def test_a_peer_that_stops_in_the_middle_is_told_of_with_the_setting_that_counts():
    def halve(event):
        event.assoc.dul.socket.send(b"\x04\x00\x00\x00\x01\x00half")
        stalled.wait(20)
        return 0

    stalled, times = threading.Event(), Outbox(connect_s=5.0, answer_s=1.0)
    ae = AE(ae_title="PACS")
    ae.add_supported_context(VERIFICATION)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_ECHO, halve)])
    try:
        with capture_logs() as logs, pytest.raises(PeerAway):
            echo(Ourselves("SYNTHNODE", times), pacs(port=server.server_address[1]))
    finally:
        stalled.set()
        server.shutdown()
    assert [one["why"] for one in logs if "why" in one] == [
        "a PDU not whole in outbox.answer_s = 1"
    ]
