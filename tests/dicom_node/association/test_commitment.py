"""A peer asks us to commit ourselves: kept before it is answered, reported on until it is taken."""

import threading
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dimse_messages import C_ECHO_RSP
from pynetdicom.dimse_primitives import C_ECHO, C_FIND

from dicom_node.association import Doorway, Listener
from dicom_node.association.commitment import CommitmentService, Lines, PromiseStage, Trying
from dicom_node.association.serving import Service
from dicom_node.audit import Silence
from dicom_node.commitment import Failure, Reference, Request, request_of
from dicom_node.db import PromiseRow
from dicom_node.dicom import STUDY_ROOT_FIND, VERIFICATION, new_uid
from dicom_node.outbox import Reports
from dicom_node.scu import Ourselves
from dicom_node.settings import Limits, Listen, Outbox, Peer
from dicom_node.tls import Credentials
from dicom_node.transport import Kind
from tests.dicom_node.archive.objects import MR_IMAGE, instance
from tests.support.committing import Modality, ask
from tests.support.listening import Ear
from tests.support.need import free_port
from tests.support.pki import tls

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ASKS_NOTHING = Peer(name="other", ae_title="OTHER", host="127.0.0.1", port=1, ask=("commit",))
QUIET_S = 0.2


class Scene:
    """A listener, the stage that reports, and the modality that asks."""

    def __init__(self, store, *, has_port: bool = True, credentials=None, offer=None) -> None:
        self.store = store
        self.peer = Peer(
            name="scanner",
            ae_title="SCANNER",
            host="127.0.0.1",
            port=free_port() if has_port else None,
            may=("echo", "store", "commit", "find"),
            tls=credentials is not None,
        )
        self.modality = Modality(self.peer.port or 0)
        if credentials is not None:
            self.modality.secured = credentials.server()
            self.modality.calling = credentials.client(by_host=False)
        self.lines = Lines(QUIET_S)
        self.place = (store.database, store.archive.folder)
        self.us = Ourselves("SYNTHNODE", Outbox(connect_s=20.0, answer_s=20.0), credentials)
        self.listener = Listener(
            "SYNTHNODE", Doorway(Listen(port=0), Limits(), credentials), [self.peer, ASKS_NOTHING],
            (store.archive, store.database), self.now, Silence(),
        )  # fmt: skip
        reports = Reports(self.place, {}, 1, self.now)
        self.listener.add(CommitmentService(store.database, self.lines, reports, self.now))
        if offer is not None:
            self.listener.offer(offer)
        self.port = self.listener.start()

    def now(self):
        return self.store.now

    def later(self, seconds: float) -> None:
        self.store.now += timedelta(seconds=seconds)

    def stage(self, lines: Lines | None = None) -> PromiseStage:
        """Return the stage that reports; with new lines it is that of a node that was restarted."""
        trying = Trying(timedelta(days=7), 3, 30.0)
        return PromiseStage(self.us, self.peer, lines or self.lines, self.place, trying, self.now)

    def keep(self, count: int) -> list[Reference]:
        for number in range(count):
            self.store.keep(instance(number=number))
        return [Reference(MR_IMAGE, instance(number=n).SOPInstanceUID) for n in range(count)]

    def ask(self, *references: Reference, uid: str | None = None, stay: bool = False):
        """Make a request as the modality; return the association where it stays."""
        assoc = self.modality.call(self.port)
        assert ask(assoc, request_of(Request(uid or new_uid(), references))) == 0x0000
        if stay:
            return assoc
        assoc.release()
        return None

    def report(self, stage: PromiseStage | None = None) -> int:
        self.later(1)
        return (stage or self.stage()).tick(self.store.now)

    def row(self) -> PromiseRow:
        return self.store.row(PromiseRow)

    def close(self) -> None:
        self.modality.stop()
        self.listener.stop(1.0)


@pytest.fixture
def scene(store):
    opened = Scene(store)
    yield opened
    opened.close()


@pytest.fixture
def portless(store):
    opened = Scene(store, has_port=False)
    yield opened
    opened.close()


def quiet(scene) -> None:
    """Wait until nothing came for a moment on any association of a request."""
    (line,) = scene.lines._lines.values()
    while line.quiet_for() < QUIET_S:
        threading.Event().wait(0.01)


def test_a_request_is_kept_before_it_is_answered(scene):
    scene.ask(*scene.keep(2))
    row = scene.row()
    assert (row.state, len(row.instances), row.attempts) == ("waiting", 2, 0)


def test_an_association_that_stays_open_and_quiet_takes_the_report(scene):
    references = scene.keep(3)
    assoc = scene.ask(*references, stay=True)
    quiet(scene)
    assert scene.report() == 1
    report = scene.modality.wait_for_report()
    assert (report.held, dict(report.failed)) == (tuple(references), {})
    assert scene.modality.came_by == ["same"]
    assert scene.row().state == "reported"
    assert assoc.is_established
    assoc.release()


def test_after_a_release_the_report_comes_on_a_new_association(scene):
    scene.modality.listen()
    references = scene.keep(2)
    scene.ask(*references)
    assert scene.report() == 1
    assert scene.modality.wait_for_report().held == tuple(references)
    assert scene.modality.came_by == ["new"]
    assert scene.report() == 0, "once is enough"


@pytest.fixture
def credentials(authority, tmp_path) -> Credentials:
    return Credentials(tmp_path, tls(authority.issue("node"), authority.certificate))


def test_reports_go_over_tls_to_a_peer_that_wants_it(store, credentials):
    scene = Scene(store, credentials=credentials)
    try:
        scene.modality.listen()
        references = scene.keep(2)
        assoc = scene.ask(*references, stay=True)
        quiet(scene)
        assert scene.report() == 1
        assert scene.modality.wait_for_report().held == tuple(references)
        assoc.release()
        scene.ask(*references)
        assert scene.report() == 1
        assert scene.modality.wait_for_report(2).held == tuple(references)
        assert scene.modality.came_by == ["same", "new"]
    finally:
        scene.close()


@pytest.mark.parametrize("has_certificates", [True, False])
def test_a_report_never_goes_in_plain_to_a_peer_that_wants_tls(
    store, credentials, has_certificates
):
    scene, ear = Scene(store, credentials=credentials), Ear()
    try:
        if not has_certificates:
            scene.us = replace(scene.us, credentials=None)
        scene.ask(*scene.keep(1))
        scene.peer = scene.peer.model_copy(update={"port": ear.port})
        assert scene.report() == 0
        assert "TLS" in scene.row().error
    finally:
        scene.close()
        ear.close()
    assert [said[:2] for said in ear.heard] == [b"\x16\x03" if has_certificates else b""]


def test_an_association_that_is_busy_is_not_interrupted(scene):
    scene.modality.listen()
    scene.lines.quiet_s = 3600.0
    assoc = scene.ask(*scene.keep(1), stay=True)
    scene.later(3600)
    assert scene.report() == 1
    assert scene.modality.came_by == ["new"]
    assoc.release()


def test_what_a_peer_asks_in_the_meantime_is_answered_after_the_report(scene):
    """Its next request comes before its answer to our report: both are dealt with."""
    echo = C_ECHO()
    echo.MessageID, echo.AffectedSOPClassUID = 7, VERIFICATION

    def also_echo(event):
        (context,) = (c for c in event.assoc.accepted_contexts if c.abstract_syntax == VERIFICATION)
        event.assoc.dimse.send_msg(echo, context.context_id)

    scene.modality.before_answering = also_echo
    assoc = scene.ask(*scene.keep(1), stay=True)
    echoed = threading.Event()
    assoc.bind(evt.EVT_DIMSE_RECV, lambda event: _note_echo(event, echoed))
    quiet(scene)
    assert scene.report() == 1
    assert scene.modality.came_by == ["same"]
    assert echoed.wait(30)
    assert assoc.send_c_echo(8).Status == 0x0000, "the association is sound"
    assoc.release()


def _note_echo(event, echoed: threading.Event) -> None:
    if isinstance(event.message, C_ECHO_RSP):
        echoed.set()


class Finds:
    """Serves queries, and notes who does it."""

    def __init__(self) -> None:
        self.by: list[threading.Thread] = []
        self.served = threading.Event()

    def services(self):
        return {Kind.C_FIND_RQ: Service(self._find, 0xC001)}

    def close(self) -> None:
        pass

    def _find(self, exchange) -> None:
        self.by.append(threading.current_thread())
        exchange.answer(0x0000)
        self.served.set()


def test_what_a_peer_queries_in_the_meantime_is_not_served_by_the_stage(store):
    """Else one query after another would keep the stage for ever."""
    finds = Finds()
    scene = Scene(store, offer=finds)
    query = C_FIND()
    query.MessageID, query.AffectedSOPClassUID, query.Priority = 7, STUDY_ROOT_FIND, 2
    query.Identifier = BytesIO(element_of_a_query())

    def also_find(event):
        (context,) = (
            c for c in event.assoc.accepted_contexts if c.abstract_syntax == STUDY_ROOT_FIND
        )
        event.assoc.dimse.send_msg(query, context.context_id)

    try:
        scene.modality.before_answering = also_find
        assoc = scene.ask(*scene.keep(1), stay=True)
        quiet(scene)
        assert scene.report() == 1
        assert scene.modality.came_by == ["same"]
        assert finds.served.wait(30)
        assert threading.current_thread() not in finds.by
        assoc.release()
    finally:
        scene.close()


def element_of_a_query() -> bytes:
    """Return QueryRetrieveLevel = STUDY, in implicit little endian."""
    return b"\x08\x00\x52\x00\x06\x00\x00\x00STUDY "


def test_each_instance_is_told_apart(scene):
    kept, other_class, damaged, apart, absent = (*scene.keep(4), Reference(MR_IMAGE, "1.2.3"))
    other_class = Reference(CT_IMAGE, other_class.sop_instance_uid)
    scene.store.keep(instance(number=3, PatientID="SOMEBODY-ELSE"))  # under a UID that is taken
    paths = {row.sop_instance_uid: row.path for row in scene.store.rows(_instances())}
    (scene.store.archive.folder / paths[damaged.sop_instance_uid]).unlink()
    scene.modality.listen()
    scene.ask(kept, other_class, damaged, apart, absent)
    scene.report()
    report = scene.modality.wait_for_report()
    assert report.held == (kept,)
    assert report.failed == {
        other_class.sop_instance_uid: Failure.CLASS_CONFLICT,
        damaged.sop_instance_uid: Failure.PROCESSING,
        apart.sop_instance_uid: Failure.PROCESSING,
        "1.2.3": Failure.NO_SUCH_INSTANCE,
    }


def _instances():
    from dicom_node.db import InstanceRow

    return InstanceRow


def test_thousands_of_instances_are_one_report(scene):
    some = scene.keep(3)
    many = [Reference(MR_IMAGE, f"1.2.3.{number}") for number in range(2000)]
    scene.modality.listen()
    scene.ask(*some, *many)
    scene.report()
    report = scene.modality.wait_for_report()
    assert (len(report.held), len(report.failed)) == (3, 2000)


def test_a_peer_that_is_away_gets_its_report_when_it_is_back_after_a_restart_too(scene):
    scene.ask(*scene.keep(1))
    stage = scene.stage()
    assert scene.report(stage) == 0
    row = scene.row()
    assert (row.state, row.attempts) == ("waiting", 1)
    assert "does not answer" in row.error
    assert stage.tick(scene.store.now) == 0, "it is left alone for a while"
    assert scene.row().attempts == 1
    scene.modality.listen()
    scene.later(3600)
    assert scene.report(scene.stage(Lines())) == 1
    assert scene.row().state == "reported"


def test_a_peer_whose_host_has_no_address_is_left_alone_for_a_while(scene):
    scene.ask(*scene.keep(1))
    scene.peer = scene.peer.model_copy(update={"host": "no-such-host.invalid"})
    stage = scene.stage()
    assert scene.report(stage) == 0
    assert "cannot be resolved" in scene.row().error
    assert stage.tick(scene.store.now) == 0
    assert scene.row().attempts == 1


def test_a_peer_that_never_takes_its_report_is_given_up_after_days(scene):
    scene.ask(*scene.keep(1))
    scene.later(8 * 86_400)
    assert scene.report() == 0
    assert scene.row().state == "given up"


def test_a_peer_that_refuses_its_report_is_not_asked_for_ever(scene):
    scene.modality.status = 0x0110
    scene.modality.listen()
    scene.ask(*scene.keep(1))
    for _ in range(3):
        assert scene.row().state == "waiting"
        scene.later(600)
        scene.report()
    row = scene.row()
    assert (row.state, row.error) == ("given up", "scanner answered a report with 0x0110")


def test_a_peer_without_a_port_is_told_of_once_it_is_added(portless):
    portless.ask(*portless.keep(1))
    assert portless.report() == 0
    assert "has no port in peers.toml" in portless.row().error


def test_a_request_whose_association_is_over_puts_off_no_other(portless):
    references = portless.keep(2)
    stage = portless.stage()
    portless.ask(references[0])
    for _ in range(8):
        portless.later(400)
        assert stage.tick(portless.store.now) == 0
    assoc = portless.ask(references[1], stay=True)
    portless.lines.quiet_s = 3600.0  # it is busy at first
    portless.later(400)
    assert stage.tick(portless.store.now) == 0
    portless.lines.quiet_s = QUIET_S
    quiet(portless)
    assert portless.report(stage) == 1
    assert sorted(row.state for row in portless.store.rows(PromiseRow)) == ["reported", "waiting"]
    assoc.release()


def test_a_peer_without_a_port_is_waited_for_while_it_is_busy(portless):
    assoc = portless.ask(*portless.keep(1), stay=True)
    portless.lines.quiet_s = 3600.0
    portless.later(3600)
    assert portless.report() == 0
    assert portless.row().error is None
    portless.lines.quiet_s = QUIET_S
    quiet(portless)
    assert portless.report() == 1
    assoc.release()


def test_the_same_request_again_is_reported_on_again(scene):
    scene.modality.listen()
    references, uid = scene.keep(1), new_uid()
    scene.ask(*references, uid=uid)
    scene.report()
    scene.ask(*references, uid=uid)
    assert scene.report() == 1
    assert scene.modality.wait_for_report(2).transaction_uid == uid
    assert len(scene.store.rows(PromiseRow)) == 1


def test_a_transaction_uid_that_is_in_use_for_something_else_is_refused(scene):
    first, second = scene.keep(2)
    uid = new_uid()
    scene.ask(first, uid=uid)
    assoc = scene.modality.call(scene.port)
    assert ask(assoc, request_of(Request(uid, (second,)))) == 0x0115
    assoc.release()
    assert scene.row().instances == [[MR_IMAGE, first.sop_instance_uid]]


def _without(keyword: str) -> Dataset:
    ds = request_of(Request("1.2.3", (Reference(MR_IMAGE, "1.2.4"),)))
    delattr(ds, keyword)
    return ds


def _with_no_instance() -> Dataset:
    return request_of(Request("1.2.3", ()))


def _with_a_uid_that_is_none() -> Dataset:
    ds = request_of(Request("1.2.3", (Reference(MR_IMAGE, "1.2.4"),)))
    del ds.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    return ds


@pytest.mark.parametrize(
    ("information", "values", "status"),
    [
        (_without("TransactionUID"), {}, 0x0115),
        (_without("ReferencedSOPSequence"), {}, 0x0115),
        (_with_no_instance(), {}, 0x0115),
        (_with_a_uid_that_is_none(), {}, 0x0115),
        (_without("TransactionUID"), {"action": 2}, 0x0123),
        (_without("TransactionUID"), {"instance": "1.2.840.10008.1.20.1.2"}, 0x0112),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_not_kept(scene, information, values, status):
    assoc = scene.modality.call(scene.port)
    assert ask(assoc, information, **values) == status
    assoc.release()
    assert scene.store.rows(PromiseRow) == []


def test_who_may_only_report_cannot_ask(scene):
    assoc = scene.modality.call(scene.port, calling="OTHER")
    request = request_of(Request(new_uid(), (Reference(MR_IMAGE, "1.2.4"),)))
    assert ask(assoc, request) == 0x0124
    assoc.release()
    assert scene.store.rows(PromiseRow) == []
