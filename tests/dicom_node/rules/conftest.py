"""A task with a model that takes a blink, and both databases for tests that ask for one."""

import pytest

from engine.task import Task, read_bundle
from tests.dicom_node.archive.objects import Store
from tests.dicom_node.db.clean import database, migrated
from tests.support.bundle import write_bundle

__all__ = ["database", "migrated", "store", "task"]


@pytest.fixture(scope="session")
def task(tmp_path_factory) -> Task:
    bundle = read_bundle(write_bundle(tmp_path_factory.mktemp("models") / "tiny"))
    return Task("ct_from_mr", ("T1",), "CT", bundle)


@pytest.fixture
def store(database, tmp_path, now) -> Store:
    return Store.on(database, tmp_path / "archive", now)
