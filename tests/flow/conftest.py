"""A node with Orthanc as its PACS, on both databases or on SQLite alone."""

import pytest

from tests.support.node import NodeConf, RunningNode


@pytest.fixture
def start(tmp_path):
    """Return a starter of nodes; every node that it started is stopped at the end."""
    started = []

    def starter(**values) -> RunningNode:
        folder = tmp_path / f"node{len(started)}"
        environ = values.pop("environ", None)
        peers = values.pop("peers", [])
        conf = NodeConf(folder, **values)
        conf.peers.extend(peers)
        node = RunningNode(conf.write(), environ)
        node.port, node.data = conf.port, folder / "var"
        started.append(node)
        return node.start()

    yield starter
    assert {node.stop() for node in started} <= {0}
