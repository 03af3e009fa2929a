"""The gate: each fault planted into a good series is caught, and the good series passes."""

from copy import deepcopy
from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import dcmwrite
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.errors import OutputInvalid
from dicom_node.results import check_series, encode, make_series
from dicom_node.results.check import FORBIDDEN, WITH_VALUE
from dicom_node.results.copy import IDENTITY
from dicom_node.results.iod import CT, MR, PET
from tests.dicom_node.results.conftest import as_kind

KINDS = {"CT": CT, "STIR": MR, "PT": PET}


@pytest.fixture(scope="module")
def good(making):
    return make_series(making).datasets


def checked(datasets, making):
    """Encode without the writer's own checks: the gate has to see what it lets through."""
    encoded = []
    for ds in datasets:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        buffer = BytesIO()
        ds.preamble = bytes(128)
        dcmwrite(buffer, ds, enforce_file_format="SOPInstanceUID" in ds)
        encoded.append(buffer.getvalue())
    check_series(encoded, making)


def planted(good, change, index=0):
    """Return the series with ``change`` made to one slice."""
    slices = list(good)
    slices[index] = deepcopy(good[index])
    change(slices[index])
    return slices


@pytest.fixture(scope="module")
def of_kind(making):
    """Return, by kind, what a result was made of, and its series."""
    made = {label: as_kind(making, label) for label in KINDS}
    return {label: (one, make_series(one).datasets) for label, one in made.items()}


@pytest.mark.parametrize("label", KINDS)
def test_a_good_series_passes(label, of_kind):
    making, good = of_kind[label]
    checked(good, making)


def wanted(iod):
    return sorted({*WITH_VALUE, *IDENTITY, *iod.with_value, *iod.present} - {"SOPClassUID"})


@pytest.mark.parametrize(
    ("label", "word"), [(label, word) for label, iod in KINDS.items() for word in wanted(iod)]
)
def test_what_must_be_there_is_missed(label, word, of_kind):
    making, good = of_kind[label]
    with pytest.raises(OutputInvalid, match=word):
        checked(planted(good, lambda ds: delattr(ds, word)), making)


@pytest.mark.parametrize(
    ("label", "word"),
    [(label, word) for label, iod in KINDS.items() for word in (*FORBIDDEN, *iod.forbidden)],
)
def test_what_must_not_be_there_is_seen(label, word, of_kind):
    def plant(ds):
        kinds = {"SQ": Sequence([Dataset()]), "UI": "1.2.3", "FD": 1.0}
        setattr(ds, word, kinds.get(dictionary_VR(tag_for_keyword(word)), "1"))

    making, good = of_kind[label]
    with pytest.raises(OutputInvalid, match=word):
        checked(planted(good, plant), making)


@pytest.mark.parametrize("label", KINDS)
def test_a_result_of_another_kind_is_seen(label, of_kind):
    making, good = of_kind[label]
    other = next(iod for name, iod in KINDS.items() if name != label)
    with pytest.raises(OutputInvalid, match="it is no"):
        checked(planted(good, lambda ds: setattr(ds, "SOPClassUID", other.sop_class_uid)), making)


MARKS = {
    "Synthetic Data": lambda ds: setattr(ds, "SyntheticData", "NO"),
    "Image Type": lambda ds: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", "AXIAL"]),
    "SeriesDescription does not say": lambda ds: setattr(ds, "SeriesDescription", "CT head"),
    "ImageComments does not say": lambda ds: setattr(ds, "ImageComments", "CT"),
    "DerivationDescription does not say": lambda ds: setattr(ds, "DerivationDescription", "x"),
    "contributing equipment": lambda ds: setattr(
        ds, "ContributingEquipmentSequence", Sequence(ds.ContributingEquipmentSequence[:1])
    ),
    "private element": lambda ds: ds.private_block(0x0099, "TEST", create=True).add_new(
        1, "LO", "x"
    ),
    "a private": lambda ds: (
        ds.ContributingEquipmentSequence[0]
        .private_block(0x0099, "TEST", create=True)
        .add_new(1, "LO", "x")
    ),
    "overlay": lambda ds: ds.add_new(0x60000010, "US", 1),
    "PatientID is not the source's": lambda ds: setattr(ds, "PatientID", "OTHER"),
    "PatientName is not the source's": lambda ds: setattr(ds, "PatientName", "Other^Name"),
    "StudyInstanceUID is not the source's": lambda ds: setattr(ds, "StudyInstanceUID", "1.2.3"),
    "FrameOfReferenceUID is not": lambda ds: setattr(ds, "FrameOfReferenceUID", "1.2.3"),
    "no CT image": lambda ds: setattr(ds, "Modality", "MR"),
    "rescale": lambda ds: setattr(ds, "RescaleIntercept", "0"),
    "Padding": lambda ds: setattr(ds, "PixelPaddingValue", 7),
    "bits are": lambda ds: setattr(ds, "BitsStored", 16),
    "pixels are not those": lambda ds: setattr(ds, "PixelData", bytes(len(ds.PixelData))),
    "pixels, ": lambda ds: setattr(ds, "Rows", ds.Rows - 1),
    "lies 1.00 mm from its place": lambda ds: setattr(
        ds, "ImagePositionPatient", [ds.ImagePositionPatient[0] + 1, *ds.ImagePositionPatient[1:]]
    ),
    "DeviceUID differs": lambda ds: setattr(ds, "DeviceUID", "1.2.3"),
    "PixelSpacing differs": lambda ds: setattr(ds, "PixelSpacing", ["1", "1"]),
    "used twice": lambda ds: None,
}


@pytest.mark.parametrize("said", sorted(MARKS))
def test_each_mark_that_is_taken_away_or_changed_is_seen(said, good, making):
    slices = planted(good, MARKS[said], index=3)
    if said == "used twice":
        slices[3].SOPInstanceUID = good[0].SOPInstanceUID
    with pytest.raises(OutputInvalid, match=said):
        checked(slices, making)


@pytest.mark.parametrize("label", ["CT", "PT"])
def test_a_rescale_that_was_not_used_is_seen(label, of_kind):
    making, good = of_kind[label]
    with pytest.raises(OutputInvalid, match="the rescale is not the one that was used"):
        checked(planted(good, lambda ds: setattr(ds, "RescaleSlope", "1.5")), making)


def test_a_series_of_the_wrong_length_is_seen(good, making):
    with pytest.raises(OutputInvalid, match="objects for"):
        checked(good[:-1], making)


def test_slices_in_the_wrong_order_are_seen(good, making):
    with pytest.raises(OutputInvalid, match="do not count"):
        checked([good[1], good[0], *good[2:]], making)


def test_the_sources_own_series_uid_is_seen(good, making):
    uid = making.sources[0].header.SeriesInstanceUID
    slices = [deepcopy(ds) for ds in good]
    for ds in slices:
        ds.SeriesInstanceUID = uid
    with pytest.raises(OutputInvalid, match="the source's own"):
        checked(slices, making)


def test_bytes_that_cannot_be_read_back_are_seen(good, making):
    encoded = [encode(ds) for ds in good]
    encoded[2] = encoded[2][:1000]
    with pytest.raises(OutputInvalid):
        check_series(encoded, making)


def test_orientation_other_than_the_volumes_is_seen(good, making):
    slices = [deepcopy(ds) for ds in good]
    for ds in slices:
        ds.ImageOrientationPatient = ["0", "1", "0", "1", "0", "0"]
    with pytest.raises(OutputInvalid, match="orientation"):
        checked(slices, making)


def test_what_cannot_be_made_is_said(making):
    task = replace(making.task)
    object.__setattr__(task, "makes", "CBCT")
    with pytest.raises(OutputInvalid, match="CBCT"):
        make_series(replace(making, task=task))


def test_the_list_of_type_1_attributes_is_the_standards():
    """Every type 1 attribute of the CT Image IOD's mandatory modules is on our list."""
    import json
    from importlib.resources import files

    standard = files("highdicom") / "_standard"
    modules = json.loads((standard / "iod_module_map.json").read_text())["ct-image"]
    attributes = json.loads((standard / "module_attribute_map.json").read_text())
    wanted = {
        one["keyword"]
        for module in modules
        if module["usage"] == "M"
        for one in attributes[module["key"]]
        if one["type"] == "1" and not one["path"]
    }
    assert wanted <= {*WITH_VALUE, *CT.with_value}
