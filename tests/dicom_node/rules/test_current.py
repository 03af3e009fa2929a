"""Versions of models that are switched while studies are planned; on both databases."""

from dataclasses import replace

import pytest

from dicom_node.models import Activations, Evidence, Signings
from dicom_node.rules import Versions
from dicom_node.values import JobState, Model
from engine.task import read_bundle
from tests.dicom_node.rules.test_stage import Scene
from tests.support.bundle import write_bundle
from tests.support.mr import MrSeries


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    return read_bundle(
        write_bundle(tmp_path_factory.mktemp("more") / "tiny@2.0.0", version="2.0.0")
    )


def model_of(bundle) -> Model:
    return Model(bundle.name, bundle.version, bundle.identity.digest)


class Switched(Scene):
    """A scene whose model can be switched."""

    def activate(self, bundle) -> None:
        with self.store.database.transaction() as session:
            found = model_of(self.rules[0].task.bundle)
            Activations(session).activate(model_of(bundle), found, "anna@host", self.store.now)

    def rollback(self) -> None:
        with self.store.database.transaction() as session:
            Activations(session).rollback("tiny", "anna@host", self.store.now)

    def there(self, *bundles) -> None:
        """Have versions lie on the disk that were not there when the node started."""
        found = {one.identity.digest: one for one in bundles}
        self.versions = Versions({}, lambda: found)
        self.offers(self.offer)

    def planned(self, name: str) -> dict:
        """Send a study, plan it, and return what "why" says of its job."""
        series = MrSeries(seed=name)
        self.send(series.datasets())
        assert self.plan() == 1
        answer = self.why(series)
        return answer["jobs"][-1] if answer["jobs"] else answer

    def version(self, name: str) -> str:
        return self.planned(name)["model"]["version"]


@pytest.fixture
def scene(store, task, newer) -> Switched:
    scene = Switched(store, task)
    scene.there(newer)
    return scene


def test_a_switch_counts_from_the_next_study_on_and_so_does_the_way_back(scene, newer):
    seen = [scene.version("a")]
    scene.activate(newer)
    seen.append(scene.version("b"))
    scene.rollback()
    seen.append(scene.version("c"))
    assert seen == ["1.0.0", "2.0.0", "1.0.0"]


def test_a_job_keeps_the_model_that_it_was_planned_with(scene, newer, task):
    series = MrSeries(seed="kept")
    scene.send(series.datasets())
    scene.plan()
    scene.activate(newer)
    (job,) = scene.why(series)["jobs"]
    assert job["model"]["digest"] == task.bundle.identity.digest
    assert scene.jobs() == [JobState.WAITING]


def test_a_pinned_version_is_not_switched(store, task, newer):
    scene = Switched(store, replace(task, pinned=True))
    scene.there(newer)
    scene.activate(newer)
    assert scene.version("a") == "1.0.0"


def test_a_version_that_is_not_there_stops_the_rule_and_no_other_is_taken(scene, newer):
    scene.activate(newer)
    scene.there()
    answer = scene.planned("a")
    assert scene.jobs() == []
    (rule,) = answer["rules"]
    assert not rule["fired"]
    assert rule["unmet"][0].startswith("MODEL_MISSING: tiny@2.0.0")
    assert "put it back, or 'dicom-node models rollback tiny'" in rule["unmet"][0]


def test_a_version_that_does_other_work_stops_the_rule(scene, newer):
    other = replace(newer, contract=replace(newer.contract, makes="FLAIR"), digest="2" * 64)
    scene.there(other)
    scene.activate(other)
    (rule,) = scene.planned("a")["rules"]
    assert "MODEL_MISSING: tiny@2.0.0 was activated: task ct_from_mr makes CT" in rule["unmet"][0]


def test_what_was_signed_is_known_at_once(scene, task):
    def may(session) -> bool:
        _, offer = scene.current.at_this_moment(session)
        return offer.against(task.name, "clinic") is None

    with scene.store.database.transaction() as session:
        assert not may(session)
        evidence = Evidence("signed", "f" * 64)
        model = model_of(task.bundle)
        Signings(session).sign(model, "clinic", "anna", evidence, scene.store.now)
        assert may(session)


def test_our_own_objects_are_told_by_the_models_that_were_ever_seen(scene, newer, task):
    assert newer.identity.digest not in scene.current.digests()
    scene.activate(newer)
    scene.version("a")
    assert {newer.identity.digest, task.bundle.identity.digest} <= scene.current.digests()
