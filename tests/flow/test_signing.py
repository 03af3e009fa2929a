"""Only what signed models made reaches a clinical destination; what was tampered with runs not."""

import json
from io import BytesIO

import pytest
from pydicom import dcmread

from tests.support.bundle import write_bundle
from tests.support.gated import let_pass
from tests.support.mr import MrSeries
from tests.support.node import is_receipted
from tests.support.sender import send
from tests.support.signing import flip, make_keys

BY = ("--by", "Anna")


def states(answer: dict) -> list[str]:
    return [job["state"] for job in answer["jobs"]]


def has_ended(answer: dict) -> bool:
    jobs = states(answer)
    return bool(jobs) and set(jobs) <= {"done", "failed"}


def is_refused(answer: dict) -> bool:
    return [one["state"] for one in answer["deliveries"]] == ["failed"]


def sent(node, name: str) -> MrSeries:
    series = MrSeries(seed=name)
    send(node.port, series.datasets())
    return series


def test_from_unsigned_to_signed_to_tampered(start, orthanc, tmp_path):
    ward = orthanc.peer(use="clinical", ask=["find"])
    folder = tmp_path / "node0" / "conf"
    keys = make_keys(folder)
    node = start(peers=[ward], extra={"models": {"keys": ["site.pem"]}})

    first = sent(node, "unsigned")
    (refused,) = node.until(first.study_uid, is_refused)["deliveries"]
    assert refused["error"].startswith("MODEL_UNSIGNED: pacs is for clinical use")
    assert orthanc.series() == {}, "nothing has left"

    first.write(tmp_path / "head-1")
    task = ("--task", "ct_from_mr")
    node.command("models", "golden", "tiny@1.0.0", str(tmp_path / "head-1"), *task, *BY)
    node.command("models", "sign", "tiny@1.0.0", *BY, "--key", str(keys.private))
    node.command("peers", "resend", first.study_uid, "pacs")
    node.until(first.study_uid, is_receipted)
    ((series_uid, instances),) = orthanc.series().items()
    ds = dcmread(BytesIO(orthanc.file(instances[0])))
    assert (series_uid != first.series_uid, ds.ContentQualification) == (True, "RESEARCH")

    flip(folder / "models" / "tiny" / "contract.json")
    second = sent(node, "tampered")
    (job,) = node.until(second.study_uid, has_ended)["jobs"]
    assert (job["state"], job["reasons"][0]["code"]) == ("failed", "MODEL_TAMPERED")
    assert len(orthanc.series()) == 1


@pytest.mark.slow
def test_versions_are_switched_and_back_while_the_node_runs(start, orthanc, tmp_path):
    node = start(peers=[orthanc.peer()])
    stick = write_bundle(tmp_path / "stick" / "tiny", seed=8, version="2.0.0")
    let_pass(stick)

    def model(name: str) -> dict:
        answer = node.until(sent(node, name).study_uid, has_ended)
        assert states(answer) == ["done"], json.dumps(answer["jobs"])
        return answer["jobs"][0]["model"]

    before = model("a")
    node.command("models", "add", str(stick))
    assert model("b") == before, "what was added is not used yet"
    node.command("models", "activate", "tiny@2.0.0")
    assert model("c")["version"] == "2.0.0"
    node.command("models", "rollback", "tiny")
    assert model("d") == before
