"""An installation on each database."""

import pytest

from tests.dicom_node.backup.site import Site


@pytest.fixture
def site(database_url, tmp_path) -> Site:
    return Site(tmp_path / "node", database_url)


@pytest.fixture
def plain(tmp_path) -> Site:
    """An installation on SQLite, where the database does not matter."""
    return Site(tmp_path / "node", "sqlite:///node.db")
