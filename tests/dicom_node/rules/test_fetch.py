"""A needed series that only the PACS has: fetched where the rule says so, and waited for."""

from datetime import timedelta

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_context

from dicom_node.association import Doorway, Listener
from dicom_node.audit import Silence
from dicom_node.db import FetchRow, InstanceRow, QuestionRow
from dicom_node.errors import DatabaseAway
from dicom_node.probes import LOOK, Probes
from dicom_node.questions import Fetch, Fetches, FetchState
from dicom_node.remote import Place, Remote
from dicom_node.rules import FetchStage, Inquirer, Looks
from dicom_node.scu import Ourselves
from dicom_node.series import OwnIdentity
from dicom_node.settings import Limits, Listen, Peer
from dicom_node.values import JobState
from tests.dicom_node.archive.objects import instance, study_uid
from tests.dicom_node.rules.test_stage import (
    CACHE_S,
    FETCH_S,
    TIMES,
    Scene,
    acquired_ct,
    upload,
)
from tests.support.mr import MrSeries
from tests.support.orthanc import Orthanc

LABELS = frozenset({"CT", "T1"})


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """One Orthanc that tells of an image only what its database has; each test has its study."""
    options = {"StorageAccessOnFind": "Never"}
    archive = Orthanc(tmp_path_factory.mktemp("hospital"), options=options).start()
    yield archive
    archive.stop()


def peer(port: int, **values) -> Peer:
    settings = {"may": ("store",), "ask": ("find", "move"), "host": "127.0.0.1", **values}
    return Peer(name="pacs", ae_title="ORTHANC", port=port, **settings)


@pytest.fixture
def series(request) -> MrSeries:
    return MrSeries(seed=request.node.name)


class Net(Scene):
    """The same with a listener that Orthanc knows, so that it can send what it is asked for."""

    def __init__(self, store, task, hospital) -> None:
        pacs = peer(hospital.dicom_port)
        super().__init__(store, task, (pacs,), fetch=True)
        self.probes = Probes("SYNTHNODE")
        self.remote = Remote(Ourselves("SYNTHNODE", TIMES), pacs)
        self.listener = Listener(
            "SYNTHNODE",
            Doorway(Listen(port=0), Limits()),
            [pacs],
            (store.archive, store.database),
            lambda: store.now,
            Silence(),
        )
        self.listener.catch(self.probes)
        looks = Looks(LABELS, most=8, limit_s=60.0, probes=self.probes)
        for one in self.asks:  # of the serving process: it may fetch an image to look at
            one._inquirer = Inquirer(self.remote, looks, OwnIdentity(), moves=True)
        hospital.know("node", self.listener.start())

    def fetch(self) -> int:
        return sum(one.tick(self.store.now) for one in self.fetches)

    def fetched(self) -> list[tuple[str, str]]:
        return [(row.label, row.state) for row in self.store.rows(FetchRow)]

    def count(self) -> int:
        return len(self.store.rows(InstanceRow))


@pytest.fixture
def net(store, task, hospital):
    opened = Net(store, task, hospital)
    yield opened
    opened.listener.stop(1.0)


def localizer(series: MrSeries) -> list:
    """Return a series of the study that no task takes."""
    found = MrSeries(seed=series.seed, plane="coronal", slices=3).datasets()
    for ds in found:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "LOCALIZER"]
        ds.SeriesDescription = ds.ProtocolName = "localizer"
    return found


def test_a_t1_that_only_the_pacs_has_is_fetched_and_used(net, hospital, series):
    upload(hospital, series.datasets())
    net.send(localizer(series))
    assert net.plan() == 0
    assert net.fetched() == [("T1", "wanted")]
    assert net.count() == 3, "the image that was looked at is not in the archive"
    assert net.fetch() == 1
    assert net.count() == 23
    net.complete()
    assert net.tick() == 1
    assert net.jobs() == [JobState.WAITING]
    (asked,) = net.why(series)["asked"]
    (there,) = asked["series"]
    assert (there["label"], there["how"]) == ("T1", "by one instance, fetched")
    assert [one["state"] for one in asked["fetched"]] == ["fetched"]


def test_half_a_series_is_not_enough_while_the_rest_is_on_its_way(net, hospital, series):
    upload(hospital, series.datasets())
    net.send(localizer(series))
    net.plan()
    net.send(series.datasets()[:18])  # as if the connection had stalled
    net.complete()
    assert (net.tick(), net.jobs()) == (0, [])
    net.fetch()
    net.complete()
    net.tick()
    assert net.jobs() == [JobState.WAITING]


def test_nothing_is_fetched_where_the_made_label_is_there_too(net, hospital, series):
    upload(hospital, [*series.datasets()[:2], *acquired_ct(series)[:2]])
    net.send(localizer(series))
    assert net.plan() == 1
    assert (net.fetched(), net.jobs()) == ([], [])


def test_a_rule_without_fetch_asks_nobody_for_what_it_lacks(store, task, hospital, series):
    scene = Scene(store, task, (peer(hospital.dicom_port),))
    upload(hospital, series.datasets()[:1])
    scene.send(localizer(series))
    assert scene.plan() == 1
    assert store.rows(QuestionRow) == []


def test_an_archive_that_does_not_know_us_is_told_of_and_not_waited_for(
    store, task, hospital, series
):
    net = Net(store, task, hospital)
    upload(hospital, series.datasets())
    net.send(localizer(series))
    net.plan()
    hospital.know("node", 1, "SOMEBODY")
    assert net.fetch() == 0
    assert net.tick() == 1
    (rule,) = net.why(series)["rules"]
    assert "no series is T1; the study has LOCALIZER" in rule["unmet"]
    assert any("was fetched from pacs in vain" in text for text in rule["unmet"])
    net.listener.stop(1.0)


def test_a_series_that_does_not_come_in_time_is_waited_for_no_longer(net, hospital, series):
    upload(hospital, series.datasets())
    net.send(localizer(series))
    net.plan()
    net.later(FETCH_S - 1)
    assert net.tick() == 0
    net.later(1)
    assert net.tick() == 1
    (rule,) = net.why(series)["rules"]
    assert any("it did not come in time" in text for text in rule["unmet"])
    assert net.fetch() == 0, "it is too late now"
    assert net.count() == 3


def test_what_failed_is_tried_again_only_after_a_while(net, hospital, series):
    upload(hospital, series.datasets())
    net.send(localizer(series)[:1])
    net.plan()
    net.later(FETCH_S + 1)
    net.tick()
    net.send(localizer(series)[1:2])
    net.plan()
    assert (net.fetch(), net.count()) == (0, 2)
    net.later(CACHE_S)
    net.send(localizer(series)[2:])
    net.plan()
    assert (net.fetch(), net.count()) == (1, 23)


def test_a_fetch_that_was_cut_off_by_the_end_of_a_process_is_begun_again(net, hospital, series):
    upload(hospital, series.datasets())
    net.send(localizer(series))
    net.plan()
    with net.store.database.transaction() as session:
        session.query(FetchRow).one().state = "fetching"
    assert net.fetch() == 0
    with net.store.database.transaction() as session:
        assert Fetches(session).restart() == 1
    assert (net.fetch(), net.count()) == (1, 23)


def test_an_image_that_is_looked_at_is_caught_and_one_that_is_sent_to_stay_is_kept(
    net, hospital, series
):
    first = series.datasets()[0]
    upload(hospital, [first])
    place = Place(series.study_uid, series.series_uid, first.SOPInstanceUID)
    with net.probes.expected("pacs", first.SOPInstanceUID) as probe:
        assert net.remote.move(place, 60.0) == 1
        assert probe.content is not None
        assert net.count() == 0
        (found,) = hospital.post("tools/lookup", first.SOPInstanceUID.encode())
        hospital.send("node", found["ID"])  # by a rule of the archive's own
        assert net.count() == 1
    assert net.remote.move(place, 60.0) == 1
    assert net.count() == 1, "the same again"


@pytest.mark.parametrize("plane", [True, False])
def test_what_is_sent_for_a_fetch_is_kept_although_one_of_it_is_looked_at(store, plane):
    """The same instance, asked for by us twice: as one to look at, and with its series, to stay."""
    pacs = peer(104)
    listener = Listener("SYNTHNODE", Doorway(Listen(port=0, data_plane=plane), Limits()), [pacs],
                        (store.archive, store.database), lambda: store.now, Silence())  # fmt: skip
    probes, ds = Probes("SYNTHNODE"), instance()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    listener.catch(probes)
    ae, port = AE(ae_title="ORTHANC"), listener.start()
    context = build_context(ds.SOPClassUID, ExplicitVRLittleEndian)
    assoc = ae.associate("127.0.0.1", port, contexts=[context], ae_title="SYNTHNODE")
    try:
        with probes.expected("pacs", str(ds.SOPInstanceUID)) as probe:
            for message_id, looked_at in ((1, False), (LOOK, True)):
                status = assoc.send_c_store(ds, originator_aet="SYNTHNODE",
                                            originator_id=message_id)  # fmt: skip
                assert status.Status == 0x0000
                assert (probe.content is not None) is looked_at
                assert len(store.rows(InstanceRow)) == 1
    finally:
        assoc.release()
        listener.stop(1.0)


class Broken:
    """A peer whose fetching fails in a way that nobody has foreseen."""

    name = "pacs"

    def move(self, place, limit_s):
        raise ZeroDivisionError


def wanted(store) -> None:
    """Have a series fetched."""
    store.keep(instance())
    fetch = Fetch(study_uid(), "pacs", "1.2.3", "CT", FetchState.WANTED,
                  store.now + timedelta(seconds=FETCH_S))  # fmt: skip
    with store.database.transaction() as session:
        Fetches(session).want([fetch], store.now)


def test_a_fetch_that_a_bug_ends_has_ended(store):
    wanted(store)
    stage = FetchStage(Broken(), store.database)
    with pytest.raises(ZeroDivisionError):
        stage.tick(store.now)
    assert store.row(FetchRow).state == "failed"
    assert stage.tick(store.now) == 0


def test_an_end_that_could_not_be_kept_is_kept_later(store, monkeypatch):
    wanted(store)
    stage = FetchStage(Broken(), store.database)
    keep, ends = stage._set, []

    def fails_once(fetch, state, error=None):
        if state is FetchState.FAILED and not ends:
            ends.append(state)
            raise DatabaseAway("locked")
        keep(fetch, state, error)

    monkeypatch.setattr(stage, "_set", fails_once)
    with pytest.raises(DatabaseAway):
        stage.tick(store.now)
    assert store.row(FetchRow).state == "fetching"
    assert stage.tick(store.now) == 0
    assert store.row(FetchRow).state == "failed"


def test_a_fetch_from_a_host_without_an_address_fails_and_says_so(store):
    wanted(store)
    away = peer(104, host="no-such-host.invalid")
    assert (
        FetchStage(Remote(Ourselves("SYNTHNODE", TIMES), away), store.database).tick(store.now) == 0
    )
    row = store.row(FetchRow)
    assert row.state == "failed"
    assert "cannot be resolved" in row.error
