"""The node dies at any moment, and nothing is lost, doubled or stuck."""

import random

import pytest

from tests.support.crash import CHANGES, Watcher, crash_once
from tests.support.node import NodeConf, RunningNode

MANY = 150


@pytest.fixture
def scene(tmp_path, orthanc, database_url):
    conf = NodeConf(tmp_path / "node", database=database_url)
    conf.peers.append(orthanc.peer())
    node = RunningNode(conf.write()).start()
    watcher = Watcher(database_url, tmp_path / "node" / "var")
    yield node, conf.port, orthanc, watcher
    watcher.close()
    node.stop()


@pytest.mark.slow  # the matrix kills at some of all moments each time: test_crash_matrix.py
@pytest.mark.timeout(600)
def test_killed_at_each_change_of_state_nothing_is_lost_doubled_or_stuck(scene, database_url):
    """Every second change on one database, the others on the other; all on both takes long."""
    first = 0 if database_url.startswith("sqlite") else 1
    hits = [crash_once(*scene, seed) for seed in range(first, len(CHANGES) + 1, 2)]
    seen = {table for table, _ in hits}
    assert seen == {"study", "job", "delivery"}


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_killed_at_many_moments_every_change_of_state_was_hit(scene):
    seeds = random.Random(20261121).sample(range(1000, 9000), MANY)
    hits = {crash_once(*scene, seed) for seed in seeds}
    assert {(table, str(state)) for table, state in CHANGES} <= hits
