"""A rule with companions, and a PACS: it has the result and all of them, or says what it lacks."""

from collections import Counter

import pytest
from pynetdicom import AE, StoragePresentationContexts, build_context, build_role, evt

from dicom_node.dicom import STUDY_ROOT_GET
from dicom_node.results.companions import KINDS
from dicom_node.values import Companion
from tests.support.gated import limits
from tests.support.mr import MrSeries
from tests.support.need import free_port
from tests.support.node import is_held, is_sent
from tests.support.retrieving import EXPLICIT, identifier
from tests.support.scp import Scp
from tests.support.sender import send

ALL = [str(one) for one in Companion]
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"


def rule(name: str) -> dict:
    return {"name": "sct", "task": "ct_from_mr", "destinations": [name], "companions": ALL}


def test_the_pacs_has_the_result_and_four_companions_once_a_person_released_them(start, orthanc):
    pacs = orthanc.peer()
    node = start(peers=[pacs], rules=[rule(pacs["name"])], gate=limits(), release="by_hand")
    series = MrSeries(seed="companions")
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, is_held)
    (job,) = answer["jobs"]
    assert (len(job["series_uids"]), answer["deliveries"], orthanc.series()) == (5, [], {})
    node.command("jobs", "release", str(job["id"]), "--by", "A. Physicist")
    node.until(series.study_uid, is_sent)
    there = orthanc.series()
    assert there.keys() == set(job["series_uids"])
    assert sorted(map(len, there.values())) == [1, 1, 1, 1, 20]


def test_a_pacs_that_does_not_take_a_kind_has_all_the_others_and_is_named(start):
    """It answers the association, and accepts neither reports nor maps."""
    pacs = Scp(free_port())
    lacks = {KINDS[name].sop_class_uid for name in (Companion.UNCERTAINTY, Companion.REPORT)}
    pacs.contexts = [
        one for one in StoragePresentationContexts
        if one.abstract_syntax in {CT_IMAGE, *(kind.sop_class_uid for kind in KINDS.values())}
        and one.abstract_syntax not in lacks
    ]  # fmt: skip
    pacs.start()
    peer = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": pacs.port, "may": []}
    node = start(
        peers=[peer], rules=[rule("pacs")], gate=limits(), extra={"outbox": {"refused_attempts": 1}}
    )
    series = MrSeries(seed="companions that are not taken")
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, is_settled)
    pacs.stop()
    images, uncertainty, report, overlay, pdf = answer["jobs"][0]["series_uids"]
    states = {one["series_uid"]: one for one in answer["deliveries"]}
    assert {uid: one["state"] for uid, one in states.items()} == {
        images: "sent", uncertainty: "failed", report: "failed", overlay: "sent", pdf: "sent",
    }  # fmt: skip
    for uid in (uncertainty, report):
        assert states[uid]["error"] == (
            "pacs answered 1 instances with 0x0122: it does not take their SOP class"
        )
    assert len(pacs.kept) == 22


def is_settled(answer: dict) -> bool:
    states = {one["state"] for one in answer["deliveries"]}
    return len(answer["deliveries"]) == 5 and states <= {"sent", "receipted", "failed"}


@pytest.mark.slow
def test_they_are_sent_at_once_and_given_to_who_asks_for_them(start, orthanc):
    pacs = orthanc.peer()
    station = {"name": "station", "ae_title": "STATION", "host": "127.0.0.1", "may": ["get"]}
    node = start(peers=[pacs, station], rules=[rule(pacs["name"])], gate=limits())
    series = MrSeries(seed="companions at once")
    send(node.port, series.datasets())
    (job,) = node.until(series.study_uid, is_sent)["jobs"]
    assert orthanc.series().keys() == set(job["series_uids"])
    kinds = [CT_IMAGE, MR_IMAGE, *(kind.sop_class_uid for kind in KINDS.values())]
    assert given(node.port, series.study_uid, kinds) == {
        CT_IMAGE: 20,
        MR_IMAGE: 20,
    } | dict.fromkeys(kinds[2:], 1)


def given(port: int, study_uid: str, kinds: list[str]) -> Counter:
    """Return how many objects of each kind a station gets by C-GET."""
    kept: Counter = Counter()

    def keep(event) -> int:
        kept[str(event.request.AffectedSOPClassUID)] += 1
        return 0x0000

    assoc = AE(ae_title="STATION").associate(
        "127.0.0.1", port, ae_title="SYNTHNODE",
        contexts=[build_context(uid, EXPLICIT) for uid in (STUDY_ROOT_GET, *kinds)],
        ext_neg=[build_role(uid, scp_role=True) for uid in kinds],
        evt_handlers=[(evt.EVT_C_STORE, keep)],
    )  # fmt: skip
    asked = identifier("STUDY", StudyInstanceUID=study_uid)
    statuses = [status.Status for status, _ in assoc.send_c_get(asked, STUDY_ROOT_GET)]
    assoc.release()
    assert statuses[-1] == 0x0000
    return kept
