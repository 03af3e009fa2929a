"""Whatever is shown of a configuration, in pages, examples and containers, the node takes."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from dicom_node.app.build import load_all
from dicom_node.cohort import Cohort, read_cohort
from dicom_node.settings import NodeFile, PeersFile
from tests.support.node import toml_lists
from tests.support.signing import make_keys
from train.config import Cohort as People
from train.sections import section
from train.verdict import read_gate_file

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r"^\[", re.MULTILINE)
RECIPE = re.compile(r"^cp conf/train/([\w-]+)\.toml conf/train/([\w-]+)\.toml$", re.MULTILINE)
BLOCK = re.compile(r"```toml\n(.*?)```", re.DOTALL)
COHORT, GATE, PEOPLE = "cohort.toml", "gate.toml", "people.toml"
OWN = (COHORT, GATE, PEOPLE)
"""Files of their own, which no folder of a node holds."""
NAMED = ("pacs", "planning", "research")
"""Peers that pages name without showing them."""


def blocks(page: Path) -> list[str]:
    """Return the tables that a page shows; a single key to put into one is none."""
    return [text for text in BLOCK.findall(page.read_text(encoding="utf-8")) if TABLE.search(text)]


PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md"))
         if "generated" not in page.parts and blocks(page)]  # fmt: skip


def file_of(text: str) -> str:
    """Return the file that a table belongs to."""
    keys = set(tomllib.loads(text))
    places = {
        "node.toml": set(NodeFile.model_fields),
        "peers.toml": set(PeersFile.model_fields),
        "rules/shown.toml": {"rule"},
        COHORT: set(Cohort.model_fields),
        GATE: {"changes", "proof", "impact"},
        PEOPLE: {"cohort"},
    }
    (found,) = [name for name, known in places.items() if keys <= known]
    return found


def written(texts: list[str], folder: Path) -> Path:
    """Write tables as one configuration, with the peers that they take for granted."""
    (folder / "rules").mkdir(parents=True)
    for number, text in enumerate(texts):
        name = file_of(text)
        name = f"{number}-{name}" if name in OWN else name
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
    peers = folder / "peers.toml"
    shown = tomllib.loads(peers.read_text()).get("peer", []) if peers.is_file() else []
    missing = set(NAMED) - {peer["name"] for peer in shown}
    with peers.open("a", encoding="utf-8") as file:
        file.write("\n" + toml_lists([("peer", peer(name)) for name in sorted(missing)]))
    return folder


def put_models(page: Path, folder: Path) -> None:
    """Have the models that the reader of a page makes, beside those that are shipped."""
    made = RECIPE.findall(page.read_text(encoding="utf-8"))
    for room in ("models", "tasks") if made else ():
        shutil.copytree(ROOT / "conf" / room, folder / room)
    for like, name in made:
        shutil.copytree(folder / "models" / like, folder / "models" / name)


def put_keys(folder: Path) -> None:
    """Have the public keys that the reader of a page makes where the page says."""
    node = folder / "node.toml"
    shown = tomllib.loads(node.read_text()).get("models", {}) if node.is_file() else {}
    for name in shown.get("keys", []):
        make_keys((folder / name).parent, Path(name).stem)


def peer(name: str) -> dict:
    return {"name": name, "ae_title": name.upper(), "host": "127.0.0.1", "port": 104,
            "may": ["store"], "ask": ["find", "move"]}  # fmt: skip


def test_pages_show_configurations():
    assert {"tls.md", "receipt.md", "rule.md", "web.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_is_taken(page, tmp_path):
    folder = written(blocks(page), tmp_path / "conf")
    put_models(page, folder)
    put_keys(folder)
    _, catalogue, _ = load_all(folder, {})
    for cohort in folder.glob(f"*-{COHORT}"):
        assert read_cohort(cohort).task in catalogue.tasks
    for gate in folder.glob(f"*-{GATE}"):
        assert (ROOT / "conf/models" / read_gate_file(gate).changes.model).is_dir()
    for people in folder.glob(f"*-{PEOPLE}"):
        section(People, tomllib.loads(people.read_text("utf-8"))["cohort"], people.name)


def test_what_a_page_shows_wrongly_is_seen(tmp_path):
    with pytest.raises(ValueError, match="unpack"):
        written(["[lisen]\nport = 1"], tmp_path / "conf")


@pytest.mark.parametrize("folder", ["conf", "docker/conf"])
def test_a_folder_that_is_shipped_is_taken(folder):
    load_all(ROOT / folder, {})


def test_the_peers_of_the_examples_are_taken(tmp_path):
    for number, path in enumerate(sorted((ROOT / "examples").rglob("peers.toml"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(path, folder)
        settings, _, _ = load_all(folder, {})
        assert settings.peers
    assert any(tmp_path.iterdir())
