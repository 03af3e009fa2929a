"""A disk that fails in the middle of a file: nothing half sent ever becomes part of another."""

import errno
import os
from contextlib import contextmanager

import pytest

from dicom_node.association.status import RetrieveStatus
from dicom_node.destination.dimse import DimseSender
from dicom_node.dimse import sender as sending
from dicom_node.errors import PeerAway
from dicom_node.scu import Ourselves
from dicom_node.settings import Outbox, Peer
from tests.dicom_node.archive.objects import MR_IMAGE, instance, received, study_uid, wire
from tests.support.retrieving import EXPLICIT, NO_ANSWER, get, identifier, move

STUDY = identifier("STUDY", StudyInstanceUID=study_uid())
MR = [(MR_IMAGE, EXPLICIT)]
AT_ONCE, LATER = 0, 600_000


class Failing:
    """A file that can be read up to a place."""

    def __init__(self, stream, good: int, error: Exception) -> None:
        self._stream, self._left, self._error = stream, good, error

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise self._error
        return self._stream.read(size)


@pytest.fixture
def fails(monkeypatch):
    """Have the file of an instance fail behind so many bytes."""

    def fail(uid: str, good: int, error: Exception | None = None) -> None:
        real, error = sending._as_it_is, error or OSError(errno.EIO, "Input/output error")

        @contextmanager
        def as_it_is(one):
            with real(one) as (stream, size):
                bad = one.sop_instance_uid == uid
                yield (Failing(stream, good, error) if bad else stream), size

        monkeypatch.setattr(sending, "_as_it_is", as_it_is)

    return fail


def large() -> list:
    """Return four instances that are not sent by one call."""
    found = []
    for number in range(1, 5):
        ds = instance(number=number)
        ds.add_new(0x7FE00010, "OW", os.urandom(1_000_000))
        found.append(ds)
    return found


def keep(scene) -> list:
    sent = large()
    for ds in sent:
        scene.archive.keep(received(ds))
    return sent


def content(datasets) -> dict[str, bytes]:
    return {str(ds.SOPInstanceUID): wire(ds) for ds in datasets}


def uids(datasets) -> list[str]:
    return [str(ds.SOPInstanceUID) for ds in datasets]


@pytest.mark.parametrize("error", [None, RuntimeError("a bug of ours")])
def test_a_get_whose_file_fails_half_way_is_aborted_there(either, fails, error):
    sent = keep(either)
    fails(str(sent[1].SOPInstanceUID), LATER, error)
    found = get(either.port, STUDY, MR)
    assert found.last == NO_ANSWER
    assert found.kept == content(sent[:1])


def test_a_move_whose_file_fails_half_way_is_aborted_there(either, receiver, fails):
    receiver.start()
    sent = keep(either)
    fails(str(sent[1].SOPInstanceUID), LATER)
    found = move(either.port, STUDY, "PACS")
    assert receiver.kept == content(sent[:1])
    assert (found.last, found.counts()) == (RetrieveStatus.SOME_FAILED, (None, 1, 3, 0))
    assert found.failed == uids(sent[1:])


@pytest.mark.parametrize("way", ["get", "move"])
def test_a_file_that_cannot_be_read_at_all_costs_itself_alone(either, receiver, fails, way):
    receiver.start()
    sent = keep(either)
    bad = sent.pop(1)
    fails(str(bad.SOPInstanceUID), AT_ONCE)
    found = get(either.port, STUDY, MR) if way == "get" else move(either.port, STUDY, "PACS")
    assert (found.kept if way == "get" else receiver.kept) == content(sent)
    assert (found.last, found.counts()) == (RetrieveStatus.SOME_FAILED, (None, 3, 1, 0))
    assert found.failed == uids([bad])


@pytest.mark.parametrize("error", [None, RuntimeError("a bug of ours")])
def test_a_delivery_whose_file_fails_half_way_is_aborted_there(scene, receiver, fails, error):
    receiver.start()
    sent = keep(scene)
    fails(str(sent[2].SOPInstanceUID), LATER, error)
    peer = Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=receiver.port)
    sender = DimseSender(Ourselves("SYNTHNODE", Outbox(connect_s=5.0, answer_s=5.0)), peer)
    ordered = uids(sent)
    kept = sorted(scene.kept(study_uid()), key=lambda one: ordered.index(one.sop_instance_uid))
    answered = []
    with pytest.raises(PeerAway if error is None else RuntimeError):
        answered.extend(sender.send(kept))
    assert receiver.kept == content(sent[:2])
