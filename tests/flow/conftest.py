"""A node with Orthanc as its PACS, on both databases or on SQLite alone."""

import pytest

from tests.support.node import NodeConf, RunningNode
from tests.support.orthanc import Orthanc


@pytest.fixture(scope="module")
def shared_orthanc(tmp_path_factory):
    """Return the PACS of :func:`shared_node`."""
    pacs = Orthanc(tmp_path_factory.mktemp("shared") / "orthanc").start()
    yield pacs
    pacs.stop()


@pytest.fixture(scope="module")
def shared_node(shared_orthanc, tmp_path_factory):
    """Return a node for tests that leave it as it was, each with a study of its own."""
    conf = NodeConf(tmp_path_factory.mktemp("shared") / "node")
    conf.peers.append(shared_orthanc.peer())
    node = RunningNode(conf.write())
    node.port, node.data = conf.port, conf.folder / "var"
    yield node.start()
    assert node.stop() == 0


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
