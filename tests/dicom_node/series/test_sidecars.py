"""Header facts of real series without pixels: weightings told, traps refused."""

import json

import pytest

from dicom_node.series import label_of

SECONDS = ("RepetitionTime", "EchoTime", "InversionTime")
LISTS = ("ScanningSequence", "SequenceVariant", "ScanOptions")
SAME = (
    "Manufacturer", "SeriesDescription", "ProtocolName", "MRAcquisitionType", "SequenceName",
    "PulseSequenceName", "FlipAngle",
)  # fmt: skip


def header(sidecar):
    """What the sidecar says, in the words of DICOM; its times are seconds."""
    facts = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4", "Rows": 1, "Columns": 1}
    facts |= {word: sidecar[word] for word in SAME if word in sidecar}
    facts |= {word: tuple(sidecar[word].split("\\")) for word in LISTS if word in sidecar}
    facts |= {word: sidecar[word] * 1000 for word in SECONDS if word in sidecar}
    facts["ImageType"] = tuple(sidecar["ImageType"])
    if "ImageTypeText" in sidecar:
        facts["VendorImageType"] = tuple(sidecar["ImageTypeText"])
    return facts


def truth(name):
    """By the names of the files: two-inversion, single echoes and sums are not plain T1."""
    name = name.lower()
    if any(trap in name for trap in ("mp2rage", "memprage")):
        return None
    return "T1" if "t1" in name else "T2"


@pytest.fixture(scope="module")
def labelled(data):
    files = sorted((data / "sidecars").glob("*/*.json"))
    assert len(files) == 23
    return {path.name: label_of(header(json.loads(path.read_text()))) for path in files}


def test_no_sidecar_gets_a_weighting_that_it_has_not(labelled):
    taken = {"T1", "T1CE", "T2", "PD", "FLAIR", "STIR"}
    wrong = {
        name: one.label
        for name, one in labelled.items()
        if one.label in taken and one.label != truth(name)
    }
    assert wrong == {}


def test_every_plain_weighting_is_recognised(labelled):
    missed = {name for name, one in labelled.items() if truth(name) and one.label != truth(name)}
    assert missed == set()


def test_every_trap_gives_its_reason(labelled):
    assert all(one.reasons for name, one in labelled.items() if truth(name) is None)
