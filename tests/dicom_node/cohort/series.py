"""Series as a cohort sees them, made by hand."""

from dataclasses import replace
from datetime import date

from dicom_node.cohort import Person, Seen

BORN = {"PatientBirthDate": "19700101", "PatientSex": "F"}


def a_series(label: str, patient: str = "P1", day: date = date(2026, 1, 1), **values) -> Seen:
    """Return a sound series of a person; its study is that day's unless it is said otherwise."""
    study = values.pop("study_uid", f"1.{patient}.{day.toordinal()}")
    series = values.pop("series_uid", f"{study}.{label}")
    one = Seen(
        study_uid=study,
        series_uid=series,
        person=Person(patient) if patient else None,
        marks={"PatientID": patient, "PatientName": f"{patient}^Ann", **BORN},
        label=label,
        synthetic=False,
        made_on=day,
        manufacturer="siemens",
        model="prisma fit",
        field_strength_t=None if label in ("CT", "PT") else 3.0,
        contrast_agent=False,
        frame_of_reference="1.9",
        slices=40,
        said="head t1",
    )
    return replace(one, **values)
