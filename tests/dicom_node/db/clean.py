"""Both databases, emptied before each test: on PostgreSQL a new one costs more than the test."""

import pytest

from dicom_node.db import Base, Database

__all__ = ["database", "migrated"]


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
        opened = Database("sqlite:///node.db", tmp_path)
        opened.prepare()
    yield opened
    if request.param == "sqlite":
        opened.close()
