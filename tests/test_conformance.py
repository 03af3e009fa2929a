"""The conformance statement says what the code's tables say, and nothing that they do not."""

import importlib
import re
import sys
from enum import IntEnum
from pathlib import Path

import pytest

from dicom_node.archive.query import Level
from dicom_node.archive.query.attributes import ATTRIBUTES, Attribute
from dicom_node.association.find import FIND_LEVELS
from dicom_node.association.retrieve.asked import RETRIEVE_LEVELS
from dicom_node.dicom import PATIENT_ROOT_FIND, STUDY_ROOT_GET
from dicom_node.settings import Limits

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "conformance.md"


@pytest.fixture
def make(monkeypatch):
    """Return what writes the page anew, from the tables as they are at that moment."""
    monkeypatch.syspath_prepend(ROOT / "docs")

    def page() -> str:
        forget()
        return importlib.import_module("conformance").page()

    yield page
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "conformance"]:
        del sys.modules[name]


def test_the_page_says_what_the_code_says(make):
    assert make() == PAGE.read_text(encoding="utf-8"), "stale: 'make docs' writes it anew"


def test_another_table_in_the_code_is_another_page(make, monkeypatch):
    before = make()
    extra = Attribute("PatientAddress", Level.PATIENT)
    monkeypatch.setitem(ATTRIBUTES, "PatientAddress", extra)
    assert "Patient's Address (0010,1040) | LO | optional | single value, wild card" in make()
    monkeypatch.undo()
    monkeypatch.syspath_prepend(ROOT / "docs")
    assert make() == before


class Narrow(Limits):
    pdu_kb: int = 16


CHANGES = {
    "a level less to query": lambda patch: patch.setitem(
        FIND_LEVELS, PATIENT_ROOT_FIND, (Level.PATIENT,)
    ),
    "a model less to retrieve": lambda patch: patch.setitem(
        RETRIEVE_LEVELS, STUDY_ROOT_GET, (Level.STUDY,)
    ),
    "an attribute less to copy": lambda patch: patch.setattr(
        "dicom_node.results.copy.IDENTITY", ("PatientID",)
    ),
    "an attribute more to have": lambda patch: patch.setattr(
        "dicom_node.results.check.WITH_VALUE", ("PatientName",)
    ),
    "another answer that is a warning": lambda patch: patch.setattr(
        "dicom_node.dicom.STORED_WITH_WARNING", (0xB123,)
    ),
    "another name of the implementation": lambda patch: patch.setattr(
        "dicom_node.dicom.IMPLEMENTATION_VERSION_NAME", "OTHER"
    ),
    "another longest PDU": lambda patch: patch.setattr("dicom_node.settings.Limits", Narrow),
    "other cipher suites": lambda patch: patch.setattr(
        "dicom_node.tls.SUITES", {"B.12": ("ECDHE-RSA-AES128-GCM-SHA256",), "B.13": ()}
    ),
    "a scope more": lambda patch: patch.setattr("dicom_node.tokens.SCOPES", ("all",)),
    "another order of encodings": lambda patch: patch.setattr(
        "dicom_node.association.contexts._PREFERRED", ()
    ),
    "deflated identifiers": lambda patch: patch.setattr(
        "dicom_node.association.contexts._PLAIN", ("1.2.840.10008.1.2.1.99",)
    ),
    "other encodings of results": lambda patch: patch.setattr(
        "dicom_node.dimse.proposal._ALWAYS", ("1.2.840.10008.1.2.1",)
    ),
    "a scheme of another name": lambda patch: patch.setattr(
        "dicom_node.results.provenance.SCHEME", "99OTHER"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_a_table_makes_the_page_stale(make, monkeypatch, change):
    change(monkeypatch)
    assert make() != PAGE.read_text(encoding="utf-8")


def test_a_status_that_the_page_cannot_explain_is_an_error(make):
    class Newer(IntEnum):
        SUCCESS = 0
        UNHEARD_OF = 0xC999

    make()
    statuses = importlib.import_module("conformance.tables").statuses
    with pytest.raises(KeyError):
        statuses(Newer, {Newer.SUCCESS: "done"})


def test_every_answer_of_storage_commitment_is_explained_but_those_that_only_others_give(make):
    make()
    listening = importlib.import_module("conformance.listening")
    commitment = importlib.import_module("dicom_node.commitment")
    only_others = {"NO_SUCH_EVENT"}
    assert {one.name for one in listening.COMMITMENT_ANSWERS} | only_others == {
        one.name for one in commitment.CommitmentStatus
    }
    assert set(listening.FAILURES) <= set(commitment.Failure)


def test_sections_are_numbered_in_their_order():
    found = re.findall(r"^#+ (\d[\d.]*) ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    numbers = [tuple(map(int, one.split("."))) for one in found]
    assert numbers == sorted(set(numbers))
    assert {one[0] for one in numbers} == set(range(1, 8))


def test_every_code_that_the_results_write_is_among_the_terms(make):
    make()
    objects = importlib.import_module("conformance.objects")
    schemes = {scheme for _, scheme, _ in objects.codes()}
    assert schemes == {"99SYNTHNODE", "DCM", "LN", "RFC5646", "SCT", "UCUM"}
