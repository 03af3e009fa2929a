"""Commands of models: added, kept golden cases of, signed, switched, and checked."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from dicom_node.app import open_node
from dicom_node.app.clock import utc_now
from dicom_node.catalogue import load_catalogue
from dicom_node.cli import main
from dicom_node.cli.models.known import model_of
from dicom_node.models import Activations, Evidence, Signings
from dicom_node.signature import FILE, sign
from tests.support.bundle import write_bundle
from tests.support.gated import QUALITY, hold, limits, put_gate, refuse
from tests.support.mr import MrSeries
from tests.support.node import NodeConf
from tests.support.signing import flip, make_keys
from tests.support.trail import told_in

WARD = {"name": "ward", "ae_title": "WARD", "host": "127.0.0.1", "port": 1, "use": "clinical"}
CLINIC = {**WARD, "name": "clinic", "ae_title": "CLINIC"}
BY = ("--by", "Anna")


class Site:
    """A node that was never served, two clinical destinations and a key of its own."""

    def __init__(self, folder) -> None:
        self.folder = folder
        conf = NodeConf(folder / "node", extra={"models": {"keys": ["site.pem"]}})
        conf.peers += [WARD, CLINIC]
        self.conf = conf.write()
        self.data = folder / "node" / "var"
        self.keys = make_keys(self.conf)
        self.models = self.conf / "models"
        assert self("tokens", "create", "viewer", "--scope", "read").exit_code == 0
        self.series = MrSeries()
        self.series.write(self.head)

    def __call__(self, *words: object):
        return CliRunner().invoke(main, ["--conf", str(self.conf), *map(str, words)])

    def done(self, *words: object) -> str:
        found = self(*words)
        assert found.exit_code == 0, found.output
        return found.output

    def refused(self, *words: object) -> str:
        found = self(*words)
        assert found.exit_code == 1, found.output
        assert "Traceback" not in found.output
        return found.output

    @property
    def head(self):
        return self.folder / "head-1"

    def golden(self, *words: object) -> None:
        task = ("--task", "ct_from_mr")
        self.done("models", "golden", "tiny@1.0.0", self.head, *task, *BY, *words)

    def newer(self, version="2.0.0"):
        """A bundle of another version, on a stick; it has no limits."""
        return write_bundle(self.folder / "stick" / "tiny", seed=8, version=version)

    def sign(self) -> tuple[object, ...]:
        return ("models", "sign", "tiny@1.0.0", *BY, "--key", self.keys.private)

    def give(self, values: dict | None) -> None:
        """Give the model other limits, or none."""
        write_bundle(self.models / "tiny")
        (self.models / "tiny" / FILE).unlink(missing_ok=True)
        if values is not None:
            put_gate(self.models / "tiny", values)

    def signed(self) -> set[str]:
        node = open_node(self.conf, {})
        with node.database.reading() as session:
            found = {place for _, place in Signings(session).everything()}
        node.database.close()
        return found

    def used(self) -> str | None:
        node = open_node(self.conf, {})
        with node.database.reading() as session:
            found = Activations(session).current().get("tiny")
        node.database.close()
        return found and found.model.version

    def told(self) -> list[str]:
        told = told_in(self.data / "audit")
        return [
            text
            for one in told
            if one.kind == "Software Configuration"
            for text in one.details.values()
        ]


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


def key(site) -> tuple[str, object]:
    return "--key", site.keys.private


def test_a_model_is_signed_for_clinical_use_once_its_golden_case_comes_out_as_kept(site):
    site.golden()
    said = site.done("models", "sign", "tiny@1.0.0", *BY, "--for", "ward", *key(site))
    assert "golden case head-1: the same, voxel by voxel" in said
    assert "tiny@1.0.0 is signed for ward" in said
    assert site.signed() == {"ward"}
    (model,) = json.loads(site.done("models", "list", "--json"))
    assert (model["signed_for"], model["signature"], model["active"]) == (["ward"], "present", True)
    assert any("Anna signed tiny@1.0.0, sha256:" in text for text in site.told())
    site.done("models", "sign", "tiny@1.0.0", *BY)
    assert site.signed() == {"ward", "clinic"}, "without --for: all that are clinical"


def test_the_key_stays_where_it_is_and_its_signature_can_be_made_elsewhere(site):
    site.golden()
    said = site.refused("models", "sign", "tiny@1.0.0", *BY)
    assert "MODEL_UNSIGNED: bundle tiny has no signature.json" in said
    other = make_keys(site.folder, "other")
    said = site.refused("models", "sign", "tiny@1.0.0", *BY, "--key", other.private)
    assert "does not count here; name its public key in [models] keys first" in said
    assert (site.signed(), (site.models / "tiny" / "signature.json").exists()) == (set(), False)


def test_a_model_without_limits_is_not_signed_and_how_limits_are_set_is_told(site):
    site.give(None)
    site.golden()
    said = site.refused(*site.sign())
    assert (
        "QC_FAILED: nothing is known about what results of tiny@1.0.0 look like: it has no limits "
        "to hold them against; 'dicom-train calibrate RECIPE BUNDLE --data PAIRS' sets limits on "
        "held-out subjects; only a model with limits is signed for clinical use\n"
    ) in said
    assert site.signed() == set()
    (model,) = json.loads(site.done("models", "list", "--json"))
    assert model["limits"] == "QC_FAILED"
    assert "limits: QC_FAILED: nothing is known" in site.done("models", "verify")


def test_a_model_with_limits_of_other_weights_is_not_signed_and_verify_names_both(site):
    other, own = "ab" * 32, load_catalogue(site.conf).models["tiny"].weights_sha256
    site.give({**limits(), "calibrated_on": {"weights": other}})
    site.golden()
    both = f"its limits were set on weights {other[:16]}…, its own are {own[:16]}…"
    assert both in site.refused(*site.sign())
    (model,) = json.loads(site.done("models", "verify", "--files-only", "--json"))
    assert (model["limits"]["state"], both in model["limits"]["text"]) == ("QC_FAILED", True)
    assert site.signed() == set()


def test_a_golden_case_that_the_gates_would_hold_is_told_and_keeps_a_model_unsigned(site):
    site.give(limits({"noise": hold(0.9, 9)}, {"p50": hold(-9000, -2000)}))
    words = ("models", "golden", "tiny@1.0.0", site.head, "--task", "ct_from_mr", *BY)
    said = site.done(*words)
    assert "HELD: OUT_OF_DISTRIBUTION: the noise, as a share of the bright end (noise) is" in said
    assert "tiny@1.0.0 is not signed for clinical use as long as it has this case" in said
    said = site.refused(*site.sign())
    assert "golden case head-1 of tiny@1.0.0 would be held: OUT_OF_DISTRIBUTION: the noise" in said
    assert "(noise) is" in said
    assert "0.9 to 9 is wanted; QC_FAILED: the median of the body in HU (p50) is" in said
    assert "-9000 to -2000 is wanted; set the limits on subjects like it, or delete the" in said
    assert site.signed() == set()
    said = site.done("models", "verify")
    assert "golden case head-1: HELD: the same, voxel by voxel" in said
    assert "it would be held: QC_FAILED: the median" in said
    (model,) = json.loads(site.done("models", "verify", "--json"))
    (case,) = model["golden"]
    assert (case["passed"], len(case["held"]), model["limits"]["state"]) == (True, 2, "ok")


@pytest.mark.parametrize("tolerance", ["inf", "nan", "11"])
def test_a_golden_case_that_would_pass_whatever_is_made_is_none(site, tolerance):
    words = ("models", "golden", "tiny@1.0.0", site.head, "--task", "ct_from_mr", *BY)
    said = site.refused(*words, "--tolerance", tolerance)
    assert f"a tolerance of {tolerance}; 0 to 10 is wanted" in said
    site.golden()
    (case,) = (site.conf.parent / "var").rglob("case.json")
    about = json.loads(case.read_text())
    case.write_text(json.dumps({**about, "tolerance": float(tolerance)}))
    assert f"a tolerance of {tolerance}; 0 to 10" in site.refused("models", "verify")


def test_a_golden_case_that_cannot_be_kept_is_one_line(site):
    (site.conf.parent / "var" / "golden").write_text("something else")
    words = ("models", "golden", "tiny@1.0.0", site.head, "--task", "ct_from_mr", *BY)
    assert "cannot be written: Not a directory" in site.refused(*words)


@pytest.mark.parametrize("name", ["contract.json", "quality.json", "signature.json"])
def test_a_file_that_is_nothing_but_brackets_is_one_line(site, name):
    folder = site.models / "tiny"
    (folder / name).write_text("[" * 200_000)
    for words in (("models", "list"), ("models", "verify", "--files-only")):
        found = site(*words)
        assert isinstance(found.exception, SystemExit | None), found.output
        assert "Traceback" not in found.output


def test_a_golden_case_that_the_gates_refuse_has_failed(site):
    site.golden()
    site.give(limits({"noise": refuse(0.9, 9)}))
    said = site.refused(*site.sign())
    assert "golden case head-1 of tiny@1.0.0 failed: OUT_OF_DISTRIBUTION: the noise" in said
    assert site.signed() == set()


@pytest.mark.parametrize("values", [None, limits({"noise": hold(0.9, 9)})])
def test_what_was_signed_before_and_would_not_be_today_is_no_longer_verified(site, values):
    site.give(values)
    site.golden()
    node = open_node(site.conf, {})
    model = model_of(node.catalogue.models["tiny"])
    with node.database.transaction() as session:
        Signings(session).sign(model, "ward", "Anna", Evidence("", ""), utc_now())
    node.database.close()
    found = site("models", "verify")
    assert found.exit_code == 1
    assert "signed for ward, which it would not be today" in found.output


@pytest.mark.parametrize("change", ["one byte", "gone"])
def test_limits_that_are_not_those_that_the_contract_names_are_not_verified(site, change):
    path = site.models / "tiny" / QUALITY
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    found = site("models", "verify", "--json")
    (model,) = json.loads(found.output)
    state, code = {"gone": ("MODEL_MISSING", "MODEL_MISSING")}.get(
        change, ("tampered", "MODEL_TAMPERED")
    )
    assert (found.exit_code, model["state"], model["limits"]["state"]) == (1, state, code)
    assert QUALITY in model["text"]
    assert code in site.refused(*site.sign())


def test_who_activates_a_model_without_limits_is_told_what_follows(site):
    site.done("models", "add", site.newer())
    said = site.done("models", "activate", "tiny@2.0.0")
    assert "every result of it is held: QC_FAILED: nothing is known about what results" in said


def test_without_a_golden_case_nothing_is_signed(site):
    said = site.refused("models", "sign", "tiny@1.0.0", *BY, *key(site))
    assert "has no golden case; 'dicom-node models golden tiny@1.0.0 FOLDER' keeps one" in said
    assert site.signed() == set()


@pytest.fixture
def other_result(site):
    """The golden case was made by other software: every voxel is half a unit away."""
    site.golden("--tolerance", "0.1")
    (expected,) = (site.data / "golden").rglob("expected.npy")
    np.save(expected, np.load(expected) + np.float32(0.5))
    return expected.parent


def test_a_golden_case_that_comes_out_otherwise_keeps_a_model_from_being_signed(site, other_result):
    said = site.refused("models", "sign", "tiny@1.0.0", *BY, *key(site))
    assert "golden case head-1 of tiny@1.0.0 failed: a voxel is 0.5 away" in said
    assert site.signed() == set()
    found = site("models", "verify")
    assert found.exit_code == 1
    assert "golden case head-1: FAILED: a voxel is 0.5 away" in found.output
    case = json.loads((other_result / "case.json").read_text())
    (other_result / "case.json").write_text(json.dumps({**case, "tolerance": 1.0}))
    assert "head-1: a voxel is 0.5 away from what was kept, 1 is allowed" in site.done(
        "models", "sign", "tiny@1.0.0", *BY, *key(site)
    )


def test_a_golden_case_is_of_a_study_that_the_model_takes(site):
    for path in site.head.iterdir():
        if path.stem > "0008":
            path.unlink()
    said = site.refused("models", "golden", "tiny@1.0.0", site.head, "--task", "ct_from_mr", *BY)
    assert "TOO_FEW_SLICES" in said
    assert not (site.data / "golden").exists()


def test_a_golden_case_is_never_replaced_and_holds_patients(site):
    site.golden()
    words = ("models", "golden", "tiny@1.0.0", site.head, "--task", "ct_from_mr", *BY)
    assert "has a golden case 'head-1' already" in site.refused(*words)
    assert (site.data / "golden" / "tiny@1.0.0").stat().st_mode & 0o077 == 0
    odd = site.head.rename(site.head.with_name("Doe^John"))
    assert "cannot name a golden case" in site.refused(*words[:3], odd, *words[4:])
    other = odd.rename(odd.with_name("head-2"))
    assert "there is no task 'x'" in site.refused(*words[:3], other, "--task", "x", *BY)


@pytest.mark.parametrize("name", ["contract.json", "configs/inference.json", "card.md"])
def test_one_changed_byte_after_signing_is_refused_everywhere(site, name):
    (site.models / "tiny" / "card.md").write_text("# A model\n")
    site.golden()
    site.done("models", "sign", "tiny@1.0.0", *BY, *key(site))
    path = site.models / "tiny" / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1).replace(b"A model", b"B model"))
    found = site("models", "verify", "--json")
    (model,) = json.loads(found.output)
    assert (found.exit_code, model["state"]) == (1, "tampered")
    assert name in model["text"]
    assert "MODEL_TAMPERED" in site.refused("models", "sign", "tiny@1.0.0", *BY)


def test_one_changed_byte_of_the_weights_is_refused_without_any_signature(site):
    site.golden()
    flip(site.models / "tiny" / "models" / "model.safetensors")
    found = site("models", "verify")
    assert (found.exit_code, "MODEL_TAMPERED" in found.output) == (1, True)
    assert "MODEL_TAMPERED" in site.refused("models", "sign", "tiny@1.0.0", *BY, *key(site))
    assert not (site.models / "tiny" / "signature.json").exists()


def test_a_check_of_the_rules_says_who_gets_nothing_until_somebody_signs(site):
    said = site.done("rules", "check")
    assert "Warning: rule sct-head: MODEL_UNSIGNED: ward is for clinical use, and tiny@1.0" in said
    site.golden()
    site.done("models", "sign", "tiny@1.0.0", *BY, *key(site))
    assert "Warning" not in site.done("rules", "check")


def test_a_check_of_the_rules_says_that_a_model_is_recalled(site):
    site.done("models", "recall", "tiny@1.0.0", *BY, "--why", "wrong skulls")
    said = site.done("rules", "check")
    assert "Warning: rule sct-head: MODEL_RECALLED: model tiny 1.0.0 was recalled by" in said
    assert "activate another version" in said


def test_what_nobody_signed_is_verified_as_unsigned(site):
    assert "tiny@1.0.0: unsigned: bundle tiny has no signature.json" in site.done(
        "models", "verify"
    )


def test_only_destinations_of_clinical_use_are_signed_for(site):
    said = site.refused("models", "sign", "tiny@1.0.0", *BY, "--for", "scanner")
    assert "no destination 'scanner' is for clinical use in peers.toml; there are: clinic" in said


def test_a_model_that_is_not_there_is_named_with_those_that_are(site):
    for words in (("sign", "tiny", *BY), ("activate", "tiny@9"), ("verify", "none@1")):
        assert "there is no model" in site.refused("models", *words)
    assert "there is no model 'none'" in site.refused("models", "rollback", "none")


def test_a_version_is_added_beside_the_others_and_used_once_it_is_activated(site):
    said = site.done("models", "add", site.newer())
    assert "'dicom-node models activate tiny@2.0.0' uses it" in said
    assert site.used() is None
    site.done("models", "activate", "tiny@2.0.0")
    assert site.used() == "2.0.0"
    assert "tiny@2.0.0 *:" in site.done("models", "list")
    site.done("models", "rollback", "tiny")
    assert site.used() == "1.0.0"
    assert "no version of tiny was used before" in site.refused("models", "rollback", "tiny")
    for text in ("tiny@2.0.0 was added", "tiny@2.0.0 is used from now", "tiny@1.0.0 is used again"):
        assert any(text in one for one in site.told())


def test_a_version_that_was_recalled_is_neither_activated_nor_gone_back_to(site):
    site.done("models", "add", site.newer())
    site.done("models", "activate", "tiny@2.0.0")
    site.done("models", "recall", "tiny@1.0.0", *BY, "--why", "shifted", "--wait", "0")
    for words in (("activate", "tiny@1.0.0"), ("rollback", "tiny")):
        said = site.refused("models", *words)
        assert "model tiny 1.0.0 was recalled by" in said
        assert "use another version" in said
    assert site.used() == "2.0.0"


def test_the_list_says_which_version_is_recalled_by_whom_and_why(site):
    site.done("models", "add", site.newer())
    assert "RECALLED" not in site.done("models", "list")
    site.done("models", "recall", "tiny@1.0.0", *BY, "--why", "shifted", "--wait", "0")
    listed = {one["version"]: one for one in json.loads(site.done("models", "list", "--json"))}
    assert listed["2.0.0"]["recalled"] is None
    recalled = listed["1.0.0"]["recalled"]
    assert (recalled["by"], recalled["why"], set(recalled)) == (
        BY[1], "shifted", {"at", "by", "why"},
    )  # fmt: skip
    (line,) = [one for one in site.done("models", "list").splitlines() if "RECALLED" in one]
    assert line == f"    RECALLED by {BY[1]}, {recalled['at']}: shifted"


def test_a_model_of_a_new_name_lies_under_its_name(site):
    site.done("models", "add", write_bundle(site.folder / "stick" / "other"))
    assert set(load_catalogue(site.conf).models) == {"tiny", "other"}
    assert sorted(path.name for path in site.conf.iterdir() if path.is_dir()) == [
        "models", "rules", "tasks",
    ]  # fmt: skip


def test_one_version_has_one_content_for_ever(site):
    assert "one version has one content" in site.refused("models", "add", site.newer("1.0.0"))


def test_what_is_damaged_or_not_as_it_was_signed_does_not_come_in(site):
    stick = site.newer()
    flip(stick / "models" / "model.safetensors")
    assert "MODEL_TAMPERED" in site.refused("models", "add", stick)
    sound = site.newer("3.0.0")
    sign(sound, site.keys.private)
    (sound / "card.md").write_text("came later")
    assert "MODEL_TAMPERED: bundle tiny is not as it was signed" in site.refused(
        "models", "add", sound
    )
    assert sorted(path.name for path in site.models.iterdir()) == ["tiny"]


def test_links_do_not_come_in(site):
    stick = site.newer()
    (stick / "card.md").symlink_to("/etc/hostname")
    assert "card.md is a link" in site.refused("models", "add", stick)


def test_a_version_that_is_gone_is_not_gone_back_to(site):
    site.done("models", "add", site.newer())
    site.done("models", "add", site.newer("3.0.0"))
    site.done("models", "activate", "tiny@2.0.0")
    site.done("models", "activate", "tiny@3.0.0")
    shutil.rmtree(site.models / "tiny@2.0.0")
    assert "is not in models/ any more" in site.refused("models", "rollback", "tiny")
    assert site.used() == "3.0.0"


def test_a_version_that_does_other_work_is_not_activated(site):
    stick = site.newer()
    contract = json.loads((stick / "contract.json").read_text())
    contract["makes"] = "FLAIR"
    (stick / "contract.json").write_text(json.dumps(contract))
    inference = json.loads((stick / "configs" / "inference.json").read_text())
    inference["output"] = {"window": [0, 1], "outside": 0, "unit": "1"}
    (stick / "configs" / "inference.json").write_text(json.dumps(inference))
    site.done("models", "add", stick)
    said = site.refused("models", "activate", "tiny@2.0.0")
    assert "tiny@2.0.0 cannot be used: task ct_from_mr makes CT" in said
    assert site.used() is None


def test_the_first_model_of_a_site_brings_those_of_the_program_along(site, monkeypatch):
    """A folder of the site's own is taken alone: without them its tasks would lack theirs."""
    shutil.move(site.models, site.folder / "program")
    monkeypatch.setattr("dicom_node.catalogue.shipped", lambda _: site.folder / "program")
    site.done("models", "add", site.newer())
    assert sorted(path.name for path in site.models.iterdir()) == ["tiny", "tiny@2.0.0"]


def test_where_signatures_are_required_nothing_unsigned_comes_in_or_is_used(site):
    text = (site.conf / "node.toml").read_text()
    wanted = "[models]\nrequire_signature = true\n"
    (site.conf / "node.toml").write_text(text.replace("[models]\n", wanted))
    for words in (("add", site.newer()), ("activate", "tiny@1.0.0")):
        assert "MODEL_UNSIGNED" in site.refused("models", *words)
    assert not (site.models / "tiny" / FILE).exists()
