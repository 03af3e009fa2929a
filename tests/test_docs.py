"""Pages show what files hold, and nothing where there is no file."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from benchmarks.studies import shift
from train.config import read_recipe
from train.evaluate.scores import Scored
from train.evaluate.summary import summary

ROOT = Path(__file__).parents[1]
RECIPE = "mdaunet-head-ct"


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """The module that makes the pages, looking at an empty house with the shipped recipes."""
    spec = importlib.util.spec_from_file_location("measured", ROOT / "docs" / "measured.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.copytree(ROOT / "conf/train", tmp_path / "conf/train")
    (tmp_path / "conf/models" / RECIPE).mkdir(parents=True)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def evaluation(recipe):
    """Return an evaluation of two subjects, as the evaluation itself writes it."""
    errors = {"model": 61.25, "regression": 58.5, "look_up_table": 203.0}
    scans = [
        Scored(
            subject,
            0,
            {"plane": "axial"},
            {name: {"mae": e + subject} for name, e in errors.items()},
        )
        for subject in (0, 2)
    ]
    about = {
        "subjects": {"learned_from": 40, "measured": 2},
        "phantoms": ["32a215c6" * 8],
        "pairs": "",
        "weights": {"model": "ab" * 32},
        "effort": {
            "model": {"updates": 1500, "batch": 4, "learning_rate": 0.001},
            "regression": {"updates": 900, "batch": 4, "learning_rate": 0.0002},
        },
        "copied": None,
        "refused": [],
    }
    return summary(recipe, scans, about)


def write(path, found):
    path.write_text(json.dumps(found), encoding="utf-8")


def test_without_results_every_page_says_so(pages):
    found = pages.fragments()
    others = {"overview.inc", "pairs.inc", "verdict.inc"}
    assert set(found) == {*others, *(f"{system}.inc" for system in pages.SYSTEMS)}
    assert all("measured yet" in text for text in found.values())


def test_a_bundle_that_was_measured_stands_on_its_page_and_in_the_overview(pages, tmp_path):
    recipe = read_recipe(ROOT / f"conf/train/{RECIPE}.toml")
    write(tmp_path / "conf/models" / RECIPE / "evaluation.json", evaluation(recipe))
    found = pages.fragments()
    for page in ("overview.inc", "mdaunet3d.inc"):
        assert "62.2 (61.2 to 63.2)" in found[page]
        assert "59.5 (58.5 to 60.5)" in found[page]
    assert f"conf/models/{RECIPE}/evaluation.png" in found["mdaunet3d.inc"]
    assert "says nothing of patients" in found["mdaunet3d.inc"]
    assert "regression, same network 900 updates of 4 at a learning rate" in found["mdaunet3d.inc"]


def test_an_evaluation_of_another_recipe_is_not_shown(pages, tmp_path):
    recipe = read_recipe(ROOT / f"conf/train/{RECIPE}.toml")
    stale = evaluation(recipe) | {"recipe": "0" * 64}
    write(tmp_path / "conf/models" / RECIPE / "evaluation.json", stale)
    assert "62.2" not in pages.fragments()["mdaunet3d.inc"]


def test_the_studies_stand_on_the_pages(pages, tmp_path):
    curves = {
        kind: {"1": [[30.0 - px, 32.0 - px] for px in shift.SHIFTS_PX]} for kind in shift.LABELS
    }
    stamp = {"date": "2026-11-22", "commit": "abc1234"}
    figures = {"psnr": shift.summary(curves), "falls": shift.falls(curves)}
    write(tmp_path / "shift.json", {**stamp, "shifts_px": shift.SHIFTS_PX, **figures})
    interval = {"mean": 0.0215, "low": 0.02, "high": 0.023}
    psnr = {"mean": 27.456, "low": 27.0, "high": 28.0}
    one = {"mae": interval, "psnr": psnr, "ssim": {"mean": 0.6, "low": 0.59, "high": 0.612}}
    scores = dict.fromkeys(("literal", "paper", "one constant"), one)
    step = {"better": "paper", "worse": "literal", "by": {"mean": 0.01, "low": -0.02, "high": 0.04}}
    order = {
        "paper_order": ["paper", "literal"],
        "our_order": ["literal", "paper"],
        "not_learned": [],
        "steps": [step],
        "ended_with": {"paper": {"adversarial": 68.0}},
    }
    told = {"updates": 600, "subjects": 8, "paper": "no figure", "order_is_the_papers": False,
            "best_is_the_papers": False, "ordered_by": "ssim"}  # fmt: skip
    write(tmp_path / "ablation-hlsnc_gan.json", {**stamp, **told, **order, "figures": scores})
    found = pages.fragments()
    assert "| AGI-Net, `paper` | 31.00 | 30.50 |" in found["agi_net.inc"]
    assert "its backbone, is not shown here" in found["agi_net.inc"]
    assert "| variant, best SSIM first |" in found["hlsnc_gan.inc"]
    row = "| literal | 27.46 (27.0 to 28.0) | 0.600 (0.590 to 0.612) | 2.15 (2.00 to 2.30) | – |"
    assert row in found["hlsnc_gan.inc"]
    assert (
        "| paper | 27.46 (27.0 to 28.0) | 0.600 (0.590 to 0.612) | 2.15 (2.00 to 2.30) | 68"
        in (found["hlsnc_gan.inc"])
    )
    assert "paper > literal, is not reproduced" in found["hlsnc_gan.inc"]
    assert "- paper over literal: 0.0100 (-0.0200 to 0.0400): not shown." in found["hlsnc_gan.inc"]
    lost = {**stamp, **told, **order, "figures": scores, "not_learned": ["literal"]}
    write(tmp_path / "ablation-hlsnc_gan.json", lost)
    page = pages.fragments()["hlsnc_gan.inc"]
    assert "| literal: not learned | 27.46" in page
    assert "Not learned: literal; by mean absolute error no better than one constant" in page
    assert "paper > literal, cannot be judged as a whole" in page
    assert "- paper over literal: not to be judged." in page
    del lost["not_learned"]  # a file of before
    write(tmp_path / "ablation-hlsnc_gan.json", lost)
    assert "benchmarks.studies ablation hlsnc_gan" in pages.fragments()["hlsnc_gan.inc"]


@pytest.mark.parametrize(
    ("low", "high", "seeds", "said"),
    [
        (-0.4, -0.2, [-0.3, -0.3], "holds here"),
        (0.1, 0.4, [0.3, 0.2], "does not hold here: it loses more"),
        (-0.1, 0.4, [0.3, 0.2], "is not shown"),
        (0.1, 0.4, [0.6, -0.1], "is not shown"),  # a matter of the seed
    ],
)
def test_a_claim_about_shifts_is_judged_subject_beside_subject(
    pages, tmp_path, low, high, seeds, said
):
    curves = {kind: {"mean": [30.0], "seeds": {}} for kind in shift.LABELS}
    falls = {kind: {"mean": 1.5, "low": 1.0, "high": 2.0} for kind in shift.LABELS}
    more = {"mean": (low + high) / 2, "low": low, "high": high, "seeds": seeds}
    found = {"date": "2026-11-22", "commit": "abc1234", "shifts_px": [0.0], "psnr": curves}
    write(tmp_path / "shift.json", found | {"falls": {**falls, "more": more}})
    assert said in pages.fragments()["agi_net.inc"]


def test_what_a_second_program_and_real_volumes_gave_stands_on_the_page(pages, tmp_path):
    dice = {"mean": 0.8125, "low": 0.8, "high": 0.82}
    second = {
        "question": "Can it?", "how": "So.", "of": "Dice", "columns": ["real", "synthetic"],
        "rows": [{"name": "bone", "values": [dice, dice]}],
        "mean_dice": {"real": 0.8125, "synthetic": 0.75},
    }  # fmt: skip
    recipe = {"recipe": read_recipe(ROOT / f"conf/train/{RECIPE}.toml").digest}
    write(tmp_path / f"downstream-{RECIPE}.json", second | recipe)
    figures = {"model": {"mae": 250.0, "correlation": 0.61}}
    sets = [
        {"name": "MNI", "what": "averages", "run": True, "why_not": "", "figures": figures},
        {"name": "stroke", "what": "one person", "run": True, "why_not": "", "figures": {}},
        {"name": "cord", "what": "a neck", "run": False, "why_not": "another anatomy"},
    ]
    real = {"said": "a few real volumes", "unit": "HU", "sets": sets}
    write(tmp_path / f"real-{RECIPE}.json", real | recipe)
    page = pages.fragments()["mdaunet3d.inc"]
    assert "| bone | 0.812 (0.800 to 0.820) |" in page
    assert "| MNI | this model | 250 HU | 0.61 |" in page
    assert "not run: another anatomy" in page
    assert "no truth to compare with" in page
    assert "- MNI: averages." in page
    write(tmp_path / f"downstream-{RECIPE}.json", second | {"recipe": "0" * 64})
    write(tmp_path / f"real-{RECIPE}.json", real)
    assert "| bone |" not in pages.fragments()["mdaunet3d.inc"]
    assert "| MNI |" not in pages.fragments()["mdaunet3d.inc"]
