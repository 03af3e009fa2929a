"""Fixtures that start real parts and stop them."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import settings

from dicom_node.db import Database
from tests.support import sqlite
from tests.support.calm import calm_associations
from tests.support.need import data_folder
from tests.support.orthanc import Orthanc
from tests.support.pki import Authority
from tests.support.postgres import Postgres

# No deadline: a busy machine is no fault of what is tested. The same examples at every run of CI:
# what it finds, the change has broken.
settings.register_profile("node", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("node")
LONG_WITHIN = 0.7
"""Part of the run in which the last long file begins."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the long files over the first part, so that none is left over for one process.

    They start nodes, which computes, and many of the others wait: the cores have both at any time.
    """
    files = list(dict.fromkeys(item.path for item in items))
    long = [path for path in files if "flow" in path.parts]
    short = [path for path in files if "flow" not in path.parts]
    place = {path: LONG_WITHIN * at / len(long) for at, path in enumerate(long)}
    place |= {path: at / len(short) for at, path in enumerate(short)}
    items.sort(key=lambda item: place[item.path])


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A test that runs a command configures the log of this process; the next has its own."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def calm() -> Iterator[None]:
    """Tests play peers with pynetdicom, several at once on two cores."""
    with calm_associations():
        yield


@pytest.fixture(params=[pytest.param(1, marks=pytest.mark.slow, id="every step"), 4])
def every(request) -> int:
    """How many steps lie between two kills: 'make slow' leaves none out."""
    return request.param


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    cluster = Postgres().start()
    yield cluster
    cluster.stop()


def _url_of(request) -> str:
    """Return the URL of an empty database."""
    if request.param == "sqlite":
        return sqlite.URL
    return request.getfixturevalue("postgres").url()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request) -> str:
    """Every test that asks for it runs on both databases; PostgreSQL has the schema already."""
    if request.param == "sqlite":
        return sqlite.URL
    return request.getfixturevalue("postgres").prepared()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request) -> str:
    """Every test that asks for it runs on both databases, each without a table."""
    return _url_of(request)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def long_database_url(request) -> str:
    """Every long test that asks for it runs on SQLite, and in ``make slow`` on both."""
    return _url_of(request)


@pytest.fixture
def database(database_url, tmp_path) -> Iterator[Database]:
    """Give a database with the schema and no rows."""
    of_sqlite = database_url == sqlite.URL
    opened = sqlite.prepared(tmp_path) if of_sqlite else Database(database_url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def orthanc(tmp_path) -> Iterator[Orthanc]:
    pacs = Orthanc(tmp_path / "orthanc").start()
    yield pacs
    pacs.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    """A CA that a hospital might have."""
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture
def real_data():
    return data_folder()


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
