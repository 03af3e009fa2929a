"""The how-to page, done: certificates as it makes them, and a node that speaks TLS with them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.mr import MrSeries
from tests.support.need import program
from tests.support.node import NodeConf, RunningNode

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "tls.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The folder in which the commands of the page were run."""
    folder = tmp_path_factory.mktemp("made")
    (commands,) = [b for b in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S) if "req" in b]
    subprocess.run(["/bin/sh", "-eu", "-c", commands], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def node(start, made, tmp_path):
    files = {key: str(tmp_path / name) for key, name in
             {"certificate": "node.pem", "key": "node.key", "trust": "ca.pem"}.items()}  # fmt: skip
    for name in ("node.pem", "node.key", "ca.pem"):
        shutil.copy(made / name, tmp_path / name)
    scanner = {"name": "mr", "ae_title": "MR", "host": "127.0.0.1", "may": ["echo", "store"],
               "certificate": "scanner"}  # fmt: skip
    return start(
        peers=[scanner],
        extra={"listen": {"tls": True}, "tls": files, "worker": {"count": 0}},
    )


def dcmtk(name: str, node, made: Path, *files: Path, calling: str = "SCANNER"):
    return subprocess.run(
        [program(f"/usr/bin/{name}"), "+tls", made / "scanner.key", made / "scanner.pem", "+cf",
         made / "ca.pem", "-aet", calling, "-aec", "SYNTHNODE", "127.0.0.1", str(node.port),
         *files],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_study_comes_in_over_tls(node, made, tmp_path):
    series = MrSeries(slices=12)
    said = dcmtk("storescu", node, made, *series.write(tmp_path / "files"))
    assert said.returncode == 0, said.stderr
    node.until(series.study_uid, lambda answer: answer["series"][0]["instances"] == 12)


def test_a_peer_that_is_bound_to_a_certificate_comes_in_with_it_alone(node, made):
    assert dcmtk("echoscu", node, made, calling="MR").returncode == 0
    other = made / "other"
    other.mkdir()
    for name in ("node.pem", "node.key"):  # ours: trusted, and not the scanner's
        shutil.copy(made / name, other / name.replace("node", "scanner"))
    shutil.copy(made / "ca.pem", other)
    assert dcmtk("echoscu", node, other, calling="MR").returncode != 0
    refused = node.wait_for("refused", peer="mr")
    assert refused["reason"] == "certificate of another peer"


def test_certificates_are_renewed_without_a_restart(node, made, authority, tmp_path):
    renewed = tmp_path / "renewed"
    renewed.mkdir()
    shutil.copy(authority.certificate, tmp_path / "ca.pem.new")
    trusted = (made / "ca.pem").read_text() + authority.certificate.read_text()
    (tmp_path / "ca.pem").write_text(trusted)
    node.wait_for("certificates taken up", authorities=2)
    pair = authority.issue("node")
    shutil.copy(pair.certificate, tmp_path / "node.pem")
    shutil.copy(pair.key, tmp_path / "node.key")
    fingerprint = pair.fingerprint.replace(":", "").lower()
    node.wait_for("certificates taken up", fingerprint=fingerprint)
    assert node.process.poll() is None
    shutil.copy(authority.certificate, renewed / "ca.pem")
    for name in ("scanner.pem", "scanner.key"):
        shutil.copy(made / name, renewed)
    assert dcmtk("echoscu", node, renewed).returncode == 0


def test_a_node_calls_itself_over_tls(node, made, tmp_path):
    peers = node.conf / "peers.toml"
    peers.write_text(
        peers.read_text() + '\n[[peer]]\nname = "self"\nae_title = "SYNTHNODE"\n'
        f'host = "127.0.0.1"\nport = {node.port}\ntls = true\n'
    )
    said = node.command("peers", "echo", "self", check=False)
    # the running node does not know our AE title as a caller, and says so: TLS came before that
    assert "rejected the association" in said.stderr
    assert "over TLS" in node.command("peers", "list").stdout
    assert "over TLS" in node.command("rules", "check").stdout


def test_a_listener_for_a_network_wants_tls_or_a_word(tmp_path):
    conf = NodeConf(tmp_path, extra={"listen": {"host": "0.0.0.0"}})  # noqa: S104
    node = RunningNode(conf.write())
    said = node.command("rules", "check", check=False)
    assert said.returncode == 1
    assert "listen.tls = true" in said.stderr
    assert "listen.plain = true" in said.stderr
    conf.extra["listen"]["plain"] = True
    conf.write()
    node.command("rules", "check")


def test_files_that_do_not_fit_are_told_before_anything_runs(tmp_path, made):
    files = {"certificate": "node.pem", "key": "scanner.key", "trust": "ca.pem"}
    files = {key: str(made / name) for key, name in files.items()}
    conf = NodeConf(tmp_path, extra={"listen": {"tls": True}, "tls": files})
    said = RunningNode(conf.write()).command("rules", "check", check=False)
    assert said.returncode == 1
    assert "is not the key of" in said.stderr
