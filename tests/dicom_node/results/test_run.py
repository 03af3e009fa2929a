"""What a job's files become on their way to a result: judged for the grid, read, dated, marked."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from dicom_node.catalogue import Catalogue
from dicom_node.dicom import device_uid_of
from dicom_node.errors import ArchiveError
from dicom_node.results import Site, encode, make_series
from dicom_node.series import OwnIdentity
from dicom_node.settings import Engine, Models
from dicom_node.signature import FILE, sign
from dicom_node.worker import run as worker
from dicom_node.worker.work import Work
from engine.task import Task, read_bundle
from tests.dicom_node.results.conftest import NODE_UID
from tests.support.bundle import write_bundle
from tests.support.mr import MrSeries, part10
from tests.support.signing import flip, make_keys


class Stopped(ArchiveError):
    """Raised instead of writing into an archive."""


@pytest.fixture
def do(tmp_path, bundle, monkeypatch):
    """Run a job on a changed series; return its answer, and what it would have written."""
    kept = []

    def keep(bench, making, _companions):
        kept.append(making)
        raise Stopped("not written")

    monkeypatch.setattr(worker, "_write", keep)

    def run(
        change=None, *, grid="native", model=bundle, content=lambda whole: whole, gone=False, **said
    ):
        installed = {} if gone else {"own": bundle, "other": model}
        files = []
        for ds in MrSeries().datasets():
            if change is not None:
                change(ds)
            files.append(tmp_path / f"{ds.InstanceNumber}.dcm")
            files[-1].write_bytes(content(part10(ds)))
        sections = {"engine": Engine(device="cpu", batch=8, threads=1), "models": Models(**said)}
        bench = worker.Bench(
            settings=SimpleNamespace(
                folder=tmp_path,
                model_keys=[tmp_path / name for name in said.get("keys", ())],
                file=SimpleNamespace(**sections),
            ),
            catalogue=Catalogue({"sct": Task("sct", ("T1",), "CT", bundle)}, installed),
            archive=None,
            own=OwnIdentity(),
            site=Site(NODE_UID),
        )
        work = Work(
            job_id=1,
            run="1.1",
            key="2.25.7",
            created_at="2026-01-02T02:04:05+00:00",
            task="sct",
            grid=grid,
            model_digest=model.identity.digest,
            sources=[("T1", MrSeries().series_uid, [str(path) for path in files])],
        )
        kept.clear()
        answer = worker.run(bench, work)
        return answer, (kept[0] if kept else None)

    return run


def codes(answer):
    return [reason["code"] for reason in answer.reasons]


def test_an_uncorrected_image_is_refused_for_the_grid_of_the_job(do):
    def not_corrected(ds):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]

    answer, making = do(not_corrected, grid="rt-axial")
    assert (answer.kind, codes(answer), making) == ("refused", ["DISTORTION_UNCORRECTED"], None)
    assert do(not_corrected)[1] is not None
    assert do(grid="rt-axial")[1] is not None


@pytest.mark.parametrize("declared", [b" " * 10, b"ISO_IR 192"])
def test_a_name_that_cannot_be_read_is_refused(do, declared):
    def spoil(whole):
        return whole.replace(b"Test^Ball", b"T\xe9st^Ball").replace(b"ISO_IR 100", declared)

    answer, making = do(content=spoil)
    assert (answer.kind, codes(answer), making) == ("refused", ["IDENTITY_INVALID"], None)
    assert "PatientName" in answer.reasons[0]["text"]


def test_the_zone_of_the_host_is_in_no_byte_of_a_result(do, monkeypatch):
    made = []
    for zone in ("Asia/Tokyo", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        made.append([encode(ds) for ds in make_series(do()[1]).datasets])
    monkeypatch.undo()
    time.tzset()
    assert made[0] == made[1]


def test_the_model_that_the_job_was_planned_with_runs(do, tmp_path):
    other = read_bundle(write_bundle(tmp_path / "models" / "other", seed=8))
    answer, making = do(model=other)
    assert making is not None, answer.reasons
    assert making.synthesis.provenance.model == other.identity


def test_a_job_whose_model_went_away_is_not_done_with_another(do):
    answer, making = do(gone=True)
    assert (answer.kind, codes(answer), making) == ("failed", ["MODEL_MISSING"], None)
    assert "put it back" in answer.reasons[0]["text"]


def test_a_head_by_any_name_is_told_to_be_recognizable(do):
    assert do(lambda ds: setattr(ds, "BodyPartExamined", "SKULL"))[1].recognizable
    assert do(lambda ds: setattr(ds, "BodyPartExamined", ""))[1].recognizable


def test_what_shows_no_head_is_told_not_to_be(do, tmp_path):
    folder = write_bundle(tmp_path / "models" / "knee", anatomy=["KNEE"], body_part="KNEE")

    def knee(ds):
        ds.BodyPartExamined, ds.SeriesDescription, ds.ProtocolName = "KNEE", "t1_mprage", ""

    answer, making = do(knee, model=read_bundle(folder))
    assert making is not None, answer.reasons
    assert not making.recognizable
    assert replace(making, recognizable=True) != making


@pytest.fixture
def own(tmp_path):
    """A bundle of its own, signed, and the key."""
    folder = write_bundle(tmp_path / "models" / "own", seed=9)
    keys = make_keys(tmp_path)
    (folder / "card.md").write_text("# A model\n")
    sign(folder, keys.private)
    return read_bundle(folder), {"keys": (keys.public.name,)}


def test_a_bundle_as_it_was_signed_is_loaded(do, own):
    bundle, said = own
    assert do(model=bundle, require_signature=True, **said)[1] is not None


@pytest.mark.parametrize(
    "name", ["models/model.safetensors", "contract.json", "configs/inference.json", "card.md"]
)
def test_one_bit_of_a_signed_bundle_changed_and_nothing_of_it_is_loaded(do, own, name, monkeypatch):
    """It is refused before the network is built and before the weights are read."""
    bundle, said = own
    flip(bundle.path / name)
    monkeypatch.setattr(worker, "synthesise", lambda *_: pytest.fail("it was loaded"))
    answer, making = do(model=bundle, **said)
    assert (answer.kind, codes(answer), making) == ("failed", ["MODEL_TAMPERED"], None)


def test_one_bit_of_the_weights_is_seen_without_any_signature(do, own):
    """The contract names them by their SHA-256."""
    bundle, _ = own
    (bundle.path / FILE).unlink()
    flip(bundle.weights_path)
    answer, making = do(model=bundle)
    assert (answer.kind, codes(answer), making) == ("failed", ["MODEL_TAMPERED"], None)


def test_one_bit_of_the_contract_is_another_model(do, own):
    """Another digest: another device UID in all that it makes, and nobody has signed it."""
    bundle, _ = own
    path = bundle.path / "contract.json"
    path.write_bytes(path.read_bytes().replace(b'min_slices": 16', b'min_slices": 17'))
    changed = read_bundle(bundle.path)
    assert device_uid_of(NODE_UID, changed.identity.digest) != device_uid_of(
        NODE_UID, bundle.identity.digest
    )


def test_where_signatures_are_required_an_unsigned_bundle_is_not_loaded(do, own):
    bundle, said = own
    (bundle.path / FILE).unlink()
    answer, making = do(model=bundle, require_signature=True, **said)
    assert (answer.kind, codes(answer), making) == ("failed", ["MODEL_UNSIGNED"], None)
    assert do(model=bundle, **said)[1] is not None


def test_a_model_that_came_while_the_worker_ran_is_found(do, tmp_path):
    bundle = read_bundle(write_bundle(tmp_path / "models" / "late", seed=10))
    answer, making = do(model=bundle, gone=True)
    assert making is not None, answer.reasons
