"""A cohort file: read whole, or every mistake of it named."""

from datetime import date

import pytest

from dicom_node.cohort import read_cohort
from dicom_node.errors import SettingsError

WHOLE = """
name = "head-ct"
task = "ct_from_mr"
archive = "pacs"
contrast_agent = true
[between]
first = 2020-01-01
last = 2025-12-31
days_apart = 7
[scanners]
manufacturers = ["Siemens", "GE"]
models = ["Prisma"]
field_strength_t = [1.4, 3.1]
[exclude]
patients = ["P1"]
studies = ["1.2.3"]
words = ["phantom"]
"""


def read(tmp_path, text: str):
    path = tmp_path / "head.toml"
    path.write_text(text)
    return read_cohort(path)


def test_every_key_is_read(tmp_path):
    found = read(tmp_path, WHOLE)
    assert (found.name, found.task, found.archive, found.is_here) == (
        "head-ct", "ct_from_mr", "pacs", False,
    )  # fmt: skip
    assert found.contrast_agent
    assert (found.between.first, found.between.days_apart) == (date(2020, 1, 1), 7)
    assert found.scanners.manufacturers == ("Siemens", "GE")
    assert found.scanners.field_strength_t == (1.4, 3.1)
    assert found.exclude.words == ("phantom",)


def test_name_and_task_are_enough(tmp_path):
    found = read(tmp_path, 'name = "a"\ntask = "t"\n')
    assert found.is_here
    assert found.between.days_apart == 30


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('name = "head-ct"', "", "head.toml: name is missing"),
        ('"head-ct"', '"Head CT"', "head.toml: name = 'Head CT'"),
        ("days_apart = 7", "days_apart = -1", "between.days_apart = -1"),
        ("days_apart = 7", 'days_apart = "7"', "between.days_apart = '7'"),
        ("days_apart", "day_apart", "unknown key between.day_apart; did you mean 'days_apart'?"),
        ("2020-01-01", "2026-01-01", "first = 2026-01-01 is later than last = 2025-12-31"),
        ("[1.4, 3.1]", "[3.1, 1.4]", "field_strength_t = [3.1, 1.4] is no range"),
        ('words = ["phantom"]', 'words = "phantom"', "a list is wanted"),
        ('words = ["phantom"]', 'words = [" "]', "exclude.words"),
        ("[between]", "[between", "not readable as TOML"),
    ],
)
def test_a_mistake_names_file_key_and_remedy(tmp_path, was, now, said):
    assert was in WHOLE
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, WHOLE.replace(was, now))
    assert said in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path):
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, 'tasks = "a"\n[between]\ndays_apart = -1\n')
    assert len(str(caught.value).splitlines()) >= 3


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(SettingsError, match="there is no such file"):
        read_cohort(tmp_path / "none.toml")
