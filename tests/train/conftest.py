"""Small phantoms and a small recipe: the same code as the shipped ones, in seconds."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.train.toys import toy_data
from train.config import Recipe, read_recipe
from train.phantom import (
    Coil,
    Protocol,
    SpinEcho,
    Subject,
    Template,
    draw_subject,
    read_template,
)

SHIPPED = Path(__file__).parents[2] / "conf/train/hlsnc-head-ct.toml"
COARSE_MM = 4.0


def protocol(plane: str = "axial", noise: float = 0.01) -> Protocol:
    """A quick scan of few voxels."""
    return Protocol(
        name="se2d",
        sequence=SpinEcho(tr_ms=500, te_ms=12),
        field_t=1.5,
        plane=plane,
        spacing_mm=4.0,
        step_mm=8.0,
        thickness_mm=6.0,
        extent_mm=(160.0, 240.0, 200.0),
        tilt_deg=(0.0, 0.0, 0.0),
        above_mm=10.0,
        coil=Coil(bias=0.1, bias_mm=90.0, near=0.2, noise=noise),
    )


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small tensors are slower on two threads than on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def template() -> Template:
    return read_template(COARSE_MM)


@pytest.fixture(scope="session")
def subject(template) -> Subject:
    return draw_subject(7, template)


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Five toy subjects, T1 and CT, as prepared pairs."""
    return toy_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def recipe_text() -> str:
    """The shipped recipe, made small; a bundle of it has no limits."""
    text = SHIPPED.read_text(encoding="utf-8")
    text = re.sub(r"\[gate\].*?\n\n", "", text, flags=re.DOTALL)
    changes = {
        "first_seed = 1000": "first_seed = 0",
        "subjects = 62": "subjects = 5",
        "spacing_mm = 1.5 ": "spacing_mm = 4.0 ",
        "validation = 2 ": "validation = 1 ",
        "test = 20 ": "test = 1 ",
        "spacing_mm = [0, 1.2, 1.2]": "spacing_mm = [12.0, 6.0, 6.0]",
        "minimum = [160, 128]": "minimum = [44, 36]",
        "width = 16, blocks = 9": "width = 4, blocks = 1",
        "adversary_width = 16": "adversary_width = 4",
        "report_every = 50": "report_every = 2",
        "save_every = 300": "save_every = 3",
        "batch = 4 ": "batch = 2 ",
        "threads = 2 ": "threads = 1 ",
        "unpaired_every = 12": "unpaired_every = 2",
    }
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    lines = [("steps = 6" if re.match(r"steps = \d", line) else line) for line in text.splitlines()]
    return "\n".join(lines) + "\n"


@pytest.fixture
def recipe_file(tmp_path, recipe_text) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(recipe_text, encoding="utf-8")
    return path


@pytest.fixture
def recipe(recipe_file) -> Recipe:
    return read_recipe(recipe_file)
