"""What is sent is taken in time, or not at all."""

import socket
import threading
import time

import pytest

from dicom_node.dimse import Broken, Plane
from dicom_node.transport import Bounds, Command, Field, Kind, Line, Memory, Wire

LARGE = bytes(16_000_000)
COMMAND = Command.of({Field.COMMAND_FIELD: Kind.C_STORE_RQ, Field.DATA_SET_TYPE: 1})


def plane_on(raw: socket.socket, *, idle_s: float, message_s: float) -> Plane:
    bounds = Bounds(idle_s, message_s, 2**17, 2**30, 2**20, Memory(2**30))
    return Plane(Wire(None, Line(raw, idle_s), bounds, lambda _: None), 2**17)


def test_a_peer_that_takes_one_message_in_drops_is_given_up_at_its_time():
    ours, theirs = socket.socketpair()
    stopped = threading.Event()

    def drain() -> None:
        while not stopped.wait(0.05) and theirs.recv(2**16):
            pass

    reader = threading.Thread(target=drain)
    reader.start()
    plane, began = plane_on(ours, idle_s=5.0, message_s=0.5), time.monotonic()
    try:
        with pytest.raises(Broken, match="did not take"):
            plane.send(1, COMMAND, LARGE)
        assert time.monotonic() - began < 20
        assert plane.is_cut
        with pytest.raises(Broken, match="begun and not ended"):
            plane.send(1, COMMAND)
    finally:
        stopped.set()
        ours.close()
        reader.join()
        theirs.close()


def test_each_message_has_its_own_time():
    ours, theirs = socket.socketpair()
    plane = plane_on(ours, idle_s=5.0, message_s=0.2)
    with ours, theirs:
        for _ in range(2):
            plane.send(1, COMMAND)
            assert not plane.is_cut
            time.sleep(0.25)
