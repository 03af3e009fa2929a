"""Who may get what a model makes."""

from datetime import timedelta

import pytest

from dicom_node.db import JobRow, RejectionRow, SigningRow, StudyRow
from dicom_node.models import Evidence, Signings
from dicom_node.values import Model
from engine.reason import Code

MODEL = Model("tiny", "1.0.0", "sha256:" + "a" * 64)
CHANGED = Model("tiny", "1.0.0", "sha256:" + "b" * 64)
EVIDENCE = Evidence("signed with site.pem", "f" * 64, {"head-1": "the same, voxel by voxel"})


@pytest.fixture
def signings(database, now):
    """A job of the model that has made series 1.7."""
    with database.transaction() as session:
        session.add(StudyRow(uid="1.9", state="routed", first_at=now, last_at=now))
        session.flush()
        session.add(
            JobRow(
                key="2.25.1", study_uid="1.9", rule="r", task="t", grid="native", priority=1,
                state="done", due=now, created_at=now, sources=[], series_uids=["1.7"],
                model={"name": MODEL.name, "version": MODEL.version, "digest": MODEL.digest,
                       "provenance": {"makes": "CT"}},
            )
        )  # fmt: skip

    def do(step, *words):
        with database.transaction() as session:
            return step(Signings(session), *words)

    return do


def against(signings, series="1.7", place="ward"):
    return signings(Signings.against, "1.9", series, place)


def test_what_nobody_signed_may_not_go_and_the_remedy_is_a_command(signings):
    reason = against(signings)
    assert reason.code is Code.MODEL_UNSIGNED
    assert "'dicom-node models sign tiny@1.0.0 --by NAME --for ward'" in reason.text


def test_a_model_is_signed_for_one_destination_and_no_other(signings, now):
    signings(Signings.sign, MODEL, "ward", "anna", EVIDENCE, now)
    assert against(signings) is None
    assert against(signings, place="clinic").code is Code.MODEL_UNSIGNED


def test_one_changed_byte_is_another_model_that_nobody_signed(signings, now):
    """Name and version say nothing: the digest does."""
    signings(Signings.sign, CHANGED, "ward", "anna", EVIDENCE, now)
    assert against(signings).code is Code.MODEL_UNSIGNED


def test_a_rejection_note_goes_wherever_what_it_rejects_may_be(signings, database, now):
    with database.transaction() as session:
        session.add(
            RejectionRow(
                series_uid="1.7", because="recalled", study_uid="1.9", by="anna", why="shifted",
                rejected_at=now, instances=[], due=now, note_series_uid="1.8", note_uid="1.8.1",
            )
        )  # fmt: skip
    assert against(signings, "1.8") is None
    assert against(signings, "1.7").code is Code.MODEL_UNSIGNED


def test_a_series_that_no_job_made_goes_nowhere_clinical(signings, now):
    signings(Signings.sign, MODEL, "ward", "anna", EVIDENCE, now)
    reason = against(signings, series="1.8")
    assert (reason.code, "nobody can say which model" in reason.text) == (Code.MODEL_UNSIGNED, True)


def test_signing_again_is_kept_beside_the_first(signings, database, now):
    for by, at in (("anna", now), ("ben", now + timedelta(days=1))):
        signings(Signings.sign, MODEL, "ward", by, EVIDENCE, at)
    assert [(one.by, one.at, one.model) for one in signings(Signings.of, MODEL.digest)] == [
        ("anna", now, MODEL), ("ben", now + timedelta(days=1), MODEL),
    ]  # fmt: skip
    assert signings(Signings.everything) == {(MODEL.digest, "ward")}
    with database.reading() as session:
        evidence = session.query(SigningRow).first().evidence
    assert evidence["golden"] == {"head-1": "the same, voxel by voxel"}
