import re

import pytest

from train.evaluate import REPORT
from train.evaluate.summary import number


@pytest.fixture
def text(measured) -> str:
    return (measured["folder"] / REPORT).read_text(encoding="utf-8")


def test_the_page_needs_nothing_but_itself(text):
    sources = re.findall(r'src="([^"]{0,30})', text)
    assert sources
    assert all(one.startswith("data:image/") for one in sources)
    assert "http" not in re.sub(r"data:image/[^\"]*", "", text)


def test_it_says_phantom_before_anything_else(text):
    assert text.index("Phantoms only") < text.index("mean absolute error")
    assert "Nothing here is for diagnosis" in text


def test_no_scan_is_shown_twice(text):
    titles = re.findall(r"<h3>[^<]*: (subject \d+, scan \d+)", text)
    assert len(titles) == len(set(titles)) == 2


def test_the_truth_lies_behind_the_result(text):
    assert text.count('class="swap"') == 2 * 3  # of each scan, in each plane


def test_every_image_tells_those_who_cannot_see_it(text):
    assert all("alt=" in tag for tag in re.findall(r"<img[^>]*>", text))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (123.4, "123"), (12.34, "12.3"), (-1.234, "-1.23"), (0.1234, "0.123"),
     (0.01234, "0.0123")],
)  # fmt: skip
def test_numbers_have_three_digits_that_count(value, shown):
    assert number(value) == shown
