"""The power goes: what was not synced is lost, or torn, and the node starts on what is left."""

import pytest

from tests.support.matrix.disk import PowerCut, cut_wal
from tests.support.matrix.moments import PARTS, Moment, part_of, some
from tests.support.matrix.points import TAKEN_BACK, Aim
from tests.support.matrix.workshop import Clean, Workshop, open_workshop

HOW = ("lost", "kept", "torn")
SAMPLE, SEED = 3, 20261123
MOST_MISSED = 0.05
RECEIVED = "study=receiving"
ROUTED = "study=routed"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with open_workshop(tmp_path_factory.mktemp("power")) as opened:
        yield opened


@pytest.fixture(scope="module")
def clean(workshop) -> Clean:
    return workshop.clean()


@pytest.fixture(scope="module")
def delivered(workshop) -> Clean:
    return workshop.clean_of("delivered")


def every(clean: Clean) -> list[Moment]:
    """Return every moment of a first life."""
    return [moment for moment in clean.moments() if len(moment.aims) == 1]


def cuts(moments: list[Moment]) -> list[tuple[Moment, str]]:
    """Return each moment with the ways in which the power is cut there.

    A note is written by what writes all else: after a rejection it is one way in turn.
    """
    found = []
    for number, moment in enumerate(moments):
        in_turn = (HOW[number % len(HOW)],)
        ways = in_turn if TAKEN_BACK in moment.aim.label else HOW
        found += [(moment, how) for how in ways]
    return found


def cut(
    workshop: Workshop, chosen: list[tuple[Moment, str]]
) -> tuple[dict[str, list[str]], list[Moment]]:
    """Cut the power at each moment; return what went wrong.

    And which moments never came: there the power stayed on.
    """
    wrong, missed = {}, []
    for number, (moment, how) in enumerate(chosen):
        power = PowerCut(how, number)
        told = workshop.run(moment.scene, moment.aim, cut=power)
        if not told.has_met([moment.aim]):
            missed.append(moment)
        if told.wrong:
            wrong[f"{moment} {power}"] = told.wrong
    return wrong, missed


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_after_a_power_cut_what_was_answered_is_there_and_the_flow_goes_on(workshop, clean):
    assert cut(workshop, some(cuts(every(clean)), SAMPLE, SEED)) == ({}, [])


def test_a_cut_at_a_moment_that_never_comes_is_told(workshop):
    never = Moment("delivered", (Aim("before commit nobody"),))
    assert cut(workshop, [(never, "lost")]) == ({}, [never])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_after_a_power_cut_at_every_moment(workshop, clean, part):
    chosen = part_of(cuts(every(clean)), part)
    wrong, missed = cut(workshop, chosen)
    assert wrong == {}
    assert len(missed) <= MOST_MISSED * len(chosen)


def routed(clean: Clean) -> Aim:
    """Return the moment at which the study, received whole, is planned."""
    labels = clean.told["delivered"].over["counts"]
    (label,) = (one for one in labels if ROUTED in one and one.startswith("before commit"))
    return Aim(label)


def test_a_node_that_synced_nothing_would_be_caught(workshop, delivered):
    aim, power = routed(delivered), PowerCut("lost")
    lost = workshop.site("delivered").cut_at(aim, power, sabotage=["fsync"])
    assert len(lost) == 16
    assert workshop.site("delivered").cut_at(aim, power) == []


def test_a_database_that_synced_nothing_would_be_caught(workshop, delivered):
    lost = workshop.site("delivered").cut_at(routed(delivered), PowerCut("kept", dropped=30))
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
