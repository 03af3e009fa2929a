"""Calls to peers that cannot be reached, and answers that cannot be read."""

import pytest

from dicom_node.errors import PeerAway
from dicom_node.scu import Ourselves, find_series
from dicom_node.settings import Outbox, Peer

US = Ourselves("SYNTHNODE", Outbox(connect_s=5.0, answer_s=5.0))


def pacs(host: str = "127.0.0.1", port: int = 104) -> Peer:
    return Peer(name="pacs", ae_title="PACS", host=host, port=port, ask=("find",))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "1:2:::3"])
def test_a_host_without_an_address_is_a_peer_that_is_away(host):
    with pytest.raises(PeerAway, match=f"pacs: its host {host} cannot be resolved"):
        find_series(US, pacs(host), "1.2.3")
