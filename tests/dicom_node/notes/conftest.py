"""A node with a PACS, on both databases."""

import pytest

from engine.task import Task, read_bundle
from tests.dicom_node.archive.objects import Store
from tests.dicom_node.db.clean import database, migrated
from tests.dicom_node.notes.scene import Scene
from tests.support.bundle import write_bundle

__all__ = ["database", "migrated", "scene", "store", "task"]


@pytest.fixture(scope="session")
def task(tmp_path_factory) -> Task:
    bundle = read_bundle(write_bundle(tmp_path_factory.mktemp("models") / "tiny"))
    return Task("ct_from_mr", ("T1",), "CT", bundle)


@pytest.fixture
def store(database, tmp_path, now) -> Store:
    return Store.on(database, tmp_path / "archive", now)


@pytest.fixture
def scene(store, task):
    opened = Scene(store, task)
    opened.pacs.start()
    yield opened
    opened.pacs.stop()
