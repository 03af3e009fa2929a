"""C-ECHO out, to real peers."""

import pytest

from dicom_node.destination import echo
from dicom_node.errors import PeerAway
from dicom_node.scu import Ourselves
from dicom_node.settings import Outbox, Peer
from tests.support.need import free_port

US = Ourselves("SYNTHNODE", Outbox(connect_s=20.0, answer_s=20.0))


def test_orthanc_answers(orthanc):
    peer = Peer(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port)
    echo(US, peer)


def test_a_closed_port_is_said_to_be_one():
    peer = Peer(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=free_port())
    with pytest.raises(PeerAway, match=r"pacs does not answer at 127\.0\.0\.1"):
        echo(US, peer)
