"""Real series of many vendors: verdicts, reasons and labels against those of the manifest."""

import json
from pathlib import Path

import pytest

from dicom_node.series import OwnIdentity, examine, fits
from engine.reason import Code

PAGE = Path(__file__).parents[3] / "docs/reference/acceptance.md"

SAME_AS = {
    "duplicate_positions": "GEOM_DUPLICATE MULTI_ECHO MULTI_PHASE DIFFUSION",
    "multiple_echo_times": "MULTI_ECHO",
    "nonuniform_spacing": "GEOM_SPACING GEOM_GAP",
    "gantry_tilt_shear": "GEOM_TILT",
    "mixed_orientation": "GEOM_ORIENTATION",
    "single_position": "GEOM_SINGLE",
    "missing_geometry": "GEOM_MISSING",
    "mosaic": "MOSAIC",
    "localizer": "LOCALIZER",
    "derived_image": "DERIVED",
    "color": "COLOUR",
    "not_an_image": "NOT_AN_IMAGE",
    "modality_not_MR": "SEQUENCE_WRONG NOT_AN_IMAGE",
    "sequence_not_T1": "SEQUENCE_WRONG SEQUENCE_UNKNOWN SEQUENCE_CONFLICT NOT_AN_IMAGE",
    "too_few_slices": "TOO_FEW_SLICES",
    "anatomy_outside_head": "ANATOMY_WRONG ANATOMY_UNKNOWN NOT_AN_IMAGE",
}
"""The manifest's words, and the codes of which one at least says the same."""
LABELS = {
    "PD+T2": "MIXED",
    "BOLD_EPI": "EPI",
    "FIELDMAP_PHASE": "FIELD_MAP",
    "MULTIECHO_T2": "MAPPING",
    "CT_LOCALIZER": "LOCALIZER",
}


@pytest.fixture(scope="module")
def judged(data, contract):
    """Each series of the manifest with its findings and the reasons against the task."""
    items = json.loads((data / "manifest.json").read_text(encoding="utf-8"))["items"]
    found = {}
    for item in items:
        if item["kind"] == "series":
            files = sorted(path for path in (data / item["path"]).rglob("*") if path.is_file())
            findings = examine(files, OwnIdentity())
            found[item["id"]] = (item, findings, fits(findings, contract))
    return found


def differences(judged):
    """(series, what) for everything that the manifest says and the node does not."""
    for name, (item, findings, reasons) in judged.items():
        codes = {reason.code for reason in reasons}
        truth = item["expected"]["sequence"]
        if LABELS.get(truth, truth) != findings.label:
            yield name, f"label {truth}, not {findings.label}"
        for entry in item["acceptance"]["mr_to_ct"]["reasons"]:
            word = entry.partition(":")[0]
            if not codes & {Code(code) for code in SAME_AS[word].split()}:
                yield name, f"no reason for {word}"


def argued():
    """The rows of the table of differences on the reference page."""
    text = PAGE.read_text(encoding="utf-8").partition("## Differences from the manifest")[2]
    for line in text.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("| ").split(" | ")]
        if line.startswith("| `") and len(cells) == 3:
            yield tuple(cells)


def test_exactly_the_series_that_the_manifest_accepts_are_given_to_the_task(judged):
    wanted = {
        name
        for name, (item, _, _) in judged.items()
        if item["acceptance"]["mr_to_ct"]["verdict"] == "accept"
    }
    assert len(wanted) == 2
    assert {name for name, (_, _, reasons) in judged.items() if not reasons} == wanted


def test_what_is_accepted_is_one_sound_volume(judged):
    for _, findings, reasons in judged.values():
        if not reasons:
            assert findings.verdict == "accept"
            assert findings.label == "T1"
            assert findings.chosen.grid.shape[0] == findings.slices


def test_every_difference_from_the_manifest_is_argued_on_the_page(judged):
    found = set(differences(judged))
    rows = {(series, what) for series, what, _ in argued()}
    assert found - rows == set()
    assert rows - found == set(), "these rows tell of differences that are no more"


def test_every_row_of_differences_gives_an_argument():
    rows = list(argued())
    assert rows
    assert all(len(why) > 20 for _, _, why in rows)


def test_the_page_has_every_reason_code_once():
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("## Reason codes")[2].partition("## ")[0]
    codes = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert codes == [code.value for code in Code]


def test_reasons_name_no_patient(judged):
    for _, findings, reasons in judged.values():
        for keyword in ("PatientName", "PatientID", "PatientBirthDate"):
            value = str(findings.header.get(keyword, ""))
            if len(value) > 4 and value != "phantom":  # a word of ours, too
                assert not any(value in reason.text for reason in reasons)


def test_objects_of_the_parser_suite_are_judged_and_none_is_accepted(data, contract):
    folder = data / "encodings"
    for path in sorted(folder.glob("pydicom_*/*")):
        findings = examine([path], OwnIdentity())
        assert findings.verdict == "refuse", path.name
        assert fits(findings, contract), path.name
