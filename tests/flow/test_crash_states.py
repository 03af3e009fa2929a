"""A new state without a moment to be killed at is told: each way to add one is planted here."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, MetaData, String, Table, Text

from dicom_node.db import Database
from dicom_node.db.tables import UtcDateTime
from dicom_node.rejections import Recalls
from tests.support.matrix import elsewhere
from tests.support.matrix.sites import ROOT
from tests.support.matrix.states import columns, enumerations, faults, look, states, unnamed

NONE: set[str] = set()
NOW = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """What scenes come through that come through all that there is today."""
    return set(states(columns(), enumerations())) - elsewhere.STATES.keys()


def with_line(tmp_path, module: str, after: str, line: str) -> dict:
    """Return the enumerations of the package with a line more in one module."""
    text = (ROOT / module).read_text()
    assert text.count(after) == 1
    place = tmp_path / module
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text.replace(after, f"{after}\n{line}"))
    return {**enumerations(), **enumerations(tmp_path)}


def with_table(*more: Column) -> dict:
    """Return the columns of the schema with a table more."""
    schema = MetaData()
    Table("errand", schema, Column("uid", Text, primary_key=True), *more)
    return {**columns(), **columns(schema)}


def test_of_each_column_and_each_enumeration_it_is_said_what_it_is():
    found = unnamed(columns(), enumerations())
    assert found == dict.fromkeys(found, NONE)


@pytest.mark.parametrize(("module", "after", "state"), [
    ("values.py", '    CANCELLED = "cancelled"', "job.state"),
    ("promises/promises.py", '    GIVEN_UP = "given up"', "promise.state"),
    ("outbox/receipts.py", '    VOID = "void"', "commitment.state"),
    ("rejections/rejections.py", '    RECALLED = "recalled"', "rejection.because"),
])  # fmt: skip
def test_a_new_word_of_an_enumeration_is_told_until_a_scene_has_it(
    tmp_path, seen, module, after, state
):
    values = with_line(tmp_path, module, after, '    PAUSED = "paused"')
    there = set(states(columns(), values))
    found = faults(there, seen, elsewhere.STATES)
    assert found["no scene comes through"] == {f"{state}=paused"}
    assert faults(there, seen | there, NONE)["no scene comes through"] == NONE


def test_a_new_enumeration_is_told_until_somebody_says_what_it_is_for(tmp_path):
    line = '\n\nclass Errand(StrEnum):\n    RUN = "run"\n'
    values = with_line(tmp_path, "values.py", '    CANCELLED = "cancelled"', line)
    assert unnamed(columns(), values)["enumerations"] == {"values:Errand"}


@pytest.mark.parametrize("column", [
    Column("state", Text), Column("standing", String(16)), Column("kind", String(64)),
], ids=["by its name", "by its length", "by another name"])  # fmt: skip
def test_a_new_column_of_words_is_told_until_it_has_an_enumeration(column):
    found = unnamed(with_table(column), enumerations())
    assert found["columns of words"] == {f"errand.{column.name}"}


def test_a_new_time_that_may_be_there_is_a_state(seen):
    there = set(states(with_table(Column("done_at", UtcDateTime)), enumerations()))
    found = faults(there, seen, elsewhere.STATES)
    assert found["no scene comes through"] == {"errand.done_at"}


def test_a_word_in_a_row_that_no_enumeration_has_is_told(seen):
    there = set(states(columns(), enumerations()))
    found = faults(there, {*seen, "job.state=paused"}, elsewhere.STATES)
    assert found["in a row, and in no enumeration"] == {"job.state=paused"}


def test_an_excuse_for_a_state_that_is_reached_or_gone_is_told(seen):
    there = set(states(columns(), enumerations()))
    excused = {**elsewhere.STATES, "job.state=held": "", "job.state=lost": ""}
    found = faults(there, seen, excused)
    assert found["accounted for, and reached or no more"] == {"job.state=held", "job.state=lost"}


def test_states_are_read_from_the_rows_whoever_wrote_them(tmp_path):
    database = Database("sqlite:///node.db", tmp_path)
    database.prepare()
    with database.transaction() as session:
        recall = Recalls(session).add(("tiny", "1.0.0"), "A. Physicist", "blurred", NOW)
        driver = session.connection().connection
        assert look(driver, ["recall", "job"]) == NONE
        Recalls(session).ended(recall, NOW)
        assert look(driver, ["recall", "no table"]) == {"recall.ended_at"}
        assert look(driver, ["job"]) == NONE
    database.close()
