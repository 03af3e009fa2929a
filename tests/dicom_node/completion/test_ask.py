"""The sender is asked over a real association: Orthanc, and peers that answer badly."""

import time
import urllib.request
from contextlib import contextmanager
from datetime import timedelta

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from dicom_node import scu
from dicom_node.completion import AskSender, CompletionStage, Limits, SenderStage
from dicom_node.db import Database, StudyRow
from dicom_node.dicom import STUDY_ROOT_FIND, VERIFICATION
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.scu import Askable, Ourselves
from dicom_node.settings import Outbox, Peer
from tests.dicom_node.archive.objects import Store, file_of, instance, series_uid, study_uid
from tests.support.need import free_port
from tests.support.orthanc import Orthanc

TIMES = Outbox(connect_s=2.0, answer_s=5.0)
LIMITS = Limits(quiet_s=5.0, interrupted_s=30.0, sender_limit_s=600.0)


@pytest.fixture(scope="module")
def pacs(tmp_path_factory):
    running = Orthanc(tmp_path_factory.mktemp("pacs")).start()
    yield running
    running.stop()


def upload(pacs: Orthanc, ds: Dataset) -> None:
    url = f"http://127.0.0.1:{pacs.http_port}/instances"
    request = urllib.request.Request(url, data=file_of(ds))
    urllib.request.urlopen(request, timeout=20).read()


def peer(port: int | None, **values) -> Peer:
    facts = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "ask": ("find",)}
    return Peer(port=port, **{**facts, **values})


def sender(*peers: Peer) -> AskSender:
    return AskSender(Askable(Ourselves("SYNTHNODE", TIMES), peers))


def test_orthanc_tells_how_many_instances_it_has_of_each_series(pacs):
    for series, count in (("a", 3), ("b", 1)):
        for number in range(count):
            upload(pacs, instance("counted", series, number))
    asks = sender(peer(pacs.dicom_port))
    assert asks.whom(["scanner", "pacs"]) == "pacs"
    assert asks.counts(["scanner", "pacs"], study_uid("counted")) == {
        series_uid("counted", "a"): 3, series_uid("counted", "b"): 1,
    }  # fmt: skip
    assert asks.counts(["pacs"], study_uid("never seen")) is None
    assert asks.whom(["pacs"]) == "pacs"


@pytest.fixture
def store(tmp_path, now):
    database = Database("sqlite:///node.db", tmp_path)
    database.prepare()
    yield Store.on(database, tmp_path / "archive", now)
    database.close()


class Stages:
    """Who judges, and then who asks."""

    def __init__(self, store: Store, asks: AskSender) -> None:
        what = (store.database, store.files.folder, LIMITS, asks)
        self._judges, self._sender = CompletionStage(*what), SenderStage("pacs", *what)

    def tick(self, now) -> int:
        done = self._judges.tick(now)
        self._sender.tick(now)
        return done


def test_a_study_is_whole_at_once_when_all_of_it_came_and_not_before(pacs, store):
    datasets = [instance("whole", number=number) for number in range(3)]
    for ds in datasets:
        upload(pacs, ds)
    stage = Stages(store, sender(peer(pacs.dicom_port)))
    for ds in datasets[:2]:
        store.keep(ds, association=("a-1", "pacs", store.now))
    store.end("a-1")
    for _ in range(4):
        assert stage.tick(store.now) == 0
        store.now += timedelta(seconds=10)
    store.keep(datasets[2], association=("a-2", "pacs", store.now))
    store.end("a-2")
    assert stage.tick(store.now) == 0
    assert stage.tick(store.now) == 1
    assert store.row(StudyRow).evidence == "the sender has 3 instances, 3 are here"


def test_a_peer_that_is_away_is_not_asked_again_for_a_while(monkeypatch):
    seconds = [1000.0]
    monkeypatch.setattr(scu, "monotonic", lambda: seconds[0])
    asks = sender(peer(free_port()))
    assert asks.whom(["pacs"]) == "pacs"
    with pytest.raises(PeerAway, match="pacs does not answer"):
        asks.counts(["pacs"], study_uid())
    assert asks.whom(["pacs"]) is None
    began = time.perf_counter()
    assert asks.counts(["pacs"], study_uid()) is None
    assert time.perf_counter() - began < 0.1
    seconds[0] += 60
    assert asks.whom(["pacs"]) == "pacs"


def test_with_the_peer_away_the_timers_decide(store):
    stage = Stages(store, sender(peer(free_port())))
    store.keep(instance(), association=("a-1", "pacs", store.now))
    store.end("a-1")
    assert stage.tick(store.now) == 0
    store.now += timedelta(seconds=4)
    assert stage.tick(store.now) == 0
    store.now += timedelta(seconds=1)
    assert stage.tick(store.now) == 1


def test_another_sender_is_asked_where_the_first_is_away(pacs):
    upload(pacs, instance("elsewhere"))
    asks = sender(peer(free_port(), name="first"), peer(pacs.dicom_port))
    with pytest.raises(PeerAway):
        asks.counts(["first", "pacs"], study_uid("elsewhere"))
    assert asks.counts(["first", "pacs"], study_uid("elsewhere")) == {series_uid("elsewhere"): 1}


@pytest.mark.parametrize("values", [{"ask": ()}, {"ask": ("move",)}, {"port": None}])
def test_who_may_not_be_asked_is_not_asked(values):
    asks = sender(peer(**{"port": 104, **values}))
    assert asks.whom(["pacs"]) is None
    assert asks.counts(["pacs"], study_uid()) is None


def test_a_stranger_is_not_asked(pacs):
    assert sender(peer(pacs.dicom_port)).whom(["scanner"]) is None


def found(**values) -> Dataset:
    """Return an answer as a PACS gives it."""
    ds = Dataset()
    ds.QueryRetrieveLevel = "SERIES"
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


@contextmanager
def answering(*answers):
    """A peer that answers every query alike."""
    ae = AE(ae_title="ORTHANC")
    ae.add_supported_context(STUDY_ROOT_FIND)
    port = free_port()
    server = ae.start_server(
        ("127.0.0.1", port),
        block=False,
        evt_handlers=[(evt.EVT_C_FIND, lambda _: iter(answers))],
    )
    yield sender(peer(port))
    server.shutdown()


WHOLE = found(SeriesInstanceUID="1.2.3", NumberOfSeriesRelatedInstances=4)


def test_series_without_a_count_say_nothing():
    lacking = found(SeriesInstanceUID="1.2.4")
    with answering((0xFF00, WHOLE), (0xFF01, lacking)) as asks:
        assert asks.counts(["pacs"], "1.2") == {"1.2.3": 4}
    with answering((0xFF00, lacking)) as asks:
        assert asks.counts(["pacs"], "1.2") is None


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC001, 0xFE00])
def test_a_peer_that_fails_is_refused_and_left_alone(status):
    with answering((0xFF00, WHOLE), (status, None)) as asks:
        with pytest.raises(PeerRefused, match=f"pacs gave status 0x{status:04X}"):
            asks.counts(["pacs"], "1.2")
        assert asks.whom(["pacs"]) is None


@pytest.mark.parametrize(
    "answer",
    [
        found(NumberOfSeriesRelatedInstances=4),
        found(SeriesInstanceUID="", NumberOfSeriesRelatedInstances=4),
        found(SeriesInstanceUID="1.2.3", NumberOfSeriesRelatedInstances=None),
    ],
)
def test_an_answer_that_makes_no_sense_says_nothing(answer):
    with answering((0xFF00, answer)) as asks:
        assert asks.counts(["pacs"], "1.2") is None


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the count that is no number
def test_a_count_that_is_no_number_is_a_refusal():
    odd = found(SeriesInstanceUID="1.2.3")
    odd.add_new(0x00201209, "LO", "many")
    with answering((0xFF00, odd)) as asks, pytest.raises(PeerRefused, match="no number"):
        asks.counts(["pacs"], "1.2")


def test_a_peer_that_takes_long_to_count_is_not_waited_for_and_left_alone(monkeypatch):
    monkeypatch.setattr(scu, "_QUESTION_S", 0.5)
    asked = []

    def slowly(event):
        asked.append(time.perf_counter())
        time.sleep(3)
        yield 0x0000, None

    ae = AE(ae_title="ORTHANC")
    ae.add_supported_context(STUDY_ROOT_FIND)
    port = free_port()
    handlers = [(evt.EVT_C_FIND, slowly)]
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    asks = sender(peer(port))
    with pytest.raises(PeerRefused, match="no answer"):
        asks.counts(["pacs"], "1.2")
    assert time.perf_counter() - asked[0] < 2.5  # answer_s would be 5
    assert asks.whom(["pacs"]) is None
    server.shutdown()


def test_a_peer_that_takes_no_queries_is_away():
    ae = AE(ae_title="ORTHANC")
    ae.add_supported_context(VERIFICATION)
    port = free_port()
    server = ae.start_server(("127.0.0.1", port), block=False)
    with pytest.raises(PeerAway):
        sender(peer(port)).counts(["pacs"], "1.2")
    server.shutdown()
