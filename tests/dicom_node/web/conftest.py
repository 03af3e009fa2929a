"""The web on a real archive, asked without a socket."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from dicom_node.settings import Web
from tests.dicom_node.archive.objects import Store
from tests.dicom_node.db.clean import database, migrated
from tests.dicom_node.web.asking import Site, filled
from tests.support import sqlite

__all__ = ["database", "library", "migrated", "site", "sqlite_site"]


@pytest.fixture
def site(database, tmp_path, now) -> Site:
    """Return a node's web on each database."""
    return Site(Store.on(database, tmp_path / "archive", now), Web())


@pytest.fixture
def sqlite_site(tmp_path, now):
    """Return a node's web on SQLite alone: to what is asked here a database is a database."""
    with on_sqlite(tmp_path, now) as found:
        yield found


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Return a site with a few studies in it, for tests that only read."""
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with on_sqlite(tmp_path_factory.mktemp("library"), now) as found:
        yield filled(found)


@contextmanager
def on_sqlite(folder, now):
    opened = sqlite.prepared(folder)
    yield Site(Store.on(opened, folder / "archive", now), Web())
    opened.close()
