"""Series of one study are of one patient, as far as their headers say whose they are."""

import pytest

from dicom_node.series import strangers

ONE = {
    "PatientID": "0", "PatientName": "Doe^Jane", "PatientBirthDate": "19500101", "PatientSex": "F",
    "IssuerOfPatientID": "HERE",
}  # fmt: skip


@pytest.mark.parametrize(
    ("other", "by"),
    [
        ({"PatientID": "1"}, "Patient ID"),
        ({"PatientID": None}, "Patient ID"),
        ({"IssuerOfPatientID": "THERE"}, "Issuer of Patient ID"),
        ({"PatientName": "Roe^Jane"}, "Patient's Name"),
        ({"PatientBirthDate": "19800101"}, "Patient's Birth Date"),
        ({"PatientSex": "M"}, "Patient's Sex"),
    ],
)
def test_one_id_that_many_have_makes_nobody_the_same(other, by):
    assert strangers([ONE, ONE, {**ONE, **other}]) == (by,)


@pytest.mark.parametrize(
    "other",
    [
        {"PatientName": "DOE^JANE^MARY^^"},
        {"PatientName": "Doe, Jane"},
        {"PatientName": None, "PatientBirthDate": "", "IssuerOfPatientID": None},
        {"PatientSex": "O"},
    ],
)
def test_what_is_left_out_or_written_otherwise_makes_nobody_another(other):
    assert strangers([ONE, {**ONE, **other}]) == ()


def test_a_study_of_nothing_is_nobodys_and_no_error():
    assert strangers([]) == ()
