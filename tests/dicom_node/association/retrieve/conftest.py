"""A node with an archive, and a receiver that a C-MOVE may name; nothing of them stays behind."""

import gc

import pytest

from dicom_node.settings import Peer
from tests.dicom_node.association.test_store import Scene, scanner
from tests.support.left import held, settle
from tests.support.need import free_port
from tests.support.scp import Scp

MAY = ("echo", "store", "find", "move", "get")


@pytest.fixture(autouse=True)
def nothing_left():
    """Every thread, socket, file and process is gone when a test and its node have ended."""
    before = held()
    yield
    gc.collect()
    assert settle(before) == before


@pytest.fixture
def receiver(nothing_left):
    scp = Scp(free_port())
    yield scp
    scp.stop()


def opened(folder, receiver, others=None, **settings) -> Scene:
    station = Peer(name="station", ae_title="PACS", host="127.0.0.1", port=receiver.port)
    return Scene(folder, peers=[scanner(may=MAY), *(others or [station])], **settings)


@pytest.fixture
def scene(tmp_path, receiver):
    scene = opened(tmp_path, receiver)
    yield scene
    scene.close()


@pytest.fixture(params=[True, False], ids=["own plane", "stock"])
def either(tmp_path, receiver, request):
    """Both ways of reading: what is retrieved is read by us on either."""
    scene = opened(tmp_path, receiver, data_plane=request.param)
    yield scene
    scene.close()
