"""Both databases, emptied before each test: on PostgreSQL a new one costs more than the test."""

import pytest

from dicom_node.db import Base, Database
from tests.support import sqlite

__all__ = ["LONG", "database", "migrated"]

LONG = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
"""Mark of a long test: on SQLite, and in ``make slow`` on both."""


@pytest.fixture(scope="session")
def migrated(postgres, tmp_path_factory):
    opened = Database(postgres.url(), tmp_path_factory.mktemp("data"))
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "postgresql":
        opened = request.getfixturevalue("migrated")
        with opened.transaction() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(table.delete())
    else:
        opened = sqlite.prepared(tmp_path)
    yield opened
    if request.param == "sqlite":
        opened.close()
