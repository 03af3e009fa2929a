"""The trail held against what the database knows of its end: what is gone is missed and told."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.audit import KnownEnd
from dicom_node.audit.journal import Journal, NewLine, read_head, verify
from dicom_node.audit.journal.head import files_in
from dicom_node.audit.known import Guard
from dicom_node.db import Database
from dicom_node.errors import DatabaseAway

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SMALL = 1500


class Scene:
    """A journal that grows, and who looks after it."""

    def __init__(self, folder, database) -> None:
        self.journal = Journal(folder / "audit", SMALL)
        self.folder = self.journal.folder
        self.database = database
        self.known = KnownEnd(database)
        self.guard = self.starts()

    def starts(self) -> Guard:
        self.guard = Guard(self.journal, self.known, lambda _, why: f"<alert>{why}</alert>")
        return self.guard

    def tell(self, count: int = 1, word: str = "m") -> None:
        for number in range(count):
            self.journal.append([NewLine(f"<{word} number='{number}'>Ä</{word}>", T0)])

    def look(self) -> None:
        self.guard.look(T0 + timedelta(seconds=1))

    @property
    def alerts(self) -> list[str]:
        texts = [(self.folder / name).read_text() for name in files_in(self.folder)]
        return [line for one in texts for line in one.splitlines() if "<alert>" in line]

    def verdict(self):
        known = self.known.read()
        return verify(self.folder, known=known.link if known else None)


@pytest.fixture
def scene(tmp_path, database):
    scene = Scene(tmp_path, database)
    scene.tell(20)
    scene.look()
    return scene


def test_what_was_never_written_is_not_missed(tmp_path, database):
    scene = Scene(tmp_path, database)
    scene.look()
    assert (scene.known.read(), scene.verdict().holds) == (None, True)
    assert not scene.folder.exists()


def test_the_end_is_known_and_follows_the_journal_over_files_and_starts(scene):
    assert scene.known.read() == read_head(scene.folder)
    for _ in range(12):
        scene.tell(5)
        scene.starts()
        scene.look()
        assert scene.known.read() == read_head(scene.folder)
    assert len(files_in(scene.folder)) > 10
    assert (scene.alerts, scene.verdict().holds) == ([], True)


@pytest.mark.parametrize("first", ["the guard", "somebody who tells", "nobody"])
def test_a_trail_that_is_deleted_is_missed_told_and_goes_on_behind_what_was_known(scene, first):
    shutil.rmtree(scene.folder)
    assert "line 20 is not here; it was deleted, or cut off; the database" in scene.verdict().why
    if first == "somebody who tells":
        scene.tell(2)
        assert "line 20 is not here" in scene.verdict().why
    if first != "nobody":
        scene.starts()
    scene.look()
    (alert,) = scene.alerts
    ends = 2 if first == "somebody who tells" else 0
    assert f"the database knows line 20, and the journal ends with line {ends}; lines" in alert
    assert read_head(scene.folder).link.seq == 21
    for _ in range(3):
        scene.tell()
        scene.look()
    assert len(scene.alerts) == 1, "it is told once"
    assert scene.known.read().link.seq == 24, "what follows is guarded again"
    assert not scene.verdict().holds, "but lines are missing for ever"


def cut(scene) -> None:
    """Take the last line away, and the head that knows it."""
    path = scene.folder / files_in(scene.folder)[-1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    (scene.folder / "head.json").unlink()


def test_lines_that_are_cut_off_with_the_head_are_missed_and_told(scene):
    cut(scene)
    assert not scene.verdict().holds
    scene.starts()
    scene.look()
    assert "the database knows line 20, and the journal ends with line 19" in scene.alerts[0]
    scene.tell()
    assert "number 21 follows number 19; lines are missing" in scene.verdict().why


def test_a_head_that_was_made_to_fit_does_not_help_who_cut_lines_off(scene):
    cut(scene)
    Journal(scene.folder, SMALL).append([])  # takes up the head where it ends
    assert verify(scene.folder).holds, "a chain alone cannot show it"
    assert "line 20 is not here" in scene.verdict().why
    scene.look()
    assert "the database knows line 20" in scene.alerts[0]


@pytest.mark.parametrize("count", [20, 25])
def test_a_trail_that_was_written_anew_is_told_at_each_start_and_never_believed(scene, count):
    before = scene.known.read()
    shutil.rmtree(scene.folder)
    scene.tell(count, "forged")
    assert verify(scene.folder).holds
    assert "line 20 had another hash; the journal was written anew; the" in scene.verdict().why
    for _ in range(3):
        scene.look()
    assert len(scene.alerts) == 1
    assert "line 20 is not the one that the database knows" in scene.alerts[0]
    scene.starts()
    scene.look()
    assert len(scene.alerts) == 2
    assert scene.known.read() == before


def test_a_forged_trail_without_a_head_is_not_believed_either(scene):
    shutil.rmtree(scene.folder)
    scene.tell(25, "forged")
    (scene.folder / "head.json").unlink()
    scene.starts()
    scene.look()
    scene.look()
    assert "head.json is missing" in scene.alerts[0]
    assert "is not the one that the database knows" in scene.alerts[1]


def test_a_head_that_the_power_took_is_no_alarm(scene):
    """Lines are on the disk before the database knows them; the head may be behind."""
    head = (scene.folder / "head.json").read_bytes()
    scene.tell(3)
    scene.look()
    (scene.folder / "head.json").write_bytes(head)
    assert scene.verdict().holds
    scene.starts()
    scene.look()
    scene.tell()
    scene.look()
    assert (scene.alerts, scene.verdict().holds) == ([], True)
    assert scene.known.read().link.seq == 24


def test_a_database_that_is_away_is_said_and_known_again_when_it_is_back(scene, monkeypatch):
    def away(_self):
        raise DatabaseAway("the database did not answer")

    scene.tell()
    monkeypatch.setattr(Database, "writing", away)
    with pytest.raises(DatabaseAway):
        scene.look()
    monkeypatch.undo()
    scene.look()
    assert (scene.known.read().link.seq, scene.alerts) == (21, [])
