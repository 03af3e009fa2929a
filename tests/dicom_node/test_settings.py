"""The configuration folder and the environment: every mistake is told, with what to do."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from dicom_node.errors import SettingsError
from dicom_node.settings import NodeFile, Settings, load_settings, shipped
from dicom_node.toml import _tuples

ROOT = Path(__file__).parents[2]
CLOUD = '[[destination]]\nname = "cloud"\nkind = "dicomweb"\n'
FOLDER = '[[destination]]\nname = "share"\nkind = "folder"\npath = "x"\n'
PEER = '[[peer]]\nname = "pacs"\nae_title = "PACS"\nhost = "h"\nplain = true\n'


@pytest.fixture
def load(tmp_path):
    """Write a folder and load it."""

    def written(node: str = "", peers: str = "", **environ: str) -> Settings:
        (tmp_path / "node.toml").write_text(node)
        (tmp_path / "peers.toml").write_text(peers)
        return load_settings(tmp_path, environ)

    return written


def mistakes_of(load, *folder: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(*folder, **environ)
    return caught.value.mistakes


def value_at(file: BaseModel, key: str):
    section, name = key.split(".")
    return getattr(getattr(file, section), name)


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("node.ae_title", "SYNTHNODE"),
        ("node.data", "var"),
        ("node.device_uid", ""),
        ("listen.host", "127.0.0.1"),
        ("listen.port", 11112),
        ("web.host", "127.0.0.1"),
        ("web.port", 8080),
        ("database.url", "sqlite:///node.db"),
        ("completion.quiet_s", 5.0),
    ],
)
def test_a_key_of_the_interface_is_there_with_its_default(load, key, default):
    assert value_at(load().file, key) == default


def test_a_peer_of_the_interface_is_understood(load):
    settings = load(
        peers="""
        [[peer]]
        name = "scanner"
        ae_title = "SCANNER"
        host = "127.0.0.1"
        may = ["echo", "store"]
        [[peer]]
        name = "pacs"
        ae_title = "ORTHANC"
        host = "127.0.0.1"
        port = 4242
        may = ["echo", "store", "find", "move", "get", "commit"]
        ask = ["find", "move", "commit"]
        use = "clinical"
        [[destination]]
        name = "share"
        kind = "folder"
        path = "../results"
        when_held = "send_marked"
        """
    )
    scanner, pacs = settings.peers
    assert (scanner.port, scanner.ask, scanner.use, scanner.when_held) == (
        None, (), "research", "hold",
    )  # fmt: skip
    assert (pacs.port, pacs.ask, pacs.use, pacs.when_held) == (
        4242, ("find", "move", "commit"), "clinical", "hold",
    )  # fmt: skip
    assert settings.destination_names() == ("pacs", "share")
    assert (settings.clinical_names(), settings.marked_names()) == ({"pacs"}, {"share"})


def test_what_waits_for_a_person_goes_to_research_alone(load):
    place = '[[destination]]\nname = "share"\nkind = "folder"\npath = "x"\n'
    ward = f'{PEER}port = 4242\nuse = "clinical"\nwhen_held = "send_marked"\n'
    with pytest.raises(SettingsError) as caught:
        load(peers=f'{ward}{place}use = "clinical"\nwhen_held = "send_marked"\n')
    said = 'when_held = "send_marked" and use = "clinical": what waits goes to research alone'
    assert [one.partition(";")[0] for one in caught.value.mistakes] == [
        f"peers.toml: {name}: {said}" for name in ("pacs", "share")
    ]


def test_what_is_kept_whatever_happens_is_named_by_peers_and_studies(load):
    senders = '["pacs", "INGEST", "web:modality"]'
    kept = load(f'[retention]\nkeep_from = {senders}\nkeep_studies = ["1.2.3"]\n', PEER)
    assert kept.file.retention.keep_from == ("pacs", "INGEST", "web:modality")
    assert kept.file.retention.keep_studies == ("1.2.3",)
    kept = load(
        peers=PEER, NODE_RETENTION__KEEP_FROM='["pacs"]', NODE_RETENTION__RECEIVED_DAYS="30"
    )
    assert (kept.file.retention.keep_from, kept.file.retention.received_days) == (("pacs",), 30.0)


@pytest.mark.parametrize(
    ("lines", "receipting"),
    [
        ('port = 1\nask = ["find"]', {"pacs"}),
        ('port = 1\nask = ["commit"]', {"pacs"}),
        ('port = 1\nask = ["move"]', set()),
        ("port = 1", set()),
        ("", set()),
    ],
)
def test_a_destination_that_answers_questions_can_vouch_for_what_it_got(load, lines, receipting):
    assert load(peers=PEER + lines).receipting_names() == receipting


@pytest.mark.parametrize(
    ("text", "receipting"),
    [
        (FOLDER, {"share"}),
        (FOLDER + "keeps = false", set()),
        (CLOUD + 'url = "https://h"', set()),
        (CLOUD + 'url = "https://h"\nask = ["find"]', {"cloud"}),
    ],
)
def test_a_folder_is_looked_at_and_a_dicomweb_archive_searched_where_it_may(load, text, receipting):
    assert load(peers=text).receipting_names() == receipting


def test_the_shipped_file_shows_every_key_with_its_default():
    raw = tomllib.loads((ROOT / "conf" / "node.toml").read_text())
    known = {name: set(section.annotation.model_fields) for name, section in fields_of(NodeFile)}
    assert {name: set(keys) for name, keys in raw.items()} == known
    raw["node"]["data"] = "var"  # a checkout keeps its data beside conf, not in it
    assert NodeFile.model_validate(_tuples(raw)) == NodeFile()


def fields_of(model):
    return model.model_fields.items()


def test_the_data_folder_lies_beside_the_file_that_names_it(load, tmp_path):
    assert load().data == tmp_path / "var"
    assert load('[node]\ndata = "../d"\n').data == tmp_path.parent / "d"
    assert load('[node]\ndata = "/srv/node"\n').data == Path("/srv/node")


def test_a_folder_without_files_has_the_defaults(tmp_path):
    assert load_settings(tmp_path, {}).file == NodeFile()


def test_what_is_read_cannot_be_changed(load):
    settings = load(peers=PEER)
    for value, name in (
        (settings, "peers"), (settings.file, "listen"), (settings.file.listen, "port"),
        (settings.peers[0], "port"),
    ):  # fmt: skip
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, name, None)
    assert isinstance(settings.peers, tuple)
    assert isinstance(settings.peers[0].may, tuple)


RECEIVER = '[[audit.receiver]]\nname = "arr"\nhost = "h"\n'
NODE_MISTAKES = {
    "[listen]\nprot = 1": ("listen.prot", "did you mean 'port'?"),
    "[listen]\nzzz = 1": (
        "listen.zzz",
        "keys here are data_plane, host, idle_s, max_associations, plain, port, tls",
    ),
    "[lisen]\nport = 1": ("lisen", "did you mean 'listen'?"),
    "port = 1": ("port", "keys here are archive, asking, audit, commitment, completion"),
    "listen = 1": ("listen", "a table is wanted"),
    '[listen]\nport = "11112"': ("listen.port", "should be a valid integer"),
    "[listen]\nport = 11112.5": ("listen.port", "should be a valid integer"),
    "[listen]\nport = true": ("listen.port", "should be a valid integer"),
    "[listen]\nport = 65536": ("listen.port", "less than or equal to 65535"),
    "[listen]\nport = -1": ("listen.port", "greater than or equal to 0"),
    "[listen]\nidle_s = 0": ("listen.idle_s", "greater than 0"),
    "[listen]\nmax_associations = 0": ("listen.max_associations", "greater than or equal to 1"),
    "[completion]\nquiet_s = true": ("completion.quiet_s", "should be a valid number"),
    "[completion]\nquiet_s = nan": ("completion.quiet_s", "number"),
    "[completion]\nquiet_s = inf": ("completion.quiet_s", "number"),
    "[outbox]\ngive_up_days = inf": ("outbox.give_up_days", "number"),
    "[worker]\nlease_s = inf": ("worker.lease_s", "number"),
    "[worker]\ncount = -1": ("worker.count", "greater than or equal to 0"),
    "[worker]\nattempts = 0": ("worker.attempts", "greater than or equal to 1"),
    '[engine]\ndevice = "tpu"': ("engine.device", "'auto', 'cpu' or 'cuda'"),
    '[log]\nlevel = "loud"': ("log.level", "'debug', 'info', 'warning' or 'error'"),
    "[node]\nae_title = 5": ("node.ae_title", "should be a valid string"),
    '[node]\nae_title = ""': ("node.ae_title", "at least 1 character"),
    '[node]\nae_title = "SEVENTEEN LETTERS"': ("node.ae_title", "at most 16 characters"),
    '[node]\nae_title = "    "': ("node.ae_title", "at least 1 character"),
    '[listen]\nhost = "a..b"': ("listen.host", "should match"),
    '[listen]\nhost = ""': ("listen.host", "should match"),
    '[node]\nae_title = "A\\\\B"': ("node.ae_title", "should match"),
    '[node]\nae_title = "Ä"': ("node.ae_title", "should match"),
    '[node]\ndevice_uid = "1.02"': ("node.device_uid", "leave it empty to get one"),
    '[site]\ncontent_qualification = "PRODUCT"': ("site.content", "'RESEARCH' or 'SERVICE'"),
    "[retention]\nreceived_days = -1": ("retention.received_days", "greater than or equal to 0"),
    "[retention]\nmax_gb = inf": ("retention.max_gb", "number"),
    '[retention]\nkeep_from = "lab"': ("retention.keep_from", "a list is wanted"),
    '[retention]\nkeep_from = ["lab"]': ("retention.keep_from", "no peer 'lab'; peers.toml has"),
    '[retention]\nkeep_studies = ["1.02"]': ("retention.keep_studies", "Study Instance UIDs are"),
    '[retention]\ndelivered = "yes"': ("retention.delivered", "'receipted' or 'best'"),
    '[database]\nurl = "mysql://h/n"': ("database.url", "sqlite:///file.db or postgresql://"),
    '[database]\nurl = "node.db"': ("database.url", "sqlite:///file.db or postgresql://"),
    '[database]\nurl = "sqlite://"': ("database.url", "sqlite:///file.db or postgresql://"),
    '[database]\nurl = "postgresql+psycopg2://h/n"': ("database.url", "sqlite:///file.db or"),
    '[web]\nhost = "0.0.0.0"': ("web.host = '0.0.0.0'", "plain = true in [web]"),
    '[web]\nhost = "10.1.2.3"\nplain = true\nloopback_without_token = true': (
        "web.loopback_without_token",
        "take one of the two back",
    ),
    '[web]\nurl = "https://node.example.org"\nloopback_without_token = true': (
        "web.url",
        "take web.loopback_without_token = true back",
    ),
    '[web]\nurl = "https://node.example.org/?a=b"': ("web.url", "should match"),
    "[web]\nrequests = 0": ("web.requests", "greater than or equal to 1"),
    "[node\nae_title": ("node.toml", "not readable as TOML"),
    "[audit]\nkeep_days = -1": ("audit.keep_days", "greater than or equal to 0"),
    "[audit]\non = 1": ("audit.on", "boolean"),
    RECEIVER + 'transport = "mail"': ("audit.receiver.0.transport", "'tls', 'tcp' or 'udp'"),
    RECEIVER + "prot = 1": ("audit.receiver.0.prot", "did you mean 'port'?"),
    RECEIVER + RECEIVER: ("'arr' is given twice", "rename one"),
    RECEIVER + 'transport = "udp"\nca_file = "a"': ("'arr' has certificates", "or take them out"),
    RECEIVER + 'cert_file = "a"': ("'arr' has only one of", "give both, or neither"),
}


@pytest.mark.parametrize("text", NODE_MISTAKES)
def test_a_mistake_in_node_toml_names_file_key_and_remedy(load, text):
    key, remedy = NODE_MISTAKES[text]
    (mistake,) = mistakes_of(load, text)
    assert mistake.startswith("node.toml: ")
    assert key in mistake
    assert remedy in mistake


PEERS_MISTAKES = {
    '[[peer]]\nae_title = "A"\nhost = "h"': ("peer.0.name", "is missing; add it"),
    PEER + "prot = 4242": ("peer.0.prot", "did you mean 'port'?"),
    PEER + "port = 0": ("peer.0.port", "greater than or equal to 1"),
    PEER + 'may = ["stor"]': ("peer.0.may.0", "'echo', 'store'"),
    PEER + 'may = "store"': ("peer.0.may", "a list is wanted"),
    PEER + 'ask = ["find"]': ("pacs", "add its port"),
    PEER + 'port = 1\nuse = "both"': ("peer.0.use", "'research' or 'clinical'"),
    PEER.replace('"h"', f'"{"h" * 64}.org"'): ("peer.0.host", "should match"),
    PEER + PEER: ("'pacs' is given twice", "rename one"),
    PEER + '[[destination]]\nname = "pacs"\nkind = "folder"\npath = "x"': ("twice", "rename one"),
    PEER.replace("pacs", "../pacs"): ("peer.0.name", "should match"),
    '[[destination]]\nname = "a"\nkind = "ftp"\npath = "x"': ("destination.0.kind", "'folder'"),
    '[[destination]]\nname = "a"\nkind = "folder"': ("destination.0.path", "add it"),
    CLOUD: ("destination.0.url is missing", "add it"),
    CLOUD + 'url = "https://h/x"\npath = "x"': ("destination.0.path", "take it out"),
    CLOUD + 'url = "http://pacs.example.org/x"': (
        "destination.0.url is plain http",
        "plain = true",
    ),
    CLOUD + 'url = "https://h"\ntoken_file = "a"\ntoken_env = "B"': ("token_env", "take one out"),
    CLOUD + 'url = "ftp://h/x"': ("destination.0.url", "https://host/path is wanted"),
    FOLDER + 'ask = ["find"]': ("destination.0.ask", 'belongs to kind = "dicomweb"'),
    CLOUD + 'url = "https://h"\nkeeps = false': (
        "destination.0.keeps",
        'belongs to kind = "folder"',
    ),
    CLOUD + 'url = "https://h"\nask = ["move"]': ("destination.0.ask", "find"),
    '[[destination]]\nname = "a"\nkind = "folder"\npath = "x"\ntrust = "ca.pem"': (
        "destination.0.trust",
        'belongs to kind = "dicomweb"',
    ),
    "[[peers]]": ("peers", "did you mean 'peer'?"),
    "[peer]\nname = 3": ("peer", "a list is wanted"),
    "peer = 3 3": ("peers.toml", "not readable as TOML"),
}


@pytest.mark.parametrize("text", PEERS_MISTAKES)
def test_a_mistake_in_peers_toml_names_file_key_and_remedy(load, text):
    key, remedy = PEERS_MISTAKES[text]
    (mistake,) = mistakes_of(load, "", text)
    assert mistake.startswith("peers.toml: ")
    assert key in mistake
    assert remedy in mistake


def test_bytes_that_are_no_text_are_a_mistake_of_their_file(tmp_path):
    (tmp_path / "node.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"node\.toml: not readable as TOML"):
        load_settings(tmp_path, {})


def test_a_folder_that_is_not_there_is_named_with_the_option_that_names_one(tmp_path):
    with pytest.raises(SettingsError, match=r"missing: no such configuration folder.*--conf DIR"):
        load_settings(tmp_path / "missing", {})


def test_all_mistakes_of_a_folder_are_told_at_once(load):
    node = '[listen]\nprot = 1\nport = "x"\n[node]\ndevice_uid = "x"\n[database]\nurl = "x"\n'
    found = mistakes_of(load, node, PEER + PEER + 'ask = ["find"]\nuse = "x"', NODE_WEB__PROT="1")
    words = ("listen.prot", "listen.port", "NODE_WEB__PROT", "peer.1.use")
    assert [any(word in mistake for mistake in found) for word in words] == [True] * 4
    found = mistakes_of(
        load, '[node]\ndevice_uid = "x"\n[database]\nurl = "x"\n', PEER + PEER + 'ask = ["find"]'
    )
    words = ("node.device_uid", "database.url", "'pacs' is given twice", "add its port")
    assert [any(word in mistake for mistake in found) for word in words] == [True] * 4
    assert len(found) == 4


def test_the_error_reads_one_mistake_a_line(load):
    with pytest.raises(SettingsError) as caught:
        load("[listen]\nprot = 1\nzzz = 2\n")
    assert str(caught.value).splitlines() == list(caught.value.mistakes)
    assert len(caught.value.mistakes) == 2


OVERRIDES = [
    ("NODE_LISTEN__PORT", "11113", "listen.port", 11113),
    ("NODE_COMPLETION__QUIET_S", "2", "completion.quiet_s", 2.0),
    ("NODE_COMPLETION__QUIET_S", "0.5", "completion.quiet_s", 0.5),
    ("NODE_NODE__AE_TITLE", "OTHER", "node.ae_title", "OTHER"),
    ("NODE_NODE__AE_TITLE", "11112", "node.ae_title", "11112"),
    ("NODE_NODE__AE_TITLE", "true", "node.ae_title", "true"),
    ("NODE_NODE__DEVICE_UID", "2.25", "node.device_uid", "2.25"),
    ("NODE_SITE__INSTITUTION", "007", "site.institution", "007"),
    ("NODE_SITE__INSTITUTION", "", "site.institution", ""),
    ("NODE_SITE__CONTENT_QUALIFICATION", "SERVICE", "site.content_qualification", "SERVICE"),
    ("NODE_ENGINE__DEVICE", "cpu", "engine.device", "cpu"),
    ("NODE_DATABASE__URL", "postgresql://n@h/d", "database.url", "postgresql://n@h/d"),
]


@pytest.mark.parametrize(("name", "text", "key", "value"), OVERRIDES)
def test_the_environment_overrides_a_key(load, name, text, key, value):
    assert value_at(load(**{name: text}).file, key) == value


@given(port=st.integers(0, 65535), quiet_s=st.floats(0.001, 1e6))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_number_that_the_file_takes_the_environment_takes_too(load, port, quiet_s):
    settings = load(NODE_LISTEN__PORT=str(port), NODE_COMPLETION__QUIET_S=repr(quiet_s))
    assert settings.file.listen.port == port
    assert settings.file.completion.quiet_s == quiet_s


def test_the_environment_wins_over_the_file(load):
    settings = load("[listen]\nport = 1\nidle_s = 7.0\n", NODE_LISTEN__PORT="2")
    assert (settings.file.listen.port, settings.file.listen.idle_s) == (2, 7.0)


@pytest.mark.parametrize(
    "name", ["NODE_LISTEN__PROT", "NODE_LISTN__PORT", "NODE__PORT", "NODE_LISTEN__", "NODE_PEER__X"]
)
def test_a_misspelt_override_is_a_mistake(load, name):
    (mistake,) = mistakes_of(load, **{name: "1"})
    assert mistake == f"environment: {name} names no key of node.toml; NODE_SECTION__KEY is wanted"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NODE_LISTEN__PORT", "x"), ("NODE_LISTEN__PORT", ""), ("NODE_LISTEN__PORT", '"11112"'),
        ("NODE_LISTEN__PORT", "70000"), ("NODE_COMPLETION__QUIET_S", "Infinity"),
        ("NODE_COMPLETION__QUIET_S", "[1]"), ("NODE_LOG__LEVEL", "loud"),
        ("NODE_NODE__DEVICE_UID", "1.02"), ("NODE_DATABASE__URL", "mysql://h/n"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_told_where_it_stands_not_in_the_file(load, name, text):
    (mistake,) = mistakes_of(load, **{name: text})
    assert mistake.startswith(f"environment: {name} = ")


def test_receivers_of_the_audit_trail_come_from_the_file_or_from_the_environment(load):
    (one,) = load(RECEIVER).file.audit.receiver
    assert (one.port, one.transport, one.ca_file) == (6514, "tls", "")
    both = '[{"name": "a", "host": "h"}, {"name": "b", "host": "h", "transport": "udp"}]'
    found = load(NODE_AUDIT__RECEIVER=both).file.audit.receiver
    assert [(one.name, one.transport) for one in found] == [("a", "tls"), ("b", "udp")]


def test_the_audit_can_be_turned_off(load):
    assert load("").file.audit.on
    assert not load("[audit]\non = false").file.audit.on
    assert not load(NODE_AUDIT__ON="false").file.audit.on


@pytest.mark.parametrize("name", ["NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "node_env"])
def test_variables_of_others_are_left_alone(load, name):
    assert load(**{name: "--max-old-space-size=4096"}).file == NodeFile()


def test_a_mistake_does_not_show_the_password_of_the_database(load):
    (mistake,) = mistakes_of(load, '[database]\nurl = "mysql://node:secret@h/n"')
    assert "secret" not in mistake


@pytest.mark.parametrize(
    "url", ["postgresql://node:secret@h/n", "postgresql://h/n?a=1&password=secret"]
)
def test_a_password_has_no_place_in_the_file_and_has_one_in_the_environment(load, url):
    (mistake,) = mistakes_of(load, f'[database]\nurl = "{url}"')
    assert mistake.startswith("node.toml: database.url holds a password")
    assert "PGPASSWORD" in mistake
    assert ".pgpass" in mistake
    assert "secret" not in mistake
    assert load(f'[database]\nurl = "{url}"', NODE_DATABASE__URL=url).file.database.url == url


@pytest.mark.parametrize(
    "url",
    ["postgresql://node@h:5432/n", "postgresql://h:5432/n?sslmode=require", "postgresql:///n"],
)
def test_a_database_without_a_password_is_taken(load, url):
    assert load(f'[database]\nurl = "{url}"').file.database.url == url


@pytest.mark.parametrize(
    "url", ["https://user:secret@h/x", "https://h/x?token=secret", "http://[::1/x"]
)
def test_a_mistake_does_not_show_the_secret_in_the_url_of_a_destination(load, url):
    (mistake,) = mistakes_of(load, "", CLOUD + f'url = "{url}"')
    assert "destination.0.url is none that serves" in mistake
    assert "secret" not in mistake


@pytest.mark.parametrize(
    "url", ["https://pacs.example.org/dicom-web/", "http://127.0.0.1:8042", "http://[::1]:1/x"]
)
def test_a_destination_on_the_web_is_https_or_on_this_machine(load, url):
    (cloud,) = load("", CLOUD + f'url = "{url}"').destinations
    assert (cloud.url, cloud.kind, cloud.plain) == (url, "dicomweb", False)


@pytest.mark.parametrize(
    "text", ['host = "::1"', 'host = "localhost"', 'host = "0.0.0.0"\nplain = true',
             'host = "0.0.0.0"\nenabled = false', 'loopback_without_token = true'],
)  # fmt: skip
def test_the_web_is_plain_on_loopback_or_in_so_many_words(load, text):
    assert load(f"[web]\n{text}").file.web.port == 8080


@pytest.mark.parametrize("count", [0, 1, 8])
def test_a_host_has_as_many_workers_as_are_wanted(load, count):
    assert load(f"[worker]\ncount = {count}").file.worker.count == count


def test_the_shipped_file_says_where_it_differs_from_the_default():
    first, data = (
        line
        for line in (ROOT / "conf" / "node.toml").read_text().splitlines()
        if line.startswith(("# What stands here", "data ="))
    )
    assert "but for data" in first
    assert 'default "var"' in data


def test_folders_that_come_with_the_program_are_found():
    assert shipped("tasks").name == "tasks"
    assert shipped("tasks").parent.name == "conf"


@pytest.mark.parametrize("host", ["*", "::1", "fe80::1:2", "10.0.0.1", "pacs", "pacs.ward-3.org"])
def test_addresses_and_names_are_hosts(load, host):
    assert load("", PEER.replace('"h"', f'"{host}"')).peers[0].host == host


def test_spaces_around_an_ae_title_do_not_count(load):
    assert load('[node]\nae_title = " SYNTH "').file.node.ae_title == "SYNTH"


def test_peers_of_one_ae_title_speak_for_each_other(load):
    one = PEER.replace('"pacs"', '"one"')
    other = PEER.replace('"PACS"', '"ELSE"').replace('"pacs"', '"other"')
    settings = load(peers=PEER + one + other)
    assert settings.speaks_for("pacs") == {"pacs", "one"}
    assert settings.speaks_for("other") == {"other"}
    assert settings.speaks_for("nobody") == frozenset()


def test_keys_whose_signatures_count_are_files_of_the_folder(load, tmp_path):
    (mistake,) = mistakes_of(load, '[models]\nkeys = ["keys/site.pem"]\n')
    assert mistake == (
        "node.toml: models.keys: 'keys/site.pem' is not in the configuration folder; put the "
        "public key there, in PEM"
    )
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "site.pem").write_text("a key")
    settings = load('[models]\nkeys = ["keys/site.pem"]\nrequire_signature = true\n')
    assert settings.model_keys == (tmp_path / "keys" / "site.pem",)


def test_signatures_that_nobody_could_make_are_not_required(load):
    (mistake,) = mistakes_of(load, "[models]\nrequire_signature = true\n")
    assert "models.require_signature = true, and no signature counts; name public keys" in mistake
