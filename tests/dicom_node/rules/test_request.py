"""A series asked for that no rule has made: the gates of a rule, one job, never forgotten."""

from dataclasses import replace
from threading import Barrier, Thread

import pytest

from dicom_node.archive import Received
from dicom_node.jobs import Ended, JobQueue, Request
from dicom_node.lease import Lease, process_owner
from dicom_node.models import Evidence, Signings
from dicom_node.questions import Fetch, Fetches, FetchState
from dicom_node.rules import Condition, Granted, Offer, Requester, RulesStage
from dicom_node.rules.stage import Understood
from dicom_node.values import JobState, Model, Origin
from engine.reason import Code
from tests.dicom_node.rules.test_elsewhere import hospital, pacs
from tests.dicom_node.rules.test_stage import CACHE_S, SYNTAX, Scene, acquired_ct, upload
from tests.support.again import plan_again
from tests.support.mr import MrSeries, encoded
from tests.support.need import free_port

__all__ = ["hospital"]

NEVER = (Condition("BodyPartExamined", "equals", "KNEE"),)
"""A rule that has the task and does not fire on a head."""


@pytest.fixture
def scene(store, task) -> Scene:
    return Scene(store, task, when=NEVER)


@pytest.fixture
def series(request) -> MrSeries:
    return MrSeries(seed=request.node.name)


def requester(scene: Scene, stage: RulesStage | None = None) -> Requester:
    store = (scene.store.database, scene.store.files.folder)
    stage = stage or scene.stage
    return Requester(stage, store, scene.current, lambda _: scene.elsewhere)


def ask(scene: Scene, series: MrSeries, *to: str, by="anna", **values) -> Granted:
    wanted = Request(series.study_uid, "ct_from_mr", by, "command", to)
    return requester(scene).ask(replace(wanted, **values), scene.store.now)


def planned(scene: Scene, datasets) -> None:
    scene.send(datasets)
    scene.plan()


def codes(granted: Granted) -> list[Code]:
    return [reason.code for reason in granted.reasons]


def wanted_at(scene: Scene, job_id: int) -> tuple[str, ...]:
    with scene.store.database.reading() as session:
        return JobQueue(session).destinations(job_id)


def finish(scene: Scene, ended: Ended) -> None:
    with scene.store.database.transaction() as session:
        queue = JobQueue(session)
        queue.finish(queue.claim(scene.store.now, Lease(process_owner(), 30.0)), ended)


def test_what_no_rule_makes_is_made_when_somebody_asks(scene, series):
    planned(scene, series.datasets())
    assert scene.jobs() == []
    granted = ask(scene, series)
    assert (granted.made, granted.new, granted.job.state) == (True, True, JobState.WAITING)
    assert granted.job.sources[0].series_uid == series.series_uid
    assert granted.request.destinations == ("pacs",), "those of the rule with the same task"
    assert wanted_at(scene, granted.job.id) == ("pacs",)


def test_it_is_the_very_job_that_a_rule_would_have_made(store, task, series):
    asked = Scene(store, task, when=NEVER)
    planned(asked, series.datasets())
    job = ask(asked, series).job
    ruled = Scene(store, task)
    with store.database.transaction() as session:
        plan_again(session, series.study_uid)
    assert ruled.plan() == 1
    assert ruled.jobs() == [JobState.WAITING]
    assert {one["rule"] for one in ruled.why(series)["rules"] if one["fired"]} == {"sct"}
    (seen,) = ruled.why(series)["jobs"]
    assert (seen["id"], seen["rules"]) == (job.id, ["request:ct_from_mr", "sct"])


def test_asked_twice_it_is_one_job_and_says_so(scene, series):
    planned(scene, series.datasets())
    first = ask(scene, series)
    scene.later(60.0)
    second = ask(scene, series)
    assert (second.made, second.new, second.job.id) == (True, False, first.job.id)
    assert len(scene.jobs()) == 1
    (told,) = scene.why(series)["requests"]
    assert told["asked_at"] == first.job.created_at.isoformat()


def test_asked_by_two_it_is_one_job_for_both_and_goes_where_either_wants_it(scene, series):
    planned(scene, series.datasets())
    first, second = ask(scene, series), ask(scene, series, "other", by="WORKSTATION", via="http")
    assert first.job.id == second.job.id
    assert set(wanted_at(scene, first.job.id)) == {"pacs", "other"}
    told = {(one["by"], one["via"]): one for one in scene.why(series)["requests"]}
    assert told["anna", "command"]["destinations"] == ["pacs"]
    assert told["WORKSTATION", "http"]["destinations"] == ["other"]


def test_many_that_ask_at_once_make_one_job(scene, series):
    planned(scene, series.datasets())
    at_once, found = Barrier(4), []

    def asking(number: int) -> None:
        at_once.wait()
        found.append(ask(scene, series, by=f"user{number % 2}"))

    threads = [Thread(target=asking, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(scene.jobs()) == 1
    for one in found:  # one that was overtaken between two steps is told to ask again
        assert one.made or codes(one) == [Code.STUDY_RECEIVING]
    assert sum(one.made for one in found) >= 1


def test_what_is_made_already_is_said_and_sent_where_it_was_not(scene, series):
    planned(scene, series.datasets())
    ask(scene, series)
    (made,) = MrSeries(seed=series.seed, plane="coronal", slices=1).datasets()
    made.SeriesInstanceUID = "1.7"
    scene.store.archive.keep(Received(encoded(made), SYNTAX, "NODE", Origin.MADE))
    finish(scene, Ended(JobState.DONE, (), ("1.7",)))
    again = ask(scene, series, "other")
    assert (again.made, again.new, again.job.series_uids) == (True, False, ("1.7",))
    assert {one["destination"] for one in scene.why(series)["deliveries"]} == {"pacs", "other"}


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.REFUSED])
def test_a_job_that_ended_without_a_series_is_not_run_again_by_asking(scene, series, state):
    planned(scene, series.datasets())
    job = ask(scene, series).job
    finish(scene, Ended(state, ({"code": "QC_FAILED", "text": "it is flat"},)))
    again = ask(scene, series)
    assert (again.made, codes(again), again.job.id) == (False, [Code.QC_FAILED], job.id)
    assert f"'dicom-node jobs retry {job.id}' runs it again" in again.reasons[0].text
    assert scene.jobs() == [state]


def test_a_study_that_was_never_seen_is_refused(scene, series):
    granted = ask(scene, series)
    assert (granted.made, codes(granted), granted.job) == (False, [Code.STUDY_UNKNOWN], None)


def test_all_that_is_wrong_with_a_request_is_said_at_once(scene, series):
    granted = ask(scene, series, "nowhere", task="pt_from_mr")
    assert codes(granted) == [Code.TASK_UNKNOWN, Code.DESTINATION_UNKNOWN, Code.STUDY_UNKNOWN]
    assert "there are: ct_from_mr" in granted.reasons[0].text
    assert "there are: clinic, other, pacs" in granted.reasons[1].text


def test_without_a_rule_for_the_task_somebody_has_to_say_where_it_goes(scene, series):
    scene.rules = ()
    planned(scene, series.datasets())
    assert codes(ask(scene, series)) == [Code.DESTINATION_UNKNOWN]
    assert scene.jobs() == []
    assert ask(scene, series, "other").made


def test_nothing_unsigned_goes_to_a_clinical_destination_by_asking(scene, series):
    planned(scene, series.datasets())
    granted = ask(scene, series, "pacs", "clinic")
    assert codes(granted) == [Code.MODEL_UNSIGNED]
    assert scene.jobs() == []


def test_what_was_signed_for_a_clinical_destination_goes_there_by_asking(scene, series, task):
    planned(scene, series.datasets())
    identity = task.bundle.identity
    model = Model(identity.name, identity.version, identity.digest)
    with scene.store.database.transaction() as session:
        Signings(session).sign(model, "clinic", "anna", Evidence("", ""), scene.store.now)
    granted = ask(scene, series, "pacs", "clinic")
    assert granted.made, codes(granted)
    assert wanted_at(scene, granted.job.id) == ("pacs", "clinic")


def test_a_study_that_still_arrives_is_refused_and_why_remembers_it(scene, series):
    scene.send(series.datasets())
    granted = ask(scene, series)
    assert codes(granted) == [Code.STUDY_RECEIVING]
    (told,) = scene.why(series)["requests"]
    assert (told["by"], told["granted"], told["reasons"][0]["code"]) == (
        "anna", False, "STUDY_RECEIVING",
    )  # fmt: skip
    scene.plan()
    assert scene.jobs() == [], "what was refused is not made later"


def test_what_comes_while_headers_are_read_is_not_passed_over(scene, series):
    """Another instance between judging and writing: the job would lack it."""
    datasets = series.datasets()
    planned(scene, datasets[:-1])

    class Slow(RulesStage):
        def understand(self, session, study_uid) -> Understood:
            seen = super().understand(session, study_uid)
            scene.send(datasets[-1:])
            return seen

    store = scene.store
    slow = Slow(
        store.database, store.files.folder, scene.current, ("2.25.9", {}), scene.elsewhere,
    )  # fmt: skip
    wanted = Request(series.study_uid, "ct_from_mr", "anna", "command", ())
    granted = requester(scene, slow).ask(wanted, store.now)
    assert codes(granted) == [Code.STUDY_RECEIVING]
    assert scene.jobs() == []


def test_while_a_series_of_the_study_is_fetched_it_is_refused(scene, series):
    planned(scene, series.datasets())
    until = scene.store.now.replace(year=2027)
    with scene.store.database.transaction() as session:
        fetch = Fetch(series.study_uid, "pacs", "1.2.9", "T1", FetchState.WANTED, until)
        Fetches(session).want([fetch], scene.store.now)
    assert codes(ask(scene, series)) == [Code.STUDY_RECEIVING]


def test_an_acquired_ct_in_the_study_stops_a_request_as_it_stops_a_rule(scene, series):
    planned(scene, [*series.datasets(), *acquired_ct(series)])
    granted = ask(scene, series)
    assert codes(granted) == [Code.NOT_MISSING]
    assert "series 1.2.3.4 is acquired CT" in granted.reasons[0].text
    assert scene.jobs() == []


def test_a_source_that_the_task_does_not_accept_is_refused_with_its_codes(scene, series):
    gapped = series.datasets()
    planned(scene, [*gapped[:8], *gapped[10:]])
    granted = ask(scene, series)
    assert codes(granted) == [Code.GEOM_GAP]
    assert granted.reasons[0].text.startswith(f"T1 series {series.series_uid}: ")


def test_without_a_source_it_says_what_the_study_has(scene, series):
    planned(scene, acquired_ct(series))
    granted = ask(scene, series)
    assert codes(granted) == [Code.NOT_MISSING, Code.SOURCE_MISSING]
    assert "the study has CT" in granted.reasons[1].text


def test_what_was_made_is_no_source_for_a_request(scene, series):
    synthetic = series.datasets()
    for ds in synthetic:
        ds.SyntheticData = "YES"
    planned(scene, synthetic)
    assert codes(ask(scene, series)) == [Code.SOURCE_MISSING]


def test_an_acquired_ct_that_only_the_pacs_has_stops_it(store, task, hospital, series):
    scene = Scene(store, task, (pacs(hospital.dicom_port),), when=NEVER)
    upload(hospital, acquired_ct(series)[:2])
    planned(scene, series.datasets())
    assert scene.why(series)["asked"] == [], "no rule fires, so nobody was asked"
    granted = ask(scene, series)
    assert codes(granted) == [Code.NOT_MISSING]
    assert "pacs has series 1.2.3.4, acquired CT" in granted.reasons[0].text


def test_what_was_told_before_counts_where_the_peer_is_away_now(store, task, hospital, series):
    """A rule that fires has it asked; then the peer is gone, and its answer is not forgotten."""
    upload(hospital, acquired_ct(series)[:2])
    asked = Scene(store, task, (pacs(hospital.dicom_port),))
    planned(asked, series.datasets())
    gone = Scene(store, task, (pacs(free_port()),), when=NEVER)
    assert codes(ask(gone, series)) == [Code.NOT_MISSING]


def test_what_peers_said_when_it_was_asked_for_counts_for_the_plan_that_follows(
    store, task, hospital, series
):
    scene = Scene(store, task, (pacs(hospital.dicom_port),), when=NEVER)
    datasets = series.datasets()
    planned(scene, datasets[:-1])
    assert ask(scene, series).made
    (told,) = scene.why(series)["asked"]
    assert (told["peer"], told["series"]) == ("pacs", [])
    assert told["answered_at"] == scene.store.now.isoformat()
    scene.send(datasets[-1:])
    scene.complete()
    assert scene.tick() == 1, "nobody is asked again so soon"


def test_a_request_is_planned_again_by_what_its_task_makes_whatever_rules_make(
    store, task, hospital, series
):
    """No rule makes a CT, so for their sake no CT would be looked at."""
    scene = Scene(store, task, (pacs(hospital.dicom_port),), labels=(), when=NEVER)
    datasets = series.datasets()
    planned(scene, datasets[:-1])
    assert ask(scene, series).made
    upload(hospital, acquired_ct(series)[:2])
    scene.later(CACHE_S + 1)
    planned(scene, datasets[-1:])
    assert scene.jobs() == [JobState.CANCELLED]
    (told,) = scene.why(series)["requests"]
    assert "pacs has series 1.2.3.4, acquired CT (by the header" in told["reasons"][0]["text"]


def test_a_peer_that_is_away_does_not_stop_it(store, task, series):
    scene = Scene(store, task, (pacs(free_port()),), when=NEVER)
    planned(scene, series.datasets())
    assert ask(scene, series).made


def test_more_that_comes_makes_the_series_anew_without_asking_again(scene, series):
    datasets = series.datasets()
    planned(scene, datasets[:-1])
    ask(scene, series)
    planned(scene, datasets[-1:])
    assert scene.jobs() == [JobState.CANCELLED, JobState.WAITING]
    assert len(scene.why(series)["jobs"][1]["sources"]) == 1
    assert scene.why(series)["rules"][0]["rule"] == "sct", "a request is no rule"
    assert len(scene.why(series)["rules"]) == 1


def test_the_same_again_leaves_the_job_that_was_asked_for(scene, series):
    """A plan without the request would cancel it: no rule wants it."""
    planned(scene, series.datasets())
    ask(scene, series)
    with scene.store.database.transaction() as session:
        plan_again(session, series.study_uid)
    assert scene.tick() == 1
    assert scene.jobs() == [JobState.WAITING]


def test_an_acquired_ct_that_comes_late_cancels_it_and_why_says_so(scene, series):
    planned(scene, series.datasets())
    ask(scene, series)
    planned(scene, acquired_ct(series))
    assert scene.jobs() == [JobState.CANCELLED]
    (told,) = scene.why(series)["requests"]
    assert (told["granted"], told["reasons"][0]["code"]) == (True, "NOT_MISSING")


def test_a_plan_that_was_being_made_meanwhile_does_not_cancel_it(scene, series):
    """The stage has read the study, then somebody asks, then the stage writes."""
    planned(scene, series.datasets())
    with scene.store.database.transaction() as session:
        plan_again(session, series.study_uid)
    granted: list[Granted] = []
    understand = scene.stage.understand

    def interrupted(session, study_uid):
        seen = understand(session, study_uid)
        if not granted:
            granted.append(Granted(Request("", "", "", "", ())))
            granted[0] = ask(scene, series)
        return seen

    scene.stage.understand = interrupted
    assert scene.tick() == 0, "the plan has not seen the request"
    assert granted[0].made
    assert scene.tick() == 1
    assert scene.jobs() == [JobState.WAITING]


def test_a_refusal_does_not_take_back_what_was_granted(scene, series):
    planned(scene, series.datasets())
    ask(scene, series)
    assert codes(ask(scene, series, "clinic")) == [Code.MODEL_UNSIGNED]
    (told,) = scene.why(series)["requests"]
    assert (told["granted"], told["destinations"]) == (True, ["pacs"])


def test_a_task_that_is_taken_away_ends_it_and_why_says_so(scene, series):
    datasets = series.datasets()
    planned(scene, datasets[:-1])
    ask(scene, series)
    scene.offers(Offer({}, scene.offer.destinations))
    planned(scene, datasets[-1:])
    assert scene.jobs() == [JobState.CANCELLED]
    (told,) = scene.why(series)["requests"]
    assert told["reasons"][0]["code"] == "TASK_UNKNOWN"


def test_a_destination_that_became_clinical_gets_nothing_that_is_planned_since(scene, series):
    datasets = series.datasets()
    planned(scene, datasets[:-1])
    ask(scene, series, "pacs", "other")
    scene.offers(replace(scene.offer, clinical=("other",)))
    planned(scene, datasets[-1:])
    job = scene.why(series)["jobs"][-1]
    assert (job["state"], wanted_at(scene, job["id"])) == ("waiting", ("pacs",))
