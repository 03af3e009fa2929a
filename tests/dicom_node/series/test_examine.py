"""Files into findings: whatever is in the files, in any order, in any state."""

import random

import pytest

from dicom_node.series import OwnIdentity, examine, fits
from train.phantom.vendors import style


def test_no_file_is_no_image():
    findings = examine([], OwnIdentity())
    assert [reason.code for reason in findings.reasons] == ["NOT_AN_IMAGE"]
    assert (findings.label, findings.chosen, findings.slices) == ("UNKNOWN", None, 0)


def test_a_file_that_is_not_dicom_spoils_the_series_and_is_counted(tmp_path, written, contract):
    junk = tmp_path / "junk"
    junk.write_bytes(b"not dicom at all")
    files = [*written(style("siemens-ve-mprage")), junk]
    findings = examine(files, OwnIdentity())
    assert findings.instances == len(files)
    assert [reason.code for reason in findings.reasons] == ["NOT_AN_IMAGE"]
    assert fits(findings, contract) == findings.reasons


def test_a_missing_file_is_a_reason_and_no_error(tmp_path):
    findings = examine([tmp_path / "gone.dcm"], OwnIdentity())
    assert [reason.code for reason in findings.reasons] == ["NOT_AN_IMAGE"]


def test_the_order_of_the_files_does_not_matter(written):
    files = written(style("ge-mprage"))
    one, two = (examine(order, OwnIdentity()) for order in (files, files[::-1]))
    assert one.label == two.label
    assert one.chosen.grid.same_as(two.chosen.grid)


def test_reasons_come_in_the_same_order_each_time(planted):
    def spoil(slices):
        for ds in slices:
            ds.PatientID, ds.ImageType = "", ["DERIVED", "SECONDARY", "P"]
        del slices[4]

    first = planted(spoil).reasons
    assert [reason.code for reason in first] == ["IDENTITY_INVALID", "GEOM_GAP", "PHASE", "DERIVED"]


def test_findings_carry_what_rules_and_scope_ask(written):
    findings = examine(written(style("philips-tfe")), OwnIdentity())
    assert findings.header["BodyPartExamined"] == "HEAD"
    assert findings.header["Manufacturer"] == "Philips Medical Systems"
    assert findings.modality == "MR"
    assert findings.description == "sT1W_3D_TFE"
    assert findings.pixel_spacing_mm == pytest.approx((2.2, 2.2))
    assert findings.slice_step_mm == pytest.approx(5.5)
    assert findings.extent_mm == pytest.approx((121, 132, 132))
    assert findings.slices == findings.instances == 22


def test_findings_without_a_lattice_have_no_spacing(planted):
    findings = planted(lambda slices: slices[:1])
    assert findings.chosen is None
    assert findings.pixel_spacing_mm is findings.slice_step_mm is findings.extent_mm is None


def test_an_enhanced_object_is_one_instance_of_many_slices(written):
    findings = examine(written(style("siemens-xa-mprage-enhanced")), OwnIdentity())
    assert (findings.instances, findings.slices) == (1, 22)


def test_two_contrasts_in_one_series_have_no_one_label(planted):
    def dual(slices):
        for index, ds in enumerate(slices):
            ds.SeriesDescription = ds.ProtocolName = "pd+t2_tse"
            ds.ScanningSequence, ds.SequenceVariant, ds.SequenceName = "SE", "SK", "*tse2d2_5"
            ds.RepetitionTime, ds.EchoTime = 4320, (11, 92)[index % 2]
            del ds.InversionTime

    findings = planted(dual)
    assert findings.label == "MIXED"
    assert "MULTI_ECHO" in {reason.code for reason in findings.reasons}


@pytest.mark.parametrize("name", ["siemens-ve-mprage", "canon-mprage-enhanced"])
def test_damaged_bytes_give_findings_and_never_an_error(tmp_path, written, contract, name):
    clean = written(style(name))[0].read_bytes()
    dice = random.Random(name)
    path = tmp_path / "damaged.dcm"
    for _ in range(60):
        damaged = bytearray(clean)
        for _ in range(dice.choice((1, 3, 12))):
            damaged[dice.randrange(132, 4000)] = dice.randrange(256)
        path.write_bytes(damaged[: dice.choice((len(damaged), dice.randrange(len(damaged))))])
        assert isinstance(fits(examine([path], OwnIdentity()), contract), tuple)
