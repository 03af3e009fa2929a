"""The document for people: a PDF that readers open, with what a person has to know."""

import re
from dataclasses import replace

import pytest

from dicom_node.results import make_series
from dicom_node.results.companions.page import Line, is_printable, pdf_of
from tests.dicom_node.results.companions.conftest import read_back
from tests.dicom_node.results.companions.test_report import held
from tests.dicom_node.results.kinds import german, japanese


def page_of(making):
    """Return the PDF in the object."""
    ds = read_back(making, "pdf")
    content = bytes(ds.EncapsulatedDocument)
    assert ds.EncapsulatedDocumentLength == len(content)
    return content


def text_of(content):
    """Return what is printed, line by line."""
    strings = re.findall(rb"Td \(((?:\\.|[^\\)])*)\) Tj", content)
    return "\n".join(re.sub(rb"\\(.)", rb"\1", one).decode("cp1252") for one in strings)


def flat(content):
    return " ".join(text_of(content).split())


def test_it_is_a_pdf_of_even_length_whose_table_finds_every_object(judged):
    content = page_of(judged())
    assert content.startswith(b"%PDF-1.4")
    assert len(content) % 2 == 0
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF", content).group(1))
    assert content[start:].startswith(b"xref")
    places = [int(one) for one in re.findall(rb"(\d{10}) 00000 n ", content)]
    for number, place in enumerate(places, 1):
        assert content[place:].startswith(f"{number} 0 obj\n".encode())
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.S):
        assert int(length) == len(stream)


def test_it_says_first_that_it_is_synthetic_and_whose(judged):
    making = judged()
    text = text_of(page_of(making))
    assert text.startswith("SYNTHETIC CT - NOT ACQUIRED")
    assert "TEST-1" in text
    assert making.synthesis.provenance.model.version in text
    assert make_series(making).series_uid in text


def test_every_page_says_that_it_is_synthetic(judged):
    content = page_of(held(judged()))
    pages = content.count(b"/Type /Page ")
    assert pages > 1
    assert text_of(content).count("SYNTHETIC CT - NOT ACQUIRED - page") == pages


def test_it_says_whose_it_is_and_is_marked_as_saying_so(judged):
    ds = read_back(judged(), "pdf")
    assert ds.BurnedInAnnotation == "YES"
    assert ds.Modality == "DOC"
    assert ds.ConversionType == "SD"
    assert ds.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert ds.DocumentTitle == "SYNTHETIC CT - NOT ACQUIRED"


def test_a_held_result_is_told_with_its_reasons(judged):
    making = held(judged())
    text = flat(page_of(making))
    assert "A person has to look at it" in text
    assert making.synthesis.held[0].text in text
    assert "Quality gate passed: NO" in text
    assert "A person has to look at it" not in flat(page_of(judged()))


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ((2.0, 3.0), "2 to 3"),
        ((2.0, float("inf")), "at least 2"),
        ((-float("inf"), 3.0), "at most 3"),
        ((-float("inf"), float("inf")), "no limit"),
    ],
)
def test_a_limit_is_told_from_which_side_it_is(limit, said, judged):
    making = judged()
    one = replace(making.synthesis.checks[0], limit=limit)
    alone = replace(making, synthesis=replace(making.synthesis, checks=(one,)))
    assert f"  {said}  " in text_of(page_of(alone))


def test_every_figure_of_the_gate_is_there(judged):
    making = judged()
    text = text_of(page_of(making))
    for check in making.synthesis.checks:
        assert check.name in text


@pytest.mark.parametrize(("change", "said"), [(german, "Müller"), (japanese, "Yamada^Tarou")])
def test_a_name_is_printed_in_letters_that_the_fonts_have(change, said, judged):
    assert said in text_of(page_of(judged(change)))


def test_a_name_in_other_letters_is_not_guessed(judged):
    def greek(ds):
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientName = "Παπαδόπουλος^Γιώργος"

    text = text_of(page_of(judged(greek)))
    assert "see the object's header" in text
    assert "?" not in text


def test_what_cannot_be_printed_is_refused_and_not_replaced():
    assert not is_printable("日本")
    with pytest.raises(ValueError, match="charmap"):
        pdf_of("title", [Line("日本")], "foot")


def test_brackets_and_backslashes_stand_as_they_are():
    content = pdf_of("title", [Line(r"a (b) \c")], "foot")
    assert text_of(content).splitlines()[0] == r"a (b) \c"


def test_long_lines_are_broken_and_long_texts_go_on():
    content = pdf_of("title", [Line("word " * 40)] * 60, "foot")
    assert max(len(line) for line in text_of(content).splitlines()) <= 91
    assert content.count(b"/Type /Page ") > 1
