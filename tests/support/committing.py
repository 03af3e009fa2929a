"""An archive that commits itself: what it keeps, what it drops, and when and how it reports."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from ssl import SSLContext

from pydicom.dataset import Dataset
from pynetdicom import AE, StoragePresentationContexts, build_context, build_role, evt

from dicom_node.commitment import (
    Reference,
    Report,
    Request,
    read_report,
    read_request,
    report_of,
)
from dicom_node.dicom import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    STUDY_ROOT_FIND,
    VERIFICATION,
)
from tests.support.scp import Served

NO_SUCH_INSTANCE = 0x0112


@dataclass
class CommittingScp(Served):
    """Stores, is asked to commit, is counted.

    ``drops`` are instances that it answers with success and does not keep, each once; so is the one
    that is the ``drops_number``-th to come. ``reports``: ``same`` association, ``new`` one (to
    ``node_port``), or None: when the test says so.
    """

    port: int
    node_port: int = 0
    ae_title: str = "PACS"
    reports: str | None = None
    commits: bool = True
    finds: tuple[str, ...] = ()
    drops: set[str] = field(default_factory=set)
    drops_number: int = -1
    status: int = 0x0000
    secured: SSLContext | None = None

    def __post_init__(self) -> None:
        self.kept: dict[str, Dataset] = {}
        self.asked: list[str] = []
        self.requests: list[Request] = []
        self.new_request = threading.Condition()

    def start(self) -> "CommittingScp":
        ae = AE(ae_title=self.ae_title)
        ae.supported_contexts = StoragePresentationContexts[:120]
        ae.add_supported_context(VERIFICATION)
        if self.commits:
            ae.add_supported_context(STORAGE_COMMITMENT)
        if self.finds:
            ae.add_supported_context(STUDY_ROOT_FIND)
        self._serve(
            ae,
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._action),
            (evt.EVT_C_FIND, self._find),
        )
        return self

    def wait_for_request(self, number: int, wait_s: float = 60.0) -> Request:
        with self.new_request:
            assert self.new_request.wait_for(lambda: len(self.requests) >= number, wait_s)
            return self.requests[number - 1]

    def verdict(self, request: Request) -> Report:
        """Return the truth about a request."""
        held = [one for one in request.instances if one.sop_instance_uid in self.kept]
        lacking = [one for one in request.instances if one.sop_instance_uid not in self.kept]
        return Report(
            request.transaction_uid,
            tuple(held),
            {one.sop_instance_uid: NO_SUCH_INSTANCE for one in lacking},
            {one.sop_instance_uid: one.sop_class_uid for one in lacking},
        )

    def report(self, report: Report, *, calling: str | None = None) -> int | None:
        """Report on an association of our own; return the status, None where there was none."""
        ae = AE(ae_title=calling or self.ae_title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 60
        assoc = ae.associate(
            "127.0.0.1",
            self.node_port,
            contexts=[build_context(VERIFICATION), build_context(STORAGE_COMMITMENT)],
            ae_title="SYNTHNODE",
            ext_neg=[build_role(STORAGE_COMMITMENT, scp_role=True)],
        )
        if not assoc.is_established:
            return None
        status = None
        with suppress(ValueError):  # the context was not accepted
            status = _send(assoc, report)
        if status is None:  # whom we lost answers no release either
            assoc.abort()
        else:
            assoc.release()
        return status

    def _store(self, event: evt.Event) -> int:
        ds = event.dataset
        uid = str(ds.SOPInstanceUID)
        self.asked.append(uid)
        if len(self.asked) == self.drops_number:
            return 0x0000
        if uid in self.drops:
            self.drops.discard(uid)
        else:
            self.kept[uid] = ds
        return 0x0000

    def _action(self, event: evt.Event):
        if self.status:
            return self.status, None
        request = read_request(event.action_information)
        with self.new_request:
            self.requests.append(request)
            self.new_request.notify_all()
        if self.reports == "same":
            threading.Thread(target=_send, args=(event.assoc, self.verdict(request))).start()
        elif self.reports == "new":
            threading.Thread(target=self.report, args=(self.verdict(request),)).start()
        return 0x0000, None

    def _find(self, event: evt.Event):
        wanted = event.identifier
        if wanted.QueryRetrieveLevel not in self.finds:
            yield 0xA900, None
            return
        mine = [ds for ds in self.kept.values() if ds.StudyInstanceUID == wanted.StudyInstanceUID]
        if wanted.QueryRetrieveLevel == "IMAGE":
            for ds in mine:
                if ds.SeriesInstanceUID == wanted.SeriesInstanceUID:
                    yield 0xFF00, _answer(ds, "IMAGE", SOPInstanceUID=ds.SOPInstanceUID)
            return
        for uid in {ds.SeriesInstanceUID for ds in mine}:
            some = [ds for ds in mine if ds.SeriesInstanceUID == uid]
            yield 0xFF00, _answer(some[0], "SERIES", NumberOfSeriesRelatedInstances=len(some))


def _answer(ds: Dataset, level: str, **values) -> Dataset:
    answer = Dataset()
    answer.QueryRetrieveLevel = level
    answer.StudyInstanceUID, answer.SeriesInstanceUID = ds.StudyInstanceUID, ds.SeriesInstanceUID
    answer.Modality = ds.Modality
    for keyword, value in values.items():
        setattr(answer, keyword, value)
    return answer


def _send(assoc, report: Report) -> int | None:
    event_type, ds = report_of(report)
    answer, _ = assoc.send_n_event_report(
        ds, event_type, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
    )
    return answer.get("Status")


def held(request: Request, *uids: str) -> Report:
    """Return a report that vouches for some of a request's instances, or for all."""
    some = [one for one in request.instances if not uids or one.sop_instance_uid in uids]
    return Report(request.transaction_uid, tuple(some))


def failed(request: Request, *uids: str, reason: int = NO_SUCH_INSTANCE) -> Report:
    """Return a report that vouches for all but ``uids``."""
    rest = tuple(one for one in request.instances if one.sop_instance_uid not in uids)
    classes = {one.sop_instance_uid: one.sop_class_uid for one in request.instances}
    return Report(
        request.transaction_uid,
        rest,
        dict.fromkeys(uids, reason),
        {uid: classes[uid] for uid in uids},
    )


def of_another_class(report: Report) -> Report:
    """Return a report whose instances are of a class that was not asked for."""
    other = "1.2.840.10008.5.1.4.1.1.7"
    wrong = tuple(Reference(other, one.sop_instance_uid) for one in report.held)
    return Report(report.transaction_uid, wrong)


class Modality(Served):
    """Asks a node to commit itself, and takes its reports: on its own association, or at a port."""

    def __init__(
        self, port: int = 0, status: int = 0x0000, secured: SSLContext | None = None
    ) -> None:
        self.port = port
        self.secured = secured
        self.calling: SSLContext | None = None
        self.status = status
        self.reports: list[Report] = []
        self.came_by: list[str] = []
        self.before_answering = lambda _event: None
        self._news = threading.Condition()

    def listen(self) -> "Modality":
        ae = AE(ae_title="SCANNER")
        ae.add_supported_context(VERIFICATION)
        ae.add_supported_context(STORAGE_COMMITMENT, scu_role=True, scp_role=True)
        self._serve(ae, (evt.EVT_N_EVENT_REPORT, self._take, ["new"]))
        return self

    def call(self, node_port: int, calling: str = "SCANNER"):
        """Return an association on which requests can be made and reports taken."""
        ae = AE(ae_title=calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 60
        wanted = (VERIFICATION, STORAGE_COMMITMENT, STUDY_ROOT_FIND)
        contexts = [build_context(uid) for uid in wanted]
        return ae.associate(
            "127.0.0.1",
            node_port,
            contexts=contexts,
            ae_title="SYNTHNODE",
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._take, ["same"])],
            tls_args=None if self.calling is None else (self.calling, None),
        )

    def wait_for_report(self, number: int = 1, wait_s: float = 60.0) -> Report:
        with self._news:
            assert self._news.wait_for(lambda: len(self.reports) >= number, wait_s)
            return self.reports[number - 1]

    def _take(self, event: evt.Event, how: str):
        report = read_report(event.event_information)
        self.before_answering(event)
        with self._news:
            if self.status == 0:
                self.reports.append(report)
                self.came_by.append(how)
            self._news.notify_all()
        return self.status, None


def ask(assoc, information, *, action: int = 1, instance: str = STORAGE_COMMITMENT_INSTANCE):
    """Make a request; return its status."""
    answer, _ = assoc.send_n_action(information, action, STORAGE_COMMITMENT, instance)
    return answer.get("Status")
