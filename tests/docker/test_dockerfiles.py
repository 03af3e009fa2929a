"""What a linter of Dockerfiles would say, and what this repository knows: paths and commands."""

import fnmatch
import json
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from dicom_node.cli import main as dicom_node
from train.cli import main as dicom_train
from train.journal import LOG

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
PROGRAMS = {"dicom-node": dicom_node, "dicom-train": dicom_train}
DOCS = ROOT / "docs" / "howto" / "docker.md"


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, its lines joined."""

    name: str
    text: str


def instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines()]


def faults(text: str) -> list[str]:
    """Return what is wrong with a Dockerfile, in words."""
    found = instructions(text)
    bases = [one.text.split()[0] for one in found if one.name == "FROM"]
    stages = [index for index, one in enumerate(found) if one.name == "FROM"]
    last = found[stages[-1] :]
    users = [one.text for one in last if one.name == "USER"]
    wrong = [f"{base} is not pinned by digest" for base in bases if not _is_pinned(base)]
    wrong += [] if users and re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]) else ["it runs as root"]
    names = [one.name for one in last]
    if "RUN" in names[names.index("USER") if "USER" in names else 0 :]:
        wrong.append("something is installed by the user that runs it")
    wrong += [] if "HEALTHCHECK" in names else ["no health check"]
    wrong += ["ADD"] * ("ADD" in names)
    secret = re.compile(r"password|secret|token", re.IGNORECASE)
    wrong += [f"a secret in {one.name}" for one in found
              if one.name in ("ENV", "ARG") and secret.search(one.text)]  # fmt: skip
    return wrong


def _is_pinned(base: str) -> bool:
    return re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+\S*@sha256:[0-9a-f]{64}", base) is not None


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_is_pinned_not_root_and_says_whether_it_is_well(path):
    assert faults(path.read_text()) == []


PLANTED = {
    "is not pinned by digest": (r"@sha256:\w+", ""),
    "it runs as root": ("USER 10001:10001", "USER root"),
    "by the user that runs it": ("USER 10001:10001", "USER 10001:10001\nRUN pip install x"),
    "no health check": ("HEALTHCHECK", "LABEL"),
    "ADD": ("VOLUME", "ADD https://example.org/x /x\nVOLUME"),
    "a secret in ENV": ("ENV PATH", "ENV PGPASSWORD=x PATH"),
}


@pytest.mark.parametrize("said", PLANTED)
def test_a_fault_in_a_dockerfile_is_seen(said):
    text = re.sub(*PLANTED[said], (ROOT / "docker" / "node.Dockerfile").read_text())
    assert any(said in fault for fault in faults(text))


def test_there_is_an_image_for_each_part():
    assert [path.name for path in DOCKERFILES] == [
        "node.Dockerfile", "train.Dockerfile", "worker.Dockerfile",
    ]  # fmt: skip


def copied() -> list[tuple[str, str]]:
    found = []
    for path in DOCKERFILES:
        for one in instructions(path.read_text()):
            if one.name == "COPY" and not one.text.startswith("--from"):
                found += [(path.name, source) for source in shlex.split(one.text)[:-1]]
    return found


@pytest.mark.parametrize(("name", "source"), copied())
def test_what_an_image_takes_is_here_and_sent_to_the_builder(name, source):
    assert (ROOT / source).exists()
    sent = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    assert any(fnmatch.fnmatch(source, one) or source.startswith(f"{one}/") for one in sent)


def test_nothing_is_sent_to_the_builder_that_is_not_asked_for():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line[0] == "!"} == {
        source.split("/")[0] for _, source in copied()
    }


def commands() -> list[list[str]]:
    """Return every command that a Dockerfile or the compose file runs of ours."""
    found = []
    for path in DOCKERFILES:
        entry: list[str] = []
        for one in instructions(path.read_text()):
            words = re.search(r"\[.*\]", one.text)
            if one.name == "ENTRYPOINT":
                entry = json.loads(one.text)
            elif one.name == "CMD":
                found.append([*entry, *json.loads(one.text)])
            elif one.name == "HEALTHCHECK" and words:
                found.append(json.loads(words[0]))
    return found


def resolved(words: list[str]) -> click.Command:
    """Return the command that words name; options are looked up, arguments counted."""
    command: click.Command = PROGRAMS[words[0]]
    context = click.Context(command, info_name=words[0])
    rest = words[1:]
    while isinstance(command, click.Group) and "--help" not in rest:
        _, rest, _ = command.make_parser(context).parse_args(list(rest))
        command = command.commands[rest[0]]
        context = click.Context(command, info_name=rest[0], parent=context)
        rest = rest[1:]
    if "--help" not in rest:
        command.make_parser(context).parse_args(list(rest))
    return command


@pytest.mark.parametrize("words", [one for one in commands() if one[0] != "sh"], ids=" ".join)
def test_a_command_of_an_image_is_one_that_the_program_has(words):
    resolved(words)


@pytest.mark.parametrize(
    "words",
    [["dicom-node", "peers", "echoo", "x"], ["dicom-node", "serve", "--nope"], ["dicom-nod"]],
    ids=" ".join,
)
def test_a_command_that_there_is_not_would_be_seen(words):
    with pytest.raises((KeyError, click.UsageError)):
        resolved(words)


def test_the_health_of_a_training_is_read_from_the_log_that_it_writes():
    (check,) = [one for one in commands() if one[0] == "sh"]
    assert f"-name {LOG} " in check[2]


def test_what_is_installed_besides_is_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    known = {_name(one) for one in [*project["dependencies"], *extras["engine"]]}
    for path in DOCKERFILES:
        text = " ".join(one.text for one in instructions(path.read_text()))
        (what,) = re.findall(r"--constraint constraints.txt (.*?) &&", text)
        first, *others = shlex.split(what)
        wanted = re.fullmatch(r"\.(\[([\w,]+)\])?", first)
        assert wanted
        assert set((wanted[2] or "").split(",")) - {""} <= set(extras)
        assert set(others) <= known


def _name(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement)[0]


def test_images_that_nobody_has_built_are_called_so():
    text = DOCS.read_text(encoding="utf-8")
    for path in DOCKERFILES:
        assert f"| `docker/{path.name}` | never built" in text
