"""What a query asks of the database: of 100,000 studies those that an index names, and no more."""

import pytest
from sqlalchemy import text

from dicom_node.archive.query.attributes import ATTRIBUTES, Level
from dicom_node.archive.query.condition import Condition
from dicom_node.archive.query.narrow import narrowed
from dicom_node.db import Database

INDEX = {
    "PatientID": ("p1", "ix_study_patient_id"),
    "AccessionNumber": ("a1", "ix_study_accession_number"),
    "StudyDate": ("20200101", "ix_study_date"),
    "PatientName": ("smith*", "sqlite_autoindex_study_1"),
    "StudyInstanceUID": ("1.2.3", "sqlite_autoindex_study_1"),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    opened = Database("sqlite:///node.db", tmp_path_factory.mktemp("plans"))
    opened.prepare()
    yield opened
    opened.close()


def plan(database, conditions) -> list[str]:
    """Return what SQLite does: the outermost loop first, those over sub-queries behind it."""
    (statement,) = narrowed(Level.STUDY, conditions)
    sql = str(statement.compile(database.engine, compile_kwargs={"literal_binds": True}))
    with database.reading() as session:
        rows = session.execute(text("EXPLAIN QUERY PLAN " + sql.replace(":", "\\:")))
        return [str(row[3]) for row in rows]


@pytest.mark.parametrize("beside", [(), ("ModalitiesInStudy",)])
@pytest.mark.parametrize("keyword", INDEX)
def test_the_key_that_tells_most_leads_and_nothing_is_scanned(database, keyword, beside):
    value, index = INDEX[keyword]
    conditions = [Condition(ATTRIBUTES[keyword], (value,))]
    conditions += [Condition(ATTRIBUTES[one], ("MR",)) for one in beside]
    steps = plan(database, conditions)
    assert steps[0].startswith("SEARCH study")
    assert index in steps[0]
    assert [step for step in steps if step.startswith("SCAN")] == []
