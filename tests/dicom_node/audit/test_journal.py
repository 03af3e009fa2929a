"""The journal: what is in it stays, in order, and any change to it shows."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_node.audit.journal import (
    Journal,
    Link,
    NewLine,
    Retention,
    beginning,
    lines_after,
    read_head,
    verify,
)
from dicom_node.audit.journal.head import files_in
from dicom_node.audit.journal.lock import OneWriter
from dicom_node.errors import JournalBroken

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SMALL = 1500


def fill(folder: Path, count: int, file_bytes: int = SMALL) -> Journal:
    journal = Journal(folder / "audit", file_bytes)
    for number in range(count):
        journal.append([NewLine(f"<message number='{number}'>Ä\n</message>", T0)])
    return journal


def messages(folder: Path) -> list[str]:
    end = read_head(folder)
    return [read.line.message for read in lines_after(folder, beginning(folder), end)]


def last(journal: Journal) -> Path:
    return journal.folder / files_in(journal.folder)[-1]


@pytest.fixture
def journal(tmp_path):
    return fill(tmp_path, 20)


def test_what_was_appended_is_there_in_order_over_all_files(journal):
    files = files_in(journal.folder)
    assert len(files) > 2
    assert all((journal.folder / name).stat().st_size < 2 * SMALL for name in files)
    assert messages(journal.folder) == [
        f"<message number='{number}'>Ä\n</message>" for number in range(20)
    ]
    verdict = verify(journal.folder)
    assert (verdict.holds, verdict.lines, verdict.last.seq) == (True, 20, 20)


def test_a_line_has_number_time_hash_of_the_line_before_and_message(journal):
    first, second = fields(journal.folder)[:2]
    assert first["before"] == "0" * 64
    assert (second["seq"], second["time"]) == (2, "2026-01-02T03:04:05+00:00")
    assert second["before"] == first["hash"]
    assert "number='1'" in second["message"]


def fields(folder: Path) -> list[dict]:
    texts = [(folder / name).read_text() for name in files_in(folder)]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def test_several_lines_at_once_are_chained_like_any(tmp_path):
    journal = Journal(tmp_path / "audit", SMALL)
    head = journal.append([NewLine("<a/>", T0), NewLine("<b/>", T0)]).head
    assert head.seq == 2
    assert verify(journal.folder).last == head


def test_a_journal_that_was_never_written_holds(tmp_path):
    verdict = verify(tmp_path / "audit")
    assert (verdict.holds, verdict.lines) == (True, 0)
    assert not (tmp_path / "audit").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Two small files and the head."""
    journal = Journal(tmp_path_factory.mktemp("whole") / "audit", 500)
    for number in range(4):
        journal.append([NewLine(f"<m n='{number}'>Ä</m>", T0)])
    assert len(files_in(journal.folder)) == 2
    return journal.folder


def holds_with(path: Path, content: bytes) -> bool:
    """Whether the journal holds with other bytes in a file, which gets its own back."""
    own = path.read_bytes()
    try:
        path.write_bytes(content)
        return verify(path.parent).holds
    finally:
        path.write_bytes(own)


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_one_flipped_bit_is_seen_wherever_it_is(whole, flip):
    """In every byte of the journal, that of its head included."""
    for name in (*files_in(whole), "head.json"):
        path = whole / name
        content = path.read_bytes()
        for at in range(len(content)):
            changed = content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]
            assert not holds_with(path, changed), (name, at)
    assert verify(whole).holds


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_or_one_more_or_less_is_seen(whole, data):
    path = whole / data.draw(st.sampled_from([*files_in(whole), "head.json"]))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    put = data.draw(st.binary(max_size=2).filter(lambda one: one != content[at : at + 1]))
    assert not holds_with(path, content[:at] + put + content[at + 1 :])


def test_the_first_line_that_does_not_hold_is_named(journal):
    name = files_in(journal.folder)[1]
    path = journal.folder / name
    path.write_bytes(path.read_bytes().replace(b"number='", b"Number='"))
    verdict = verify(journal.folder)
    assert f"{name}, line 1: its content" in verdict.why
    assert verdict.last.seq == int(name[6:18]) - 1


def without(path: Path, number: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[number]
    path.write_bytes(b"".join(lines))


def test_a_line_that_was_taken_out_is_missed(journal):
    path = journal.folder / files_in(journal.folder)[1]
    without(path, 1)
    assert "lines are missing" in verify(journal.folder).why


def test_lines_that_changed_places_are_seen(journal):
    path = journal.folder / files_in(journal.folder)[1]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], *lines[2:1:-1], lines[1], *lines[3:]]))
    assert "lines are missing" in verify(journal.folder).why


def test_a_line_of_another_journal_does_not_fit(tmp_path, journal):
    other = Journal(tmp_path / "other", SMALL)
    for number in range(20):
        other.append([NewLine(f"<other number='{number}'/>", T0 + timedelta(days=1))])
    path = journal.folder / files_in(journal.folder)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    theirs = (other.folder / files_in(other.folder)[0]).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], theirs[1], *lines[2:]]))
    assert "not the one that was there" in verify(journal.folder).why


def test_a_file_that_was_taken_out_is_missed_wherever_it_was(journal):
    for number, reason in ((0, "no line says why"), (1, "lines are missing"), (-1, "at the end")):
        name = files_in(journal.folder)[number]
        content = (journal.folder / name).read_bytes()
        (journal.folder / name).unlink()
        assert reason in verify(journal.folder).why
        (journal.folder / name).write_bytes(content)
    assert verify(journal.folder).holds


def test_lines_cut_off_at_the_end_are_missed_because_the_head_knows_them(journal):
    without(last(journal), -1)
    assert "number" in verify(journal.folder).why
    assert "20 are missing at the end" in verify(journal.folder).why


def test_a_head_that_is_gone_is_said(journal):
    (journal.folder / "head.json").unlink()
    assert "head.json is missing" in verify(journal.folder).why


def test_a_link_that_was_written_down_shows_a_journal_that_was_written_anew(tmp_path, journal):
    witness = verify(journal.folder).last
    assert verify(journal.folder, witness).holds
    assert verify(journal.folder, Link(witness.seq, witness.hash[:32])).holds
    anew = Journal(tmp_path / "anew", SMALL)
    for number in range(25):
        anew.append([NewLine(f"<forged number='{number}'/>", T0)])
    assert verify(anew.folder).holds, "a chain alone cannot show it"
    assert "written anew" in verify(anew.folder, witness).why
    assert "is not here" in verify(journal.folder, Link(21, "0" * 64)).why


def test_a_copy_that_may_only_be_read_is_verified_too(journal, monkeypatch):
    def refuse(self, *_arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(OneWriter, "_wait", refuse)  # permissions do not stop root
    assert verify(journal.folder).holds


# What a power cut leaves.


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_torn_last_line_is_kept_apart_and_said_and_the_chain_goes_on(journal, cut):
    path = last(journal)
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(whole.splitlines(keepends=True)[0][:cut])
    assert "no whole line" in verify(journal.folder).why
    (finding,) = journal.append([NewLine("<after/>", T0)]).findings
    assert f"{cut} bytes after line 20" in finding
    (kept,) = (journal.folder / "apart").iterdir()
    assert kept.read_bytes() == whole.splitlines(keepends=True)[0][:cut]
    assert kept.name in finding
    assert verify(journal.folder).holds
    assert messages(journal.folder)[-1] == "<after/>"
    assert journal.append([NewLine("<then/>", T0)]).findings == ()


def test_zeros_that_a_file_system_left_behind_the_last_line_are_kept_apart(journal):
    with last(journal).open("ab") as file:
        file.write(b"\0" * 4096)
    (finding,) = journal.append([NewLine("<after/>", T0)]).findings
    assert "4096 bytes" in finding
    assert verify(journal.folder).holds


@pytest.mark.parametrize("count", [1, 3])
def test_whole_lines_that_the_head_does_not_know_yet_are_taken_up(tmp_path, count):
    """The power went between the line and the head; the file rolled over meanwhile or not."""
    journal = fill(tmp_path, 20)
    head = (journal.folder / "head.json").read_bytes()
    for number in range(count):
        journal.append([NewLine(f"<unheard number='{number}'/>", T0)])
    (journal.folder / "head.json").write_bytes(head)
    assert verify(journal.folder).holds
    appended = journal.append([NewLine("<after/>", T0)])
    assert (appended.head.seq, appended.findings) == (21 + count, ())
    assert verify(journal.folder).holds
    assert len(messages(journal.folder)) == 21 + count


@pytest.mark.parametrize("damage", ["missing", "garbled"])
def test_without_a_head_the_journal_is_taken_up_after_its_last_line_and_that_is_said(
    journal, damage
):
    if damage == "missing":
        (journal.folder / "head.json").unlink()
    else:
        (journal.folder / "head.json").write_bytes(b"\0" * 100)
    (finding,) = journal.append([NewLine("<after/>", T0)]).findings
    assert "head.json" in finding
    assert "after line 20" in finding
    assert verify(journal.folder).lines == 21
    assert verify(journal.folder).holds


def test_a_journal_that_was_cut_goes_on_in_a_new_file_and_never_holds_again(journal):
    without(last(journal), -1)
    (finding,) = journal.append([NewLine("<after/>", T0)]).findings
    assert "lines were deleted" in finding
    assert "lines are missing" in verify(journal.folder).why
    assert messages(journal.folder)[-1] == "<after/>"
    assert journal.append([NewLine("<then/>", T0)]).findings == ()


def test_a_disk_that_cannot_be_written_is_said_and_leaves_the_journal_as_it_was(
    journal, monkeypatch
):
    import os

    real, calls = os.write, []

    def write(descriptor, content):
        calls.append(len(content))
        if len(calls) == 1:
            return real(descriptor, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    before = last(journal).read_bytes()
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(JournalBroken, match="No space left"):
        journal.append([NewLine("<lost/>", T0)])
    monkeypatch.undo()
    assert last(journal).read_bytes() == before
    assert verify(journal.folder).holds
    assert journal.append([NewLine("<after/>", T0)]).findings == ()


def test_a_writer_that_hangs_does_not_hang_the_others(journal):
    impatient = OneWriter(journal.folder, 0.05)
    with OneWriter(journal.folder, 1.0).held(), pytest.raises(JournalBroken, match="is held"):  # noqa: SIM117
        with impatient.held():
            raise AssertionError("two hold it")
    with impatient.held():
        assert verify(journal.folder.parent / "elsewhere").holds


def test_a_thread_that_hangs_does_not_hang_the_others(journal):
    writer, refused = OneWriter(journal.folder, 0.05), []

    def try_it() -> None:
        try:
            with writer.held():
                refused.append("two hold it")
        except JournalBroken as exc:
            refused.append(str(exc))

    with writer.held():
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert "is held" in refused[0]


def test_threads_that_write_at_once_make_one_chain(tmp_path):
    journal = Journal(tmp_path / "audit", SMALL)

    def write(name: int) -> None:
        for number in range(15):
            journal.append([NewLine(f"<message name='{name}' number='{number}'/>", T0)])

    threads = [threading.Thread(target=write, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify(journal.folder).lines == 90
    found = messages(journal.folder)
    for name in range(6):
        own = [one for one in found if f"name='{name}'" in one]
        assert own == [f"<message name='{name}' number='{number}'/>" for number in range(15)]


# What is old.


def old(journal: Journal, *, days: int = 10, sent: int = 10**9) -> int:
    retention = Retention(
        timedelta(days=days), lambda: sent, lambda now, path, numbers: f"<gone first='{numbers}'/>"
    )
    now = datetime.now(UTC) + timedelta(days=11)
    return retention.apply(journal, now)


def test_old_files_are_deleted_one_at_a_time_and_the_chain_says_so(journal):
    count = len(files_in(journal.folder))
    assert old(journal) == 1
    assert old(journal) == 1
    assert len(files_in(journal.folder)) <= count - 2 + 1
    verdict = verify(journal.folder)
    assert verdict.holds
    assert verdict.first.seq > 1
    assert sum("<gone" in one for one in messages(journal.folder)) == 2


def test_the_file_in_use_is_never_deleted(tmp_path):
    journal = fill(tmp_path, 2, file_bytes=10**6)
    assert old(journal) == 0
    assert verify(journal.folder).lines == 2


def test_nothing_is_deleted_that_is_young_or_not_with_every_receiver_or_to_be_kept_for_ever(
    journal,
):
    assert old(journal, days=12) == 0
    assert old(journal, sent=1) == 0
    assert old(journal, days=0) == 0
    assert verify(journal.folder).lines == 20


def test_a_power_cut_between_the_line_and_the_deletion_leaves_a_chain_that_holds(
    journal, monkeypatch
):
    def cut(self, missing_ok=False):
        raise OSError(5, "the power went")

    monkeypatch.setattr(Path, "unlink", cut)
    with pytest.raises(JournalBroken):
        old(journal)
    monkeypatch.undo()
    assert verify(journal.folder).holds
    assert old(journal) == 1
    assert verify(journal.folder).holds


def test_the_line_that_tells_of_a_deletion_is_part_of_what_holds(journal):
    """Who deletes the first file without telling cannot borrow the words of a deletion before."""
    assert old(journal) == 1
    (journal.folder / files_in(journal.folder)[0]).unlink()
    assert "no line says why" in verify(journal.folder).why
