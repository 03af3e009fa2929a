"""The compose files: hardened, whole, and true to this repository."""

import json
import os
import re
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from dicom_node import __version__
from dicom_node.app.build import load_all
from dicom_node.settings import load_settings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
FILES = ("compose.yaml", "compose.test.yaml")
BACKUPS = "/var/backups/dicom-node"
OURS = {"dicom-node", "dicom-node-worker", "dicom-node-train"}


def read(name: str) -> dict:
    return yaml.safe_load((DOCKER / name).read_text())


def services(*names: str) -> dict[str, dict]:
    return {name: one for file in names for name, one in read(file)["services"].items()}


ALL = services(*FILES)


def faults(name: str, service: dict) -> list[str]:
    """Return what a security officer would not let pass."""
    wrong = []
    user = str(service.get("user", "0"))
    wrong += [] if re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) else ["root"]
    wrong += [] if service.get("read_only") is True else ["its file system can be written"]
    wrong += [] if service.get("cap_drop") == ["ALL"] else ["it keeps capabilities"]
    wrong += ["it gains capabilities"] * bool(service.get("cap_add"))
    quiet = "no-new-privileges:true" in service.get("security_opt", [])
    wrong += [] if quiet else ["it may gain privileges"]
    wrong += ["privileged"] * bool(service.get("privileged"))
    wrong += [
        f"{key} is shared with the host" for key in ("network_mode", "pid", "ipc") if key in service
    ]
    wrong += ["a name of its own for its host"] * ("hostname" in service)
    wrong += [] if service.get("pids_limit") else ["it may start any number of processes"]
    wrong += [] if _is_pinned(service["image"]) else ["its image is not pinned"]
    has_own = service["image"].split(":")[0] in OURS  # its Dockerfile has one
    wrong += [] if has_own or "healthcheck" in service else ["nobody asks whether it is well"]
    return [f"{name}: {one}" for one in wrong]


def _is_pinned(image: str) -> bool:
    return re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\S*", image) is not None


@pytest.mark.parametrize("name", ALL)
def test_a_service_is_hardened(name):
    assert faults(name, ALL[name]) == []


PLANTED = {
    "root": {"user": "0:0"},
    "can be written": {"read_only": False},
    "keeps capabilities": {"cap_drop": ["NET_RAW"]},
    "gains capabilities": {"cap_add": ["SYS_ADMIN"]},
    "may gain privileges": {"security_opt": []},
    "privileged": {"privileged": True},
    "shared with the host": {"network_mode": "host"},
    "a name of its own": {"hostname": "node"},
    "any number of processes": {"pids_limit": None},
    "not pinned": {"image": "dicom-node:latest"},
    "whether it is well": {"image": "other:1.0"},
}


@pytest.mark.parametrize("said", PLANTED)
def test_a_fault_in_a_service_is_seen(said):
    service = deepcopy(ALL["node"]) | PLANTED[said]
    assert any(said in fault for fault in faults("node", service))


def test_our_images_bear_the_version_of_the_program_and_are_built_from_this_folder():
    for service in ALL.values():
        name, _, tag = service["image"].partition(":")
        if name in OURS:
            assert tag == __version__
            assert (DOCKER / service["build"]["context"]).resolve() == ROOT
            assert (ROOT / service["build"]["dockerfile"]).is_file()
        else:
            assert "build" not in service


def test_what_is_mounted_is_here_or_declared():
    declared = read("compose.yaml")
    for name, service in ALL.items():
        for mount in service.get("volumes", []):
            source, _, rest = mount.partition(":")
            if source.startswith("."):
                assert (DOCKER / source).exists(), f"{name}: {source}"
                assert rest.endswith(":ro"), f"{name}: {source} can be written"
            else:
                assert source in declared["volumes"]
        assert set(service.get("networks", [])) <= set(declared["networks"])
        assert set(service.get("secrets", [])) <= set(declared["secrets"])


def test_nobody_but_who_has_to_reaches_the_world():
    inside = {name for name, one in ALL.items() if one["networks"] == ["inside"]}
    assert read("compose.yaml")["networks"]["inside"]["internal"] is True
    assert inside == {"database", "worker", "worker-gpu", "trainer"}


def test_only_dicom_is_offered_to_other_hosts():
    offered = {port for one in ALL.values() for port in one.get("ports", [])}
    assert {port for port in offered if not port.startswith("127.0.0.1:")} == {"11112:11112"}


def test_secrets_are_files_that_git_does_not_take():
    names = [one["file"] for one in read("compose.yaml")["secrets"].values()]
    assert all(name.startswith("./secrets/") for name in names)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/docker/secrets/" in ignored
    text = "".join((DOCKER / file).read_text() for file in FILES)
    assert not re.search(r"PASSWORD: |PGPASSWORD", text)


def test_the_node_s_own_loader_reads_the_configuration():
    settings, catalogue, rules = load_all(DOCKER / "conf", {})
    assert settings.data == Path("/var/lib/dicom-node")
    assert {mount.partition(":")[2] for mount in ALL["node"]["volumes"]} == {
        "/etc/dicom-node:ro", str(settings.data), BACKUPS,
    }  # fmt: skip
    assert [rule.destinations for rule in rules] == [("pacs",)]
    assert settings.file.worker.count == 0, "the image of the node has no torch"
    assert f"{settings.file.listen.port}:11112" in ALL["node"]["ports"]
    assert settings.file.database.url.endswith("@database/node")
    assert catalogue.tasks


def major(image: str) -> str:
    """Return the major version of PostgreSQL that an image has."""
    (found,) = re.findall(r"^postgres:(\d+)\.", image)
    return found


def clients(dockerfile: str) -> dict[str, list[str]]:
    """Return the major versions of PostgreSQL's client that are installed, and that are found."""
    return {
        "installed": re.findall(r"postgresql-client-(\d+)", dockerfile),
        "on the PATH": re.findall(r"^ENV PATH=\S*/usr/lib/postgresql/(\d+)/bin", dockerfile, re.M),
    }


def test_the_node_has_the_pg_dump_of_its_server():
    """One that is older than the server refuses, and there is no backup."""
    server = major(ALL["database"]["image"])
    wanted = {"installed": [server], "on the PATH": [server]}
    text = (DOCKER / "node.Dockerfile").read_text()
    assert clients(text) == wanted
    assert clients(text.replace("postgresql-client-17", "postgresql-client")) != wanted
    assert major("postgres:18.1-bookworm@sha256:00") != server


def test_a_backup_has_a_place_that_the_node_may_write_and_the_page_names_it():
    text = (DOCKER / "node.Dockerfile").read_text()
    assert f"backup:{BACKUPS}" in ALL["node"]["volumes"]
    (owned,) = re.findall(r"install -d -o node -g node -m 0700 (.*)", text)
    assert BACKUPS in owned.split(), "a new volume has the owner of the folder in the image"
    page = (ROOT / "docs" / "howto" / "docker.md").read_text()
    assert f"backup {BACKUPS}\n" in page
    assert f"restore {BACKUPS}/" in page


def test_the_health_check_asks_a_peer_that_the_configuration_has():
    settings = load_settings(DOCKER / "conf", {})
    (itself,) = [peer for peer in settings.peers if peer.name == "itself"]
    assert (itself.host, itself.port) == ("127.0.0.1", settings.file.listen.port)
    assert itself.ae_title == settings.file.node.ae_title
    assert itself.may == ("echo",)
    assert '"peers", "echo", "itself"' in (DOCKER / "node.Dockerfile").read_text()


def test_node_and_test_pacs_know_each_other():
    settings = load_settings(DOCKER / "conf", {})
    (pacs,) = [peer for peer in settings.peers if peer.name == "pacs"]
    orthanc = json.loads((DOCKER / "orthanc.json").read_text())
    assert (pacs.host, pacs.port) == ("pacs", orthanc["DicomPort"])
    assert pacs.host in services("compose.test.yaml")
    assert pacs.ae_title == orthanc["DicomAet"]
    known = orthanc["DicomModalities"]["node"]
    node = settings.file
    assert (known["AET"], known["Host"], known["Port"]) == (
        node.node.ae_title,
        "node",
        node.listen.port,
    )


def test_environment_keys_of_ours_are_keys_of_node_toml():
    for service in ALL.values():
        ours = {key: str(value) for key, value in service.get("environment", {}).items()}
        load_settings(DOCKER / "conf", ours)


def compose() -> list[str]:
    """Return a compose program that answers, as words; skip where none does."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]) is None:
            continue
        asked = subprocess.run([*words, "version"], check=False, capture_output=True)
        if asked.returncode == 0:
            return words
    pytest.skip("neither 'docker compose' nor 'docker-compose' answers here")


@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=" and ".join)
def test_compose_itself_understands_the_files(files, tmp_path):
    words = compose()
    shutil.copytree(DOCKER, tmp_path / "docker")
    (tmp_path / "docker" / "secrets").mkdir(exist_ok=True)
    for name in ("database_password", "pgpass", "metrics_token"):
        (tmp_path / "docker" / "secrets" / name).touch()
    named = [word for file in files for word in ("-f", str(tmp_path / "docker" / file))]
    done = subprocess.run(
        [*words, *named, "--profile", "cpu", "--profile", "gpu", "--profile", "train", "config"],
        check=False, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(services(*files))
