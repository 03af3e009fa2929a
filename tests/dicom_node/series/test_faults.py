"""One planted fault for each code: the clean series has none, the spoilt one has that code."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_node.series import OwnIdentity, fits

PAGE = Path(__file__).parents[3] / "docs/reference/acceptance.md"


def every(**values):
    """Set attributes of all slices."""

    def spoil(slices):
        for ds in slices:
            for keyword, value in values.items():
                setattr(ds, keyword, value)

    return spoil


def one(**values):
    """Set attributes of a single slice."""

    def spoil(slices):
        for keyword, value in values.items():
            setattr(slices[5], keyword, value)

    return spoil


def kind(*values):
    return every(ImageType=["ORIGINAL", "PRIMARY", *values])


def by_place(slices):
    return sorted(slices, key=lambda ds: ds.ImagePositionPatient[2])


def gap(slices):
    kept = by_place(slices)
    del kept[10]
    return kept


def uneven(slices):
    by_place(slices)[10].ImagePositionPatient[2] += 1.3


def same_place(slices):
    ordered = by_place(slices)
    ordered[10].ImagePositionPatient = ordered[11].ImagePositionPatient


def leaning(slices):
    for index, ds in enumerate(by_place(slices)):
        ds.ImagePositionPatient[1] += index


def turned(slices):
    for ds in slices[:10]:
        ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def placeless(slices):
    del slices[3].ImagePositionPatient


def two_echoes(slices):
    for ds in slices[::2]:
        ds.EchoTime = 8.0


def two_times(slices):
    later = copy.deepcopy(slices)
    for ds in later:
        ds.SOPInstanceUID = generate_uid()
        ds.TemporalPositionIdentifier, ds.AcquisitionNumber = 2, 2
    for ds in slices:
        ds.TemporalPositionIdentifier = 1
    return [*slices, *later]


def mixed_matrix(slices):
    ds = slices[0]
    ds.Rows //= 2
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]


def cut_pixels(slices):
    slices[0].PixelData = slices[0].PixelData[:1000]


def thick(slices):
    for ds in slices:
        ds.ImagePositionPatient[2] *= 1.5


def narrow(slices):
    for ds in slices:
        ds.PixelSpacing = [1.0, 1.0]


def coarse(slices):
    for ds in slices:
        ds.PixelSpacing = [3.0, 3.0]


def colour(slices):
    for ds in slices:
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.PixelData = ds.PixelData * 3


def eight_bits(slices):
    for ds in slices:
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        ds.PixelData = bytes(np.frombuffer(ds.PixelData, "<u2").astype(np.uint8))


def synthesized(slices):
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = "109100", "DCM"
    purpose.CodeMeaning = "Synthesizing Equipment"
    item = Dataset()
    item.Manufacturer, item.PurposeOfReferenceCodeSequence = "X", [purpose]
    slices[7].ContributingEquipmentSequence = [item]


def refers_to_own(slices):
    item = Dataset()
    item.SeriesInstanceUID = "2.25.77"
    slices[7].ReferencedSeriesSequence = [item]


def report(slices):
    for ds in slices:
        ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
        del ds.PixelData, ds.Rows, ds.Columns


def species(slices):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "448771007", "SCT", "Dog"
    for ds in slices:
        ds.PatientSpeciesCodeSequence = [item]


FAULTS = [
    ("GEOM_GAP", gap),
    ("GEOM_SPACING", uneven),
    ("GEOM_DUPLICATE", same_place),
    ("GEOM_TILT", leaning),
    ("GEOM_ORIENTATION", turned),
    ("GEOM_SINGLE", lambda slices: slices[:1]),
    ("GEOM_MISSING", placeless),
    ("LOCALIZER", kind("LOCALIZER")),
    ("DERIVED", every(ImageType=["DERIVED", "SECONDARY", "MPR"])),
    ("DERIVED", kind("W", "W", "DERIVED")),
    ("PHASE", kind("P", "NORM")),
    ("MOSAIC", kind("M", "MOSAIC")),
    ("EPI", every(ScanningSequence="EP")),
    ("DIFFUSION", one(DiffusionBValue=1000.0)),
    ("PERFUSION", kind("ASL")),
    ("COLOUR", colour),
    ("COLOUR", eight_bits),
    ("COLOUR", every(PhotometricInterpretation="MONOCHROME1")),
    ("BURNED_IN", one(BurnedInAnnotation="YES")),
    ("LOSSY", one(LossyImageCompression="01")),
    ("SYNTHETIC", one(SyntheticData="YES")),
    ("SYNTHETIC", one(ImageType=["DERIVED", "SECONDARY", "AXIAL", "", "SYNTHETIC"])),
    ("SYNTHETIC", one(InstanceCreatorUID="2.25.1")),
    ("SYNTHETIC", one(DeviceUID="2.25.2")),
    ("SYNTHETIC", synthesized),
    ("SYNTHETIC", refers_to_own),
    ("SYNTHETIC", one(ImageComments="SYNTHETIC T1 - NOT ACQUIRED")),
    ("MULTI_ECHO", two_echoes),
    ("MULTI_PHASE", two_times),
    ("CONTRAST_AGENT", every(ContrastBolusAgent="Gadovist")),
    ("SEQUENCE_UNKNOWN", every(SeriesDescription="", ProtocolName="", SequenceName="")),
    ("SEQUENCE_CONFLICT", every(SeriesDescription="t2_tse_tra", ProtocolName="")),
    ("SEQUENCE_WRONG", every(SeriesDescription="t1_tfl_KM")),
    ("ANATOMY_WRONG", every(BodyPartExamined="KNEE")),
    ("ANATOMY_UNKNOWN", every(BodyPartExamined="", StudyDescription="")),
    ("ANGIOGRAPHY", every(AngioFlag="Y")),
    ("SUSCEPTIBILITY", every(EchoTime=20.0)),
    ("FIELD_MAP", every(SeriesDescription="gre_field_mapping")),
    ("MATRIX_MIXED", mixed_matrix),
    ("SPECIES", species),
    ("SPECIES", every(AnatomicalOrientationType="QUADRUPED")),
    ("DISTORTION_UNCORRECTED", kind("M", "ND")),
    ("FOV_OUTSIDE", narrow),
    ("SPACING_OUTSIDE", thick),
    ("SPACING_OUTSIDE", coarse),
    ("TOO_FEW_SLICES", lambda slices: by_place(slices)[:12]),
    ("IDENTITY_CONFLICT", one(PatientID="PHANTOM-02")),
    ("IDENTITY_INVALID", every(PatientID="")),
    ("IDENTITY_INVALID", one(SOPInstanceUID="1.02.3")),
    ("PIXELS_UNREADABLE", cut_pixels),
    ("AGE_OUTSIDE", every(PatientAge="007Y")),
    ("FIELD_STRENGTH", every(MagneticFieldStrength=7.0)),
    ("NOT_AN_IMAGE", report),
]
OWN = OwnIdentity(
    creator_uids=frozenset({"2.25.1"}),
    device_uids=frozenset({"2.25.2"}),
    series_uids=frozenset({"2.25.77"}),
)


def test_the_clean_series_has_no_reason(planted, limited):
    findings = planted(every(PatientAge="045Y"), OWN)
    assert fits(findings, limited, "rt-axial") == ()
    assert not findings.synthetic


@pytest.fixture
def limited(contract):
    """A contract that limits what a contract may."""
    return replace(contract, age_years=(18.0, 90.0), field_strength_t=(1.0, 3.5))


@pytest.mark.filterwarnings("ignore")  # pydicom warns of the faults that are planted
@pytest.mark.parametrize(
    ("code", "spoil"), FAULTS, ids=[f"{code}-{index}" for index, (code, _) in enumerate(FAULTS)]
)
def test_a_planted_fault_is_told(planted, limited, code, spoil):
    findings = planted(spoil, OWN)
    reasons = fits(findings, limited, "rt-axial")
    assert code in {reason.code for reason in reasons}
    assert len(set(reasons)) == len(reasons)
    assert findings.synthetic == (code == "SYNTHETIC")
    assert all(word not in reason.text for reason in reasons for word in ("PHANTOM", "HEAD01"))


def test_inverted_grey_values_are_named_for_what_they_are(planted):
    (reason,) = planted(every(PhotometricInterpretation="MONOCHROME1")).reasons
    assert "MONOCHROME1" in reason.text
    assert "MONOCHROME2 is wanted" in reason.text


def test_a_fault_is_planted_for_every_code_that_the_page_says_is_given_here():
    table = PAGE.read_text(encoding="utf-8").partition("## Reason codes")[2].partition("## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    here = {code.strip("`") for code, _, giver in rows if giver.strip() in ("series", "task")}
    assert here == {code for code, _ in FAULTS}
