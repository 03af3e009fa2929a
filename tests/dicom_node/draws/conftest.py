"""Every test of this folder that asks for a database runs on both."""

import pytest

from tests.dicom_node.db.clean import database, migrated

__all__ = ["clock", "database", "migrated"]


@pytest.fixture
def clock(now):
    return lambda: now
