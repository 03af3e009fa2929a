"""Bundles, devices and the two real heads."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from engine.device import Device
from engine.pipeline import choose
from engine.task import Bundle, Task, read_bundle
from tests.engine.networks import bundle_of, lively, repeating
from tests.support.bundle import write_bundle
from tests.support.need import data_folder

settings.register_profile("engine", settings(), max_examples=50)
settings.load_profile("engine")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small tensors are slower on two threads than on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cpu() -> Device:
    return choose("cpu", threads=1)


@pytest.fixture(scope="session")
def _tiny(tmp_path_factory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def bundle_folder(_tiny, tmp_path) -> Path:
    """A bundle of its own, to spoil."""
    return shutil.copytree(_tiny, tmp_path / "tiny")


@pytest.fixture(scope="session")
def repeating_bundle(tmp_path_factory) -> Bundle:
    return read_bundle(bundle_of(repeating(), tmp_path_factory.mktemp("models") / "repeating"))


@pytest.fixture(scope="session")
def lively_bundle(tmp_path_factory) -> Bundle:
    return read_bundle(bundle_of(lively(), tmp_path_factory.mktemp("models") / "lively"))


@pytest.fixture(scope="session")
def repeat(repeating_bundle) -> Task:
    return Task("repeat", ("T1",), "CT", repeating_bundle)


def _files(name: str) -> list[Path]:
    return sorted(path for path in (data_folder() / name).rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def series():
    """Files of a real series by its path in the data folder."""
    return _files


HEADS = {
    "classic": "mr/siemens_prismafit_t1_fl2d_sag_hfs_head",
    "enhanced": "mr/siemens_prismafit_xa30_enhanced_t1_head",
}


@pytest.fixture(params=sorted(HEADS))
def head(request) -> list[Path]:
    """Files of a real T1 of a head: 35 classic objects, or one Enhanced object of 96 frames."""
    return _files(HEADS[request.param])
