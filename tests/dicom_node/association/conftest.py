"""Every test of this folder that asks for a database runs on both."""

import pytest

from tests.dicom_node.archive.objects import Store
from tests.dicom_node.db.clean import database, migrated

__all__ = ["database", "migrated", "store"]


@pytest.fixture
def store(database, tmp_path, now) -> Store:
    return Store.on(database, tmp_path / "archive", now)
