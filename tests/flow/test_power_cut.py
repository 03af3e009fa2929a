"""The power goes: what was not synced is lost, or torn, and the node starts on what is left."""

import pytest

from tests.support.matrix.disk import PowerCut, cut_wal
from tests.support.matrix.moments import Moment, some
from tests.support.matrix.points import Aim
from tests.support.matrix.workshop import Clean, Workshop, open_workshop

HOW = ("lost", "kept", "torn")
SAMPLE, SEED = 3, 20261123
RECEIVED = "study=receiving"
ROUTED = "study=routed"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with open_workshop(tmp_path_factory.mktemp("power")) as opened:
        yield opened


@pytest.fixture(scope="module")
def clean(workshop) -> Clean:
    return workshop.clean()


def every(clean: Clean) -> list[Moment]:
    """Return every moment of a first life."""
    return [moment for moment in clean.moments() if len(moment.aims) == 1]


def cut(workshop: Workshop, chosen: list[Moment]) -> dict[str, list[str]]:
    """Cut the power at each moment in one of the ways in turn; return what went wrong."""
    wrong = {}
    for number, moment in enumerate(chosen):
        power = PowerCut(HOW[number % len(HOW)], number)
        told = workshop.run(moment.scene, moment.aim, cut=power)
        if told.wrong:
            wrong[f"{moment} {power}"] = told.wrong
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_after_a_power_cut_what_was_answered_is_there_and_the_flow_goes_on(workshop, clean):
    assert cut(workshop, some(every(clean), SAMPLE, SEED)) == {}


@pytest.mark.slow
@pytest.mark.timeout(2 * 3600)
def test_after_a_power_cut_at_every_moment(workshop, clean):
    thrice = [moment for moment in every(clean) for _ in HOW]
    assert cut(workshop, thrice) == {}


def routed(clean: Clean) -> Aim:
    """Return the moment at which the study, received whole, is planned."""
    labels = clean.told["delivered"].over["counts"]
    (label,) = (one for one in labels if ROUTED in one and one.startswith("before commit"))
    return Aim(label)


def test_a_node_that_synced_nothing_would_be_caught(workshop, clean):
    aim, power = routed(clean), PowerCut("lost")
    lost = workshop.site("delivered").cut_at(aim, power, sabotage=["fsync"])
    assert len(lost) == 16
    assert workshop.site("delivered").cut_at(aim, power) == []


def test_a_database_that_synced_nothing_would_be_caught(workshop, clean):
    lost = workshop.site("delivered").cut_at(routed(clean), PowerCut("kept", dropped=30))
    assert lost


def test_of_sqlites_log_whole_commits_alone_are_left(tmp_path):
    import sqlite3

    base = sqlite3.connect(tmp_path / "one.db", isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("CREATE TABLE t (x)")
    for number in range(3):
        base.execute("INSERT INTO t VALUES (?)", (number,))
    content = (tmp_path / "one.db").read_bytes()
    log = (tmp_path / "one.db-wal").read_bytes()
    base.close()

    def rows(torn: bytes, drop: int) -> list[int]:
        (tmp_path / "two.db").write_bytes(content)
        (tmp_path / "two.db-wal").write_bytes(torn)
        cut_wal(tmp_path / "two.db-wal", drop)
        with sqlite3.connect(tmp_path / "two.db") as two:
            found = [row[0] for row in two.execute("SELECT x FROM t")]
        two.close()
        return found

    assert rows(log, 0) == [0, 1, 2]
    assert rows(log[:-1], 0) == [0, 1]
    assert rows(log, 2) == [0]
