"""Every test of this folder that asks for a database runs on both."""

from tests.dicom_node.db.clean import database, migrated

__all__ = ["database", "migrated"]
