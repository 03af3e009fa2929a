"""A database that an earlier version filled: brought up to date, headers read from the files."""

import shutil

import pytest
from sqlalchemy import func, select, text

from dicom_node.archive.query import ATTRIBUTES, Finder, HeaderFiller, Level, Query, Retriever
from dicom_node.archive.query.condition import Condition
from dicom_node.db import (
    ConflictRow,
    InstanceRow,
    PatientNameRow,
    SeriesRow,
    StudyRow,
    migrate,
)
from tests.dicom_node.archive.objects import SYNTAXES, Store, instance, received, study_uid
from tests.dicom_node.archive.query.test_find import query

EVERYTHING = (
    "PatientName PatientID StudyDate AccessionNumber StudyDescription Modality SeriesNumber"
    " SeriesDescription InstanceNumber SOPClassUID"
)


@pytest.fixture
def upgraded(empty_url, tmp_path, now):
    """An archive whose database was written by schema 0001, and is now at the newest."""
    from dicom_node.db import Database

    database = Database(empty_url, tmp_path)
    database.prepare()
    store = Store.on(database, tmp_path / "archive", now)
    fill(store)
    before = answers(store), counted(database)
    migrate.downgrade(database._engine, "0001")
    old = counted_by_hand(database)
    database.prepare()
    yield store, before, old
    database.close()


def fill(store: Store) -> None:
    for n, (study, syntax) in enumerate(
        zip(("one", "two", "three", "four"), SYNTAXES, strict=True)
    ):
        for series, number in (("b", 2), ("b", 10), ("a", 1), ("a", None)):
            values = {"InstanceNumber": number} if number else {"InstanceNumber": ""}
            ds = instance(
                study, series, number or 99, PatientID=f"P{n}", SpecificCharacterSet="ISO_IR 192",
                PatientName=f"Müller^J{n}=山田^太郎", StudyDate=f"2026010{n + 1}",
                AccessionNumber=f"A{n}", SeriesNumber=7, SeriesDescription=f"series {series}",
                **values,
            )  # fmt: skip
            store.keep(ds, syntax)
    other = instance("one", "b", 2, PatientID="SOMEBODY ELSE", PatientName="Not^Me")
    store.keep(other)


def answers(store: Store) -> dict[str, list]:
    finder = Finder(store.database, store.archive.folder)
    found = {}
    for level in Level:
        wanted = [one for one in EVERYTHING.split() if ATTRIBUTES[one].level in level.above]
        found[level] = sorted(map(str, finder.find(query(level, " ".join(wanted)))))
    return found


def counted(database) -> dict[str, int]:
    rows = (StudyRow, SeriesRow, InstanceRow, ConflictRow, PatientNameRow)
    with database.reading() as session:
        return {
            row.__tablename__: session.scalar(select(func.count()).select_from(row)) for row in rows
        }


def counted_by_hand(database) -> dict[str, int]:
    with database.reading() as session:
        return {
            name: session.execute(text(f"SELECT count(*) FROM {name}")).scalar()  # noqa: S608
            for name in ("study", "series", "instance", "conflict")
        }


def empty_headers(database) -> int:
    with database.reading() as session:
        empty = select(func.count()).where(SeriesRow.header.is_(None))
        return session.scalar(empty) + session.scalar(
            select(func.count()).where(StudyRow.header.is_(None))
        )


def run(filler: HeaderFiller, now) -> int:
    ticks = 0
    while read := filler.tick(now):
        ticks += 1
        assert read <= filler._files + 1
        assert ticks < 100
    return ticks


def test_the_way_down_and_up_keeps_every_row(upgraded):
    store, (_, before), old = upgraded
    assert old == {name: before[name] for name in old}
    assert counted(store.database) == {**before, "patient_name": 0}
    assert empty_headers(store.database) == before["study"] + before["series"]


def test_what_was_answered_before_is_answered_again(upgraded, now):
    store, (before, rows), _ = upgraded
    assert answers(store) != before
    assert run(HeaderFiller(store.database, store.archive.folder), now) == 1
    assert answers(store) == before
    assert counted(store.database) == rows


def test_a_tick_reads_no_more_files_than_it_may(upgraded, now):
    store, (before, _), _ = upgraded
    filler = HeaderFiller(store.database, store.archive.folder, files=3)
    assert run(filler, now) == 8
    assert answers(store) == before


def test_after_a_restart_in_the_middle_it_goes_on(upgraded, now):
    store, (before, _), _ = upgraded
    for _ in range(40):  # a new one each time, as if the process had died after every tick
        if not HeaderFiller(store.database, store.archive.folder, files=4).tick(now):
            break
    assert empty_headers(store.database) == 0
    assert answers(store) == before


def test_a_study_is_found_by_its_uid_and_retrieved_before_it_has_its_header(upgraded):
    store, _, _ = upgraded
    asked = Condition(ATTRIBUTES["StudyInstanceUID"], (study_uid("one"),))
    retriever = Retriever(store.database, store.archive.folder)
    assert len(retriever.select((asked,))) == 4
    finder = Finder(store.database, store.archive.folder)
    assert len(list(finder.find(Query(Level.IMAGE, (asked,), ())))) == 4


def test_numbers_are_known_before_they_are_filled(upgraded):
    store, _, _ = upgraded
    finder = Finder(store.database, store.archive.folder)
    asked = query("IMAGE", "InstanceNumber", InstanceNumber="10")
    assert len(list(finder.find(asked))) == 4


def test_files_that_are_away_are_waited_for_and_not_taken_for_empty(upgraded, now):
    store, (before, _), _ = upgraded
    archive = store.archive.folder
    archive.rename(archive.with_name("elsewhere"))
    archive.mkdir()
    run(HeaderFiller(store.database, archive), now)
    assert empty_headers(store.database) == 12
    shutil.rmtree(archive)
    archive.with_name("elsewhere").rename(archive)
    run(HeaderFiller(store.database, archive), now)
    assert answers(store) == before


def test_what_comes_meanwhile_has_its_header_already(upgraded, now):
    store, _, _ = upgraded
    before = empty_headers(store.database)
    store.archive.keep(received(instance("new", PatientID="NEW")))
    assert empty_headers(store.database) == before
    finder = Finder(store.database, store.archive.folder)
    assert len(list(finder.find(query("STUDY", PatientID="NEW")))) == 1


def test_when_all_is_filled_nothing_is_looked_for_any_more(upgraded, now, monkeypatch):
    store, _, _ = upgraded
    filler = HeaderFiller(store.database, store.archive.folder)
    run(filler, now)
    monkeypatch.setattr(filler, "_next", lambda _: pytest.fail("there is nothing to do"))
    assert filler.tick(now) == 0
