"""Every test of this folder that asks for a database runs on both."""

from tests.dicom_node.db.clean import database, migrated
from tests.dicom_node.retention.conftest import shelf

__all__ = ["database", "migrated", "shelf"]
