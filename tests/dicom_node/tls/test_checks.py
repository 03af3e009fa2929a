"""What may be configured together; every mistake says what to do."""

import pytest

from dicom_node.errors import SettingsError
from dicom_node.settings import is_loopback, load_settings
from dicom_node.tls import plain_peers

ANY = "0.0.0.0"  # noqa: S104 - nothing is bound here
FILES = '[tls]\ncertificate = "node.pem"\nkey = "node.key"\ntrust = "ca.pem"\n'
PEER = '[[peer]]\nname = "pacs"\nae_title = "PACS"\nhost = "10.0.0.7"\n'


@pytest.fixture
def load(tmp_path):
    def written(node: str = "", peers: str = "", **environ: str):
        (tmp_path / "node.toml").write_text(node)
        (tmp_path / "peers.toml").write_text(peers)
        return load_settings(tmp_path, environ)

    return written


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST"])
def test_plain_dicom_is_served_to_this_machine(load, host):
    assert is_loopback(host)
    assert not load(f'[listen]\nhost = "{host}"').file.listen.tls


@pytest.mark.parametrize("host", [ANY, "::", "10.0.0.7", "node.ward.org", "*", "127.0.0.1.org"])
def test_plain_dicom_is_served_to_a_network_only_when_told_in_so_many_words(load, host):
    with pytest.raises(SettingsError) as caught:
        load(f'[listen]\nhost = "{host}"')
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"node.toml: listen.host = '{host}' would be served without TLS")
    assert "listen.tls = true" in mistake
    assert "listen.plain = true" in mistake
    assert load(f'[listen]\nhost = "{host}"\nplain = true').file.listen.host == host
    assert load(f'{FILES}[listen]\nhost = "{host}"\ntls = true').file.listen.host == host


def test_an_address_from_the_environment_is_told_as_such(load):
    with pytest.raises(SettingsError, match=r"environment: NODE_LISTEN__HOST = '0\.0\.0\.0' would"):
        load(NODE_LISTEN__HOST=ANY)
    assert load(NODE_LISTEN__HOST=ANY, NODE_LISTEN__PLAIN="true").file.listen.plain


def test_with_tls_the_port_is_that_of_dicom_tls_where_none_is_named(load):
    assert load(FILES + "[listen]\ntls = true").file.listen.port == 2762
    assert load(FILES + "[listen]\ntls = true\nport = 11112").file.listen.port == 11112
    assert load(FILES, NODE_LISTEN__TLS="true").file.listen.port == 2762


MISTAKES = {
    "[web]\ntls = true": ("tls.certificate is empty, and web.tls needs it", "tls.key", "tls.trust"),
    FILES + "[web]\ntls = true\nplain = true": ("web.plain = true says without TLS",),
    FILES + "[web]\nmutual = true": ("web.mutual = true wants certificates of clients",),
    "[listen]\ntls = true": ("tls.certificate is empty", "tls.key is empty", "tls.trust is empty"),
    '[tls]\ncertificate = "a"\nkey = "b"\n[listen]\ntls = true': ("tls.trust is empty",),
    FILES + "[listen]\ntls = true\nplain = true": ("take one of them out",),
    '[tls]\nkey = "-----BEGIN PRIVATE KEY-----"': ("tls.key holds the text itself",),
    '[tls]\nprofile = "B.9"': ("tls.profile = 'B.9'",),
    "[limits]\nmemory_mb = 100": ("limits.memory_mb = 100 is less than limits.data_set_mb",),
}


@pytest.mark.parametrize("node", MISTAKES)
def test_a_mistake_in_node_toml_says_what_to_do(load, node):
    with pytest.raises(SettingsError) as caught:
        load(node)
    assert len(caught.value.mistakes) == len(MISTAKES[node])
    for mistake, words in zip(caught.value.mistakes, MISTAKES[node], strict=True):
        assert mistake.startswith("node.toml: ")
        assert words in mistake
    assert "BEGIN" not in str(caught.value)


PEER_MISTAKES = {
    "tls = true": ("has tls = true but no port",),
    "tls = true\nport = 2762": ("tls.certificate is empty, and pacs of peers.toml needs it",),
    "tls = true\nplain = true\nport = 2762": ("take one of them out",),
    'certificate = "PACS"': ("has a certificate, and nobody would look at it",),
    'certificate = "sha256:abcd"\ntls = true\nport = 1': ("no SHA-256 fingerprint",),
    'certificate = "AB:CD:EF"\ntls = true\nport = 1': ("no SHA-256 fingerprint",),
}


@pytest.mark.parametrize("keys", PEER_MISTAKES)
def test_a_mistake_of_a_peer_says_what_to_do(load, keys):
    node = "" if "needs it" in PEER_MISTAKES[keys][0] else FILES
    with pytest.raises(SettingsError) as caught:
        load(node, PEER + keys)
    assert any(PEER_MISTAKES[keys][0] in mistake for mistake in caught.value.mistakes)


@pytest.mark.parametrize("host", ["10.0.0.7", "pacs.ward.org"])
def test_a_peer_on_a_network_is_called_in_plain_only_when_told_in_so_many_words(load, host):
    peer = PEER.replace("10.0.0.7", host) + "port = 104\n"
    with pytest.raises(SettingsError) as caught:
        load(peers=peer)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"peers.toml: pacs at {host} would be called without TLS")
    assert "set tls = true" in mistake
    assert "plain = true" in mistake
    assert load(peers=peer + "plain = true").peers[0].plain


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_peer_on_this_machine_is_called_in_plain(load, host):
    assert load(peers=PEER.replace("10.0.0.7", host) + "port = 104").peers[0].port == 104


def test_peers_that_are_called_in_plain_over_a_network_are_known(load):
    local = PEER.replace("10.0.0.7", "127.0.0.1").replace("pacs", "local")
    secure = PEER.replace("pacs", "secure") + "tls = true\nport = 2762\n"
    caller = PEER.replace("pacs", "caller")
    peers = f"{PEER}port = 104\nplain = true\n{local}port = 104\n{secure}{caller}"
    assert [peer.name for peer in plain_peers(load(FILES, peers).peers)] == ["pacs"]
