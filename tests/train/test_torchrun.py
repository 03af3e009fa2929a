"""Two real processes, started as a person would start them."""

import subprocess
import sys

import numpy as np
import pytest

from train import checkpoint
from train.config import read_recipe
from train.data import SPLIT
from train.journal import LOG
from train.run import fit

STEPS = 3


@pytest.fixture
def without_norms(recipe_file):
    """The tiny recipe on a network that takes no statistics over the batch."""
    text = recipe_file.read_text("utf-8")
    for old, new in (
        ('network = "hlsnc_gan"', 'network = "resunet"'),
        ("sizes = { width = 4, blocks = 1 }", "sizes = { channels_in = 1, width = 4 }"),
        ("onto = [-1, 1]", "onto = [0, 1]"),
        ("high = 0.995 }", "high = 0.995, onto = [0, 1] }"),
        ("multiple = 4", "multiple = 8"),
        ("batch = 2 ", "batch = 4 "),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    recipe_file.write_text(text, "utf-8")
    return recipe_file


def learned(recipe, data, run):
    command = [sys.executable, *TORCHRUN, "train", "fit", str(recipe), "--baseline"]
    command += ["--data", str(data), "--run", str(run), "--until", str(STEPS)]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=120)


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--")


def test_two_processes_learn_what_one_learns_with_the_same_batch(without_norms, data, tmp_path):
    two = learned(without_norms, data, tmp_path / "two")
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("learned:") == 1  # the first speaks for both
    alone = read_recipe(without_norms).regression()
    fit(alone, data, tmp_path / "one" / "regression", until=STEPS)
    runs = [tmp_path / name / "regression" for name in ("one", "two")]
    one, other = (checkpoint.load(run / checkpoint.FILE) for run in runs)
    assert one.step == other.step == STEPS
    assert one.recipe == other.recipe == alone.digest
    first = checkpoint.load(fit(alone, data, tmp_path / "first", until=1)).tensors
    moved = 0.0
    for name, value in one.tensors.items():
        np.testing.assert_allclose(other.tensors[name], value, rtol=1e-3, atol=1e-6, err_msg=name)
        if name.startswith("net/"):
            moved = max(moved, float((value - first[name]).abs().max()))
    assert moved > 1e-4  # else everything would agree
    logs = [(run / LOG).read_text("utf-8").splitlines() for run in runs]
    assert len(logs[0]) == len(logs[1]) == 2  # the heading, and one line from the first process
    assert (runs[0] / SPLIT).read_bytes() == (runs[1] / SPLIT).read_bytes()


@pytest.mark.slow
def test_a_batch_that_cannot_be_shared_is_named(without_norms, data, tmp_path):
    text = without_norms.read_text("utf-8")
    without_norms.write_text(text.replace("batch = 4 ", "batch = 3 "), "utf-8")
    done = learned(without_norms, data, tmp_path)
    assert done.returncode != 0
    assert "a batch of 3 for 2 processes: each takes as many" in done.stderr
