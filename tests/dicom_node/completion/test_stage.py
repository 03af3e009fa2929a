"""Receiving → complete, in the database; on both."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from dicom_node.archive import Studies
from dicom_node.completion import CompletionStage, Limits, SenderStage
from dicom_node.db import StudyRow
from dicom_node.errors import DatabaseAway, PeerAway
from dicom_node.values import StudyState
from tests.dicom_node.archive.objects import instance, series_uid, study_uid

LIMITS = Limits(quiet_s=5.0, interrupted_s=30.0, sender_limit_s=600.0)


class Nobody:
    """No sender answers queries."""

    def names(self):
        return ()

    def whom(self, peers):
        return None

    def counts(self, peers, study_uid):
        raise AssertionError("who may not be asked is not asked")


class Sender:
    """A sender that counts; what it has a test sets, an error included."""

    def __init__(self, has) -> None:
        self.has = has
        self.asked: list[str] = []

    def names(self):
        return ("pacs",)

    def whom(self, peers):
        return "pacs" if "pacs" in peers else None

    def counts(self, peers, study_uid):
        self.asked.append(study_uid)
        if isinstance(self.has, Exception):
            raise self.has
        return self.has


@pytest.fixture
def tick(store):
    """Let the stages tick at the time of the archive, that which judges first."""

    def tick(asks=Nobody()) -> int:  # noqa: B008 - it holds nothing
        what = (store.database, store.files.folder, LIMITS, asks)
        done = CompletionStage(*what).tick(store.now)
        for name in asks.names():
            SenderStage(name, *what).tick(store.now)
        return done

    return tick


def send(store, study="one", number=1, peer="scanner", association="a-1") -> None:
    store.keep(instance(study, number=number), association=(association, peer, store.now))


def later(store, seconds: float) -> None:
    store.now += timedelta(seconds=seconds)


def states(store) -> dict[str, str]:
    return {row.uid: row.state for row in store.rows(StudyRow)}


def test_a_study_is_complete_after_the_quiet_period_with_the_evidence(store, tick):
    send(store)
    store.end("a-1")
    later(store, 4.9)
    assert tick() == 0
    later(store, 0.1)
    assert tick() == 1
    row = store.row(StudyRow)
    assert (row.state, row.evidence) == (StudyState.COMPLETE, "5 s of quiet")
    assert tick() == 0


def test_a_study_that_was_cut_off_waits_longer(store, tick):
    send(store)
    store.end("a-1", released=False)
    later(store, 29)
    assert tick() == 0
    later(store, 1)
    assert tick() == 1


def test_an_association_that_sends_the_same_again_holds_its_study_and_no_other(store, tick):
    send(store, "one")
    send(store, "two")
    later(store, 4)
    send(store, "one")
    later(store, 1)
    assert tick() == 1
    assert states(store) == {study_uid("one"): "receiving", study_uid("two"): "complete"}
    later(store, 4)
    assert tick() == 1


def test_a_straggler_opens_the_study_and_it_is_planned_again(store, tick):
    send(store)
    later(store, 5)
    assert tick() == 1
    assert store.ask(Studies.routed, study_uid(), 1)
    later(store, 60)
    send(store, number=2)
    assert states(store) == {study_uid(): "receiving"}
    assert tick() == 0
    later(store, 5)
    assert tick() == 1
    assert store.ask(Studies.to_plan, store.now) == [(study_uid(), 2)]


def test_an_instance_that_comes_between_judging_and_marking_wins(store, tick):
    class Meanwhile(Nobody):
        def whom(self, peers):
            send(store, number=2)

    send(store)
    later(store, 5)
    assert tick(Meanwhile()) == 0
    assert states(store) == {study_uid(): "receiving"}
    later(store, 5)
    assert tick() == 1
    assert store.row(StudyRow).revision == 2


def test_as_many_as_the_sender_has_is_whole_without_waiting(store, tick):
    send(store, peer="pacs")
    store.end("a-1")
    sender = Sender({series_uid(): 1})
    assert tick(sender) == 0
    assert tick(sender) == 1
    assert sender.asked == [study_uid()]
    assert store.row(StudyRow).evidence == "the sender has 1 instances, 1 are here"


def test_fewer_than_the_sender_has_waits_for_the_rest(store, tick):
    send(store, peer="pacs")
    store.end("a-1")
    sender = Sender({series_uid(): 2})
    for _ in range(10):
        assert tick(sender) == 0
        later(store, 10)
    assert len(sender.asked) == 10
    send(store, number=2, peer="pacs", association="a-2")
    store.end("a-2")
    assert tick(sender) == 0
    assert tick(sender) == 1


def test_what_the_sender_never_sends_is_waited_for_no_longer_than_the_limit(store, tick):
    send(store, peer="pacs")
    sender = Sender({series_uid(): 2})
    later(store, 600)
    assert tick(sender) == 0
    assert tick(sender) == 1
    assert "did not come in 600 s" in store.row(StudyRow).evidence


@pytest.mark.parametrize("has", [None, PeerAway("pacs does not answer")])
def test_a_sender_without_an_answer_leaves_the_timers(store, tick, has):
    send(store, peer="pacs")
    store.end("a-1")
    sender = Sender(has)
    later(store, 1)
    assert tick(sender) == 0
    assert tick(sender) == 0
    later(store, 4)
    assert tick(sender) == 1
    assert len(sender.asked) == 1
    assert store.row(StudyRow).evidence == "5 s of quiet"


def test_who_judges_asks_nobody_so_a_slow_sender_holds_up_no_other_study(store):
    send(store, "one", peer="pacs", association="a-1")
    send(store, "two", association="a-2")
    later(store, 5)
    sender = Sender({series_uid("one"): 1})
    judges = CompletionStage(store.database, store.files.folder, LIMITS, sender)
    assert judges.tick(store.now) == 1
    assert states(store) == {study_uid("one"): "receiving", study_uid("two"): "complete"}
    assert sender.asked == []


def test_a_sender_is_asked_by_its_own_stage_and_about_what_it_sent(store):
    send(store, "one", peer="pacs", association="a-1")
    send(store, "two", association="a-2")
    for association in ("a-1", "a-2"):
        store.end(association)
    later(store, 5)
    sender = Sender({series_uid("one"): 1})
    what = (store.database, store.files.folder, LIMITS, sender)
    assert SenderStage("another", *what).tick(store.now) == 0
    assert SenderStage("pacs", *what).tick(store.now) == 1
    assert sender.asked == [study_uid("one")]


def test_a_sender_that_fails_holds_up_no_other_study(store, tick):
    send(store, "one", peer="pacs", association="a-1")
    send(store, "two", association="a-2")
    later(store, 5)
    assert tick(Sender(PeerAway("pacs does not answer"))) == 1
    assert states(store) == {study_uid("one"): "receiving", study_uid("two"): "complete"}


class Spoilt(Sender):
    """A sender that counts all but one study; what asks about that meets a bug, while it lasts."""

    def __init__(self, study: str) -> None:
        super().__init__({series_uid("one"): 1, series_uid("two"): 1})
        self.lasts = True
        self._study = study

    def counts(self, peers, study_uid):
        answer = super().counts(peers, study_uid)
        assert not (self.lasts and study_uid == self._study), "the bug"
        return answer


def test_a_study_that_meets_a_bug_is_told_and_put_off_and_the_others_are_asked_about(store):
    for name in ("one", "two"):
        send(store, name, peer="pacs", association=name)
        store.end(name)
    sender = Spoilt(study_uid("one"))
    stage = SenderStage("pacs", store.database, store.files.folder, LIMITS, sender)
    later(store, 5)
    with capture_logs() as said:
        assert stage.tick(store.now) == 1
    (line,) = [one for one in said if one["event"] == "study not judged"]
    assert (line["study_uid"], line["log_level"]) == (study_uid("one"), "error")
    assert stage.tick(store.now) == 0
    assert sender.asked.count(study_uid("one")) == 1
    later(store, 300)
    sender.lasts = False
    assert (stage.tick(store.now), stage.tick(store.now)) == (1, 0)


def test_a_study_that_meets_a_bug_is_told_and_put_off_and_the_others_are_judged(store, monkeypatch):
    for name in ("one", "two"):
        send(store, name, peer=name, association=name)
        store.end(name)
    stage = CompletionStage(store.database, store.files.folder, LIMITS, Nobody())
    later(store, 5)
    with capture_logs() as said, monkeypatch.context() as bug:
        bug.setattr(Nobody, "whom", lambda asks, peers: None if peers == ("two",) else 1 / 0)
        assert stage.tick(store.now) == 1
    (line,) = [one for one in said if one["event"] == "study not judged"]
    assert (line["study_uid"], line["log_level"]) == (study_uid("one"), "error")
    assert stage.tick(store.now) == 0
    later(store, 300)
    assert (stage.tick(store.now), stage.tick(store.now)) == (1, 0)


def test_a_database_that_is_away_puts_no_study_off(store):
    send(store, peer="pacs")
    sender = Sender(DatabaseAway("the database did not answer"))
    stage = SenderStage("pacs", store.database, store.files.folder, LIMITS, sender)
    later(store, 5)
    for _ in range(2):
        with pytest.raises(DatabaseAway):
            stage.tick(store.now)
