"""Many small studies, as different as those of an archive; the same ones for the same number."""

import random
from collections.abc import Iterator

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicom_node.dicom import derive_uid

MR_IMAGE, CT_IMAGE = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2"
FAMILIES = (
    "Smith",
    "SMITH",
    "Smithson",
    "Müller",
    "Møller",
    "O'Neil",
    "de la Cruz",
    "Nguyễn",
    "Li",
)
GIVENS = ("John", "Ann", "anna", "Jörg", "José", "Mei", "")
DESCRIPTIONS = ("HEAD", "Head", "head and neck", "Knee left", "", "MRT Schädel", "50% dose [test]")
BODY_PARTS = ("HEAD", "KNEE", "SPINE", "")


def studies(count: int, seed: int = 4) -> Iterator[list[Dataset]]:
    """Yield the instances of ``count`` studies; every second patient has more than one."""
    for number in range(count):
        yield _study(number, random.Random(f"{seed} {number}"))


def _study(number: int, draw: random.Random) -> list[Dataset]:
    patient = number * 2 // 3
    person = random.Random(f"patient {patient}")
    about = Dataset()
    about.SpecificCharacterSet = "ISO_IR 192"
    about.PatientID = f"{person.choice(('P', 'p', 'X-'))}{patient:05d}"
    about.PatientName = f"{person.choice(FAMILIES)}^{person.choice(GIVENS)}^{patient}"
    about.PatientSex = person.choice(("M", "F", "O", ""))
    about.PatientBirthDate = person.choice(
        ("", f"19{person.randrange(40, 99)}0{patient % 9 + 1}15")
    )
    about.StudyInstanceUID = derive_uid("many studies", str(number))
    _set(about, "StudyDate", draw.choice(("", _date(draw), _date(draw), _date(draw))))
    _set(about, "StudyTime", draw.choice(("", _time(draw), _time(draw))))
    about.AccessionNumber = draw.choice(("", f"A{number}", f"acc-{number % 7}"))
    about.StudyID = str(number % 50)
    about.StudyDescription = draw.choice(DESCRIPTIONS)
    about.ReferringPhysicianName = draw.choice(
        ("", "House^Gregory", "HOUSE^GREGORY", "Cox^Percival")
    )
    found = []
    for series in range(draw.choice((1, 1, 2))):
        found += _series(about, number, series, draw)
    return found


def _series(about: Dataset, number: int, series: int, draw: random.Random) -> list[Dataset]:
    modality = draw.choice(("MR", "CT"))
    description, body_part = draw.choice(DESCRIPTIONS), draw.choice(BODY_PARTS)
    found = []
    for image in range(1, draw.choice((1, 2)) + 1):
        ds = Dataset()
        ds.update(about)
        ds.SOPClassUID = MR_IMAGE if modality == "MR" else CT_IMAGE
        ds.SOPInstanceUID = derive_uid("many images", str(number), str(series), str(image))
        ds.SeriesInstanceUID = derive_uid("many series", str(number), str(series))
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, series + 1, image
        ds.SeriesDescription, ds.BodyPartExamined = description, body_part
        ds.StationName = f"STATION{number % 3}"
        found.append(ds)
    return found


def _date(draw: random.Random) -> str:
    return f"{draw.randrange(2010, 2026)}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}"


def _time(draw: random.Random) -> str:
    whole = f"{draw.randrange(24):02d}{draw.randrange(60):02d}{draw.randrange(60):02d}"
    return draw.choice((whole, whole[:4], f"{whole}.{draw.randrange(1000):03d}"))


def _set(ds: Dataset, keyword: str, value: str) -> None:
    """Set a value that pydicom may find odd."""
    vr = {"StudyDate": "DA", "StudyTime": "TM"}[keyword]
    ds[keyword] = DataElement(keyword, vr, value, validation_mode=config.IGNORE)
