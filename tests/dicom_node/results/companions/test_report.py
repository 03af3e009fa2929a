"""The structured report: its tree, as a reader of the template finds it."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from highdicom import sr

from dicom_node.results import make_series
from dicom_node.results.companions.found import answers, numbers
from tests.dicom_node.results.companions.conftest import read_back

YES, NO = "373066001", "373067005"


def group_of(making):
    ds = read_back(making, "report")
    report = sr.MeasurementReport.from_sequence([ds])
    (group,) = report.get_image_measurement_groups()
    return group


def evaluations(group):
    found = {one.name.value: one.value.value for one in group.get_qualitative_evaluations()}
    return {code: value for code, value in found.items() if code.startswith("SYN-")}


def held(making):
    """Return the result as if one figure of the gate had been out of its limits."""
    first, *rest = making.synthesis.checks
    out = replace(first, limit=(2.0, 3.0), verdict=type(first.verdict)("HOLD"))
    return replace(making, synthesis=replace(making.synthesis, checks=(out, *rest)))


def test_it_is_tid_1500_in_a_comprehensive_3d_sr(judged):
    ds = read_back(judged(), "report")
    assert ds.SOPClassUID.name == "Comprehensive 3D SR Storage"
    assert ds.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert ds.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert (ds.CompletionFlag, ds.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert ds.PreliminaryFlag == "PRELIMINARY"
    assert "FrameOfReferenceUID" not in ds
    assert "BodyPartExamined" not in ds


def test_it_says_what_was_measured_with_its_unit(judged):
    making = judged()
    found = {one.name.value: one for one in group_of(making).get_measurements()}
    assert set(found) == {"SYN-110", "SYN-111", "SYN-112", "SYN-113"}
    voxels = making.synthesis.spread.voxels
    body = voxels[voxels > 0]
    assert found["SYN-111"].value == pytest.approx(body.mean(), rel=1e-4)
    assert found["SYN-112"].value == pytest.approx(np.percentile(body, 95), rel=1e-4)
    assert found["SYN-112"].unit.value == "[hnsf'U]"
    outside = 1 - making.synthesis.inside.mean()
    assert found["SYN-113"].value == pytest.approx(outside, abs=1e-6)


def test_it_says_by_which_algorithm_on_which_images(judged):
    making = judged()
    group, model = group_of(making), making.synthesis.provenance.model
    texts = {item.name.value: item.value for item in group[0].ContentSequence
             if item.ValueType == "TEXT" and item.name.value != "111002"}  # fmt: skip
    assert (texts["111001"], texts["111003"]) == (model.name, model.version)
    parameters = [item.value for item in group[0].ContentSequence if item.name.value == "111002"]
    assert f"weights sha256:{model.weights}" in parameters
    named = [one.referenced_sop_instance_uid for one in group.source_images]
    assert named == [ds.SOPInstanceUID for ds in make_series(making).datasets]


def test_a_result_that_passes_its_gate_is_told_apart_from_one_that_is_held(judged):
    making = judged()
    assert evaluations(group_of(making))["SYN-130"] == YES
    assert evaluations(group_of(held(making)))["SYN-130"] == NO


def test_of_a_gate_that_is_not_there_nothing_is_said(making):
    group = group_of(making)
    assert set(evaluations(group)) == {"SYN-120", "SYN-121", "SYN-122"}
    assert {one.name.value for one in group.get_measurements()} == {"SYN-113"}
    assert {one.code for one in answers(making)} == {"SYN-120", "SYN-121", "SYN-122"}


def test_the_score_is_that_of_the_figure_that_is_nearest_to_its_limit(judged):
    making = judged()
    odd = {"unlike_outside": (3.0, (-inf, 2.0)), "grain_spread": (0.05, (0.2, inf))}
    checks = tuple(
        replace(one, figure=odd[one.name][0], limit=odd[one.name][1]) if one.name in odd else one
        for one in making.synthesis.checks
    )
    real = replace(making, synthesis=replace(making.synthesis, checks=checks))
    found = {one.name.value: one for one in group_of(real).get_measurements()}
    assert found["SYN-110"].value == pytest.approx(4.0)


def test_a_figure_that_is_no_number_is_left_out(judged):
    making = judged()
    checks = tuple(
        replace(one, figure=float("inf")) if one.name == "unlike_within" else one
        for one in making.synthesis.checks
    )
    endless = replace(making, synthesis=replace(making.synthesis, checks=checks))
    assert "SYN-110" not in {one.code for one in numbers(endless)}


def test_its_evidence_is_the_result_and_what_it_was_made_from(judged):
    making = judged()
    (study,) = read_back(making, "report").CurrentRequestedProcedureEvidenceSequence
    made = make_series(making)
    series = {
        one.SeriesInstanceUID: {ref.ReferencedSOPInstanceUID for ref in one.ReferencedSOPSequence}
        for one in study.ReferencedSeriesSequence
    }
    (source,) = making.sources
    assert series == {
        made.series_uid: {ds.SOPInstanceUID for ds in made.datasets},
        source.header.SeriesInstanceUID: {one.sop_instance_uid for one in source.frames},
    }


@pytest.mark.parametrize(("label", "wanted"), [("T1", "25056-3"), ("CBCT", "363679005")])
def test_the_procedure_is_one_that_the_template_knows(label, wanted, judged):
    making = judged()
    other = replace(making, sources=[replace(making.sources[0], label=label)])
    items = read_back(other, "report").ContentSequence
    (code,) = [item.ConceptCodeSequence[0] for item in items
               if item.ConceptNameCodeSequence[0].CodeValue == "121058"]  # fmt: skip
    assert code.CodeValue == wanted
