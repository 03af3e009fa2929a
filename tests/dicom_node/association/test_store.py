"""C-STORE over a real loopback association: Success is a promise."""

import socket
import struct
from datetime import UTC, datetime, timedelta

import pytest
from pydicom.config import disable_value_validation
from pynetdicom import AE, build_context, evt

from benchmarks.raw_client import Target, _associate, _message
from dicom_node.archive import Archive, Files, Space, Studies
from dicom_node.association import (
    STATUS_OF,
    Doorway,
    Listener,
    QueryRetrieve,
    Refused,
    StoreStatus,
    Telling,
)
from dicom_node.audit import Silence
from dicom_node.errors import ArchiveBroken, ArchiveError
from dicom_node.scu import Ourselves
from dicom_node.settings import Limits, Listen, Outbox, Peer
from tests.support import sqlite
from tests.support.mr import MR_IMAGE, MrSeries, encoded
from tests.support.sender import send

SIEMENS_CSA_NON_IMAGE = "1.3.12.2.1107.5.9.1"


def scanner(**keys) -> Peer:
    return Peer(**{"name": "scanner", "ae_title": "SCANNER", "host": "127.0.0.1", **keys})


class Scene:
    """A listener on a port of its own, with its archive."""

    def __init__(
        self,
        folder,
        *,
        may=("echo", "store"),
        limits=None,
        credentials=None,
        peers=None,
        audit=None,
        **settings,
    ) -> None:
        self.ahead, audit = timedelta(), audit or Silence()
        self.database = sqlite.prepared(folder)
        self.files = Files(folder / "archive")
        limits = limits or Limits()
        space = Space(folder, settings.pop("reserve", 0))
        self.archive = Archive(
            self.database, self.files, space, lambda: datetime.now(UTC), limits=limits
        )
        self.refused: list[Refused] = []
        if peers is None:
            peers = [scanner(may=may)]
        self.peers, self.credentials = peers, credentials
        listen = Listen(port=0, **{"idle_s": 5.0, **settings})
        self.listener = Listener(
            "SYNTHNODE",
            Doorway(listen, limits, credentials, self.refused.append),
            peers,
            (self.archive, self.database),
            self.now,
            audit,
        )
        store = (self.database, self.archive.folder)
        times = Outbox(connect_s=5.0, answer_s=listen.idle_s)
        self.query = QueryRetrieve(
            store,
            peers,
            Ourselves("SYNTHNODE", times, credentials),
            Telling(audit, self.now),
            pending_s=0.0,
        )
        self.listener.offer(self.query)
        self.port = self.listener.start()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def kept(self, study_uid: str):
        with self.database.reading() as session:
            found = Studies(session, self.archive.folder).files(study_uid)
        return [instance for series in found.values() for instance in series]

    def close(self) -> None:
        self.listener.stop(1.0)
        self.database.close()


@pytest.fixture(params=[True, False], ids=["own plane", "stock"])
def scene(tmp_path, request):
    """Both ways of reading hold to the same tests."""
    opened = Scene(tmp_path, data_plane=request.param)
    yield opened
    opened.close()


def test_success_means_that_the_bytes_sent_lie_in_the_archive(scene):
    series = MrSeries(slices=3)
    datasets = series.datasets()
    assert set(send(scene.port, datasets).values()) == {StoreStatus.SUCCESS}
    sent = {ds.SOPInstanceUID: encoded(ds) for ds in datasets}
    kept = scene.kept(series.study_uid)
    assert len(kept) == 3
    for instance in kept:
        assert instance.path.read_bytes().endswith(sent[instance.sop_instance_uid])


def test_the_same_instance_again_is_success_and_kept_once(scene):
    series = MrSeries(slices=2)
    for _ in range(3):
        assert set(send(scene.port, series.datasets()).values()) == {StoreStatus.SUCCESS}
    assert len(scene.kept(series.study_uid)) == 2


def test_the_same_uid_with_other_content_is_kept_apart_and_the_first_stays(scene):
    series = MrSeries(slices=1)
    (first,) = series.datasets()
    (second,) = series.datasets()
    second.PatientName = "Other^Name"
    send(scene.port, [first])
    assert send(scene.port, [second])[first.SOPInstanceUID] == StoreStatus.SUCCESS
    (instance,) = scene.kept(series.study_uid)
    assert instance.path.read_bytes().endswith(encoded(first))
    with scene.database.reading() as session:
        conflicts = Studies(session, scene.archive.folder).conflicts(series.study_uid)
    assert conflicts == {series.series_uid: 1}
    apart = [p for p in scene.archive.folder.glob("??/*/*.dcm") if p != instance.path]
    assert len(apart) == 1
    assert apart[0].read_bytes().endswith(encoded(second))


def test_a_nearly_full_disk_is_answered_a700_and_nothing_is_written(tmp_path):
    scene = Scene(tmp_path, reserve=2**60)
    try:
        answers = send(scene.port, MrSeries(slices=1).datasets())
        assert set(answers.values()) == {StoreStatus.OUT_OF_RESOURCES}
        assert not list(scene.archive.folder.glob("??/*/*"))
        assert not list((scene.archive.folder / "incoming").iterdir())
    finally:
        scene.close()


def test_a_database_that_is_gone_is_never_answered_with_success(scene):
    scene.database.close()
    with scene.database.transaction() as session:
        session.connection().exec_driver_sql("DROP TABLE instance")
    answers = send(scene.port, MrSeries(slices=1).datasets())
    assert set(answers.values()) == {StoreStatus.OUT_OF_RESOURCES}


def test_a_data_set_that_is_not_what_its_command_announced_is_refused(scene):
    (ds,) = MrSeries(slices=1).datasets()
    ae = AE(ae_title="SCANNER")
    assoc = ae.associate(
        "127.0.0.1", scene.port, contexts=[build_context(MR_IMAGE)], ae_title="SYNTHNODE"
    )

    def announce_another(event):
        event.message.command_set.AffectedSOPInstanceUID = "1.2.3"

    assoc.bind(evt.EVT_DIMSE_SENT, announce_another)
    status = assoc.send_c_store(ds).Status
    assoc.release()
    assert status == StoreStatus.DOES_NOT_MATCH
    assert not scene.kept(ds.StudyInstanceUID)


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_object_that_cannot_be_filed_is_answered_c000(scene, missing):
    (ds,) = MrSeries(slices=1).datasets()
    delattr(ds, missing)
    assert set(send(scene.port, [ds]).values()) == {StoreStatus.CANNOT_UNDERSTAND}


def test_a_uid_that_looks_like_a_path_is_no_path(scene, tmp_path):
    (ds,) = MrSeries(slices=1).datasets()
    with disable_value_validation():
        for word in ("StudyInstanceUID", "SeriesInstanceUID"):
            ds.add_new(word, "UI", "../../../../outside")
        statuses = send(scene.port, [ds])
    assert set(statuses.values()) == {StoreStatus.SUCCESS}
    assert not (tmp_path.parent / "outside").exists()
    (instance,) = scene.kept("../../../../outside")
    assert instance.path.is_relative_to(scene.archive.folder)


def test_a_vendors_own_storage_class_is_kept(scene):
    (ds,) = MrSeries(slices=1).datasets()
    ds.SOPClassUID = SIEMENS_CSA_NON_IMAGE
    assert set(send(scene.port, [ds]).values()) == {StoreStatus.SUCCESS}


def test_every_way_to_refuse_an_instance_has_its_status():
    pending, found = [ArchiveError], set()
    while pending:
        kind = pending.pop()
        found.add(kind)
        pending.extend(
            one for one in kind.__subclasses__() if not one.__module__.startswith("tests")
        )
    assert found == set(STATUS_OF)
    assert ArchiveBroken in found
    assert StoreStatus.SUCCESS not in STATUS_OF.values()


def test_an_association_aborted_in_the_middle_of_a_file_leaves_nothing(scene):
    (ds,) = MrSeries(slices=1).datasets()
    raw = socket.create_connection(("127.0.0.1", scene.port))
    target = Target("node", scene.port, "SYNTHNODE", "SCANNER")
    limit = _associate(raw, target, [MR_IMAGE])
    message = _message(MR_IMAGE, ds.SOPInstanceUID, encoded(ds), 1, limit)
    raw.sendall(message[: len(message) // 2])
    raw.sendall(struct.pack(">BBIBBBB", 0x07, 0, 4, 0, 0, 0, 0))  # A-ABORT
    raw.close()
    other = MrSeries(seed="two", slices=1)
    assert set(send(scene.port, other.datasets()).values()) == {StoreStatus.SUCCESS}
    assert not scene.kept(ds.StudyInstanceUID)
    assert not list((scene.archive.folder / "incoming").iterdir())
