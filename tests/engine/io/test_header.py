import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from engine.io import read_frames
from engine.io.header import ROOT, SEQUENCES, header_tags, headers_of
from tests.engine.io.series import SAID_PER_FRAME, enhanced, planes, spoilt, write


def test_enhanced_and_classic_give_the_same_words(tmp_path):
    slices = planes(3)
    classic = read_frames(write(tmp_path / "classic", slices))
    as_one = read_frames(write(tmp_path / "enhanced", [enhanced(slices)]))
    for one, other in zip(classic, as_one, strict=True):
        for word in SAID_PER_FRAME:
            assert other.header[word] == pytest.approx(one.header[word]), word
        differ = {
            word for word in set(one.header) | set(other.header)
            if one.header.get(word) != other.header.get(word)
        }  # fmt: skip
        assert differ <= {"SOPClassUID", "SOPInstanceUID", "InstanceNumber", "NumberOfFrames"}


def test_what_differs_by_frame_is_read_by_frame(tmp_path):
    slices = planes(3)
    for number, ds in enumerate(slices):
        ds.EchoTime = str(10 + number)
        ds.ImageType = ["ORIGINAL", "PRIMARY", f"M{number}"]
    frames = read_frames(write(tmp_path, [enhanced(slices)]))
    assert [frame.header["EchoTime"] for frame in frames] == [10, 11, 12]
    assert [frame.header["ImageType"][2] for frame in frames] == ["M0", "M1", "M2"]


def test_a_frame_speaks_before_the_shared_groups_and_these_before_the_root(tmp_path):
    whole = enhanced(planes(2))
    whole.ImageType = ["ORIGINAL", "PRIMARY", "ROOT"]
    whole.EchoTime = "77"
    whole.FlipAngle = "1"
    shared = whole.SharedFunctionalGroupsSequence[0]
    shared.MREchoSequence = Sequence([Dataset()])
    shared.MREchoSequence[0].EffectiveEchoTime = 55.0
    del whole.PerFrameFunctionalGroupsSequence[1].MREchoSequence
    first, second = read_frames(write(tmp_path, [whole]))
    assert (first.header["EchoTime"], second.header["EchoTime"]) == (3.1, 55.0)
    assert first.header["FlipAngle"] == 8
    assert first.header["ImageType"][2] == "M"


def test_values_are_plain_python(tmp_path):
    plain = (str, int, float)
    for header in (frame.header for frame in read_frames(spoilt(tmp_path))):
        for word, value in header.items():
            for part in value if isinstance(value, tuple) else (value,):
                assert type(part) in plain, word


def test_text_is_stripped_and_empty_values_are_absent(tmp_path):
    def spoil(slices):
        slices[0].SeriesDescription = " t1 mprage  "
        slices[0].ProtocolName = ""
        slices[0].PatientID = None

    header = read_frames(spoilt(tmp_path, spoil))[0].header
    assert header["SeriesDescription"] == "t1 mprage"
    assert not {"ProtocolName", "PatientID"} & set(header)


def test_several_values_are_a_tuple_and_one_is_itself(tmp_path):
    header = read_frames(spoilt(tmp_path))[0].header
    assert header["ImageType"] == ("ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D")
    assert header["ScanningSequence"] == ("GR", "IR")
    assert header["SequenceName"] == "*tfl3d1_16"


def coded(value, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SRT", meaning
    return item


def test_sequences_become_words(tmp_path):
    def spoil(slices):
        ds = slices[0]
        ds.AnatomicRegionSequence = Sequence([coded("T-D1100", "Head")])
        ds.PatientSpeciesCodeSequence = Sequence([coded("L-80A00", "Dog")])
        ds.ContrastBolusAgentSequence = Sequence([coded("C-1", "Gd"), coded("C-2", "Water")])
        equipment = Dataset()
        equipment.PurposeOfReferenceCodeSequence = Sequence([coded("109102", "Processing")])
        equipment.DeviceUID = "1.2.3.4"
        ds.ContributingEquipmentSequence = Sequence([equipment])
        referenced = Dataset()
        referenced.SeriesInstanceUID = "1.2.3.5"
        ds.ReferencedSeriesSequence = Sequence([referenced])
        request = Dataset()
        request.RequestedProcedureDescription = "MR brain"
        ds.RequestAttributesSequence = Sequence([request])

    header = read_frames(spoilt(tmp_path, spoil))[0].header
    assert header["AnatomicRegions"] == ("T-D1100", "Head")
    assert header["PatientSpecies"] == ("L-80A00", "Dog")
    assert header["ContrastBolusAgents"] == 2
    assert (header["Equipment"], header["EquipmentDevices"]) == (
        ("109102", "Processing"), ("1.2.3.4",)
    )  # fmt: skip
    assert header["ReferencedSeries"] == ("1.2.3.5",)
    assert header["Procedures"] == ("MR brain",)


@pytest.mark.parametrize(
    ("maker", "tag", "vr", "value", "expected"),
    [
        ("SIEMENS", 0x0019100C, "IS", "1000", {"DiffusionBValue": 1000}),
        ("GE MEDICAL SYSTEMS", 0x0019109C, "LO", "epi2", {"SequenceName": "epi2"}),
        ("GE MEDICAL SYSTEMS", 0x0019109E, "UN", b"EFGRE3D\0", {"PulseSequenceName": "EFGRE3D"}),
        ("Philips", 0x20011013, "SL", 51, {"EpiFactor": 51}),
    ],
)
def test_vendors_are_understood_in_their_own_files_only(tmp_path, maker, tag, vr, value, expected):
    def spoil(slices):
        for ds, one in zip(slices, (maker, "OTHER"), strict=True):
            ds.Manufacturer = one
            del ds.SequenceName
            ds.add_new(Tag(tag >> 16, 0x0010), "LO", "MAKER")
            ds.add_new(Tag(tag), vr, value)

    own, others = read_frames(spoilt(tmp_path, spoil, count=2))
    assert expected.items() <= own.header.items()
    assert not set(expected) & set(others.header)


def test_a_private_word_gives_way_to_the_standard_one(tmp_path):
    def spoil(slices):
        slices[0].Manufacturer = "SIEMENS"
        slices[0].DiffusionBValue = 5.0
        slices[0].add_new(Tag(0x0019, 0x0010), "LO", "SIEMENS MR HEADER")
        slices[0].add_new(Tag(0x0019, 0x100C), "IS", "1000")

    assert read_frames(spoilt(tmp_path, spoil))[0].header["DiffusionBValue"] == 5.0


def test_a_private_group_of_a_frame_gives_way_and_still_tells_the_vendors_image_type():
    whole = enhanced(planes(2))
    for frame in whole.PerFrameFunctionalGroupsSequence:
        private = Dataset()
        private.add_new(Tag(0x0021, 0x1175), "CS", ["ORIGINAL", "PRIMARY", "M", "DIS3D"])
        private.EffectiveEchoTime = 99.0
        frame.add_new(Tag(0x0021, 0x0011), "LO", "SIEMENS MR SDI 02")
        frame.add_new(Tag(0x0021, 0x11FE), "SQ", Sequence([private]))
    for header in headers_of(whole):
        assert header["VendorImageType"] == ("ORIGINAL", "PRIMARY", "M", "DIS3D")
        assert header["EchoTime"] == 3.1


def test_every_word_that_is_read_from_a_file_is_in_the_dictionary():
    known = {Tag(tag) for tag in header_tags()}
    for word in (*ROOT, *SEQUENCES):
        assert Tag(word) in known, word


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mr/siemens_prismafit_t1_fl2d_sag_hfs_head", {"Modality": "MR", "Rows": 256,
         "SequenceVariant": ("SP", "OSP"), "MagneticFieldStrength": 3.0}),
        ("mr/siemens_prismafit_xa30_enhanced_t1_head", {"Modality": "MR", "InversionTime": 900.0,
         "RepetitionTime": 1800.0, "MagneticFieldStrength": 3.0}),
        ("mr/philips_achieva_enhanced_t1_8frames", {"Modality": "MR", "NumberOfFrames": 8}),
    ],
)  # fmt: skip
def test_real_objects_say_what_they_were_acquired_with(series, name, expected):
    for frame in read_frames(series(name)):
        assert {word: frame.header.get(word) for word in expected} == expected
        for word in SAID_PER_FRAME[:3]:
            assert isinstance(frame.header[word], tuple), word
