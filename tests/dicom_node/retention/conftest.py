"""Every test of this folder that asks for a database runs on both."""

from datetime import UTC, datetime

import pytest

from tests.dicom_node.archive.objects import Store
from tests.dicom_node.db.clean import database, migrated
from tests.dicom_node.retention.shelf import Shelf

__all__ = ["database", "migrated", "shelf"]


@pytest.fixture
def shelf(database, tmp_path) -> Shelf:
    return Shelf(Store.on(database, tmp_path / "archive", datetime.now(UTC)))
