"""Bytes onto the disk: whole, in their place, and there after a power cut."""

import errno
import multiprocessing
import os
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_node.archive import Files, Space
from dicom_node.archive.files import ScratchFile
from dicom_node.errors import ArchiveBroken, ArchiveFull

SHA = "a" * 64


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "archive")


@pytest.fixture
def calls(monkeypatch):
    """Everything asked of the system, in order: what was synced or renamed, by path."""
    noted: list[tuple[str, str]] = []

    def path_of(descriptor: int) -> str:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())

    def noting(name, of_path):
        real = getattr(os, name)

        def call(*arguments, **named):
            noted.append((name, of_path(*arguments)))
            return real(*arguments, **named)

        monkeypatch.setattr(os, name, call)

    noting("fsync", path_of)
    noting("replace", lambda _, target: str(target))
    return noted


def everything_in(files: Files) -> list[Path]:
    return [path for path in files.folder.rglob("*") if path.is_file()]


def test_what_was_written_is_there(files):
    place = files.place_of("1.2", SHA)
    files.write(place, b"head", b"", b"body")
    assert (files.folder / place).read_bytes() == b"headbody"
    assert everything_in(files) == [files.folder / place]


def test_the_same_content_again_changes_nothing(files):
    place = files.place_of("1.2", SHA)
    for _ in range(2):
        files.write(place, b"content")
    assert everything_in(files) == [files.folder / place]


def test_a_file_is_on_the_disk_before_it_has_its_name(files, calls):
    place = files.place_of("1.2", SHA)
    files.write(place, b"content")
    target = str(files.folder / place)
    (written,) = [path for name, path in calls if name == "fsync" and path.endswith(".part")]
    assert Path(written).parent == files.folder / "incoming"
    assert calls[-2:] == [("fsync", written), ("replace", target)]


def test_the_folders_of_a_new_study_are_on_the_disk_before_any_file_of_it(files, calls):
    place = files.place_of("1.2", SHA)
    files.write(place, b"content")
    study = (files.folder / place).parent
    assert calls[:2] == [("fsync", str(study.parent)), ("fsync", str(files.folder))]
    calls.clear()
    files.write(files.place_of("1.2", "b" * 64), b"more")
    assert [name for name, _ in calls] == ["fsync", "replace"]


def test_a_folder_that_another_made_is_on_the_disk_all_the_same(files, calls):
    """It may have made it a moment before it crashed; once we know, we need not ask again."""
    first, second = (files.place_of("1.2", sha * 64) for sha in "ab")
    study = (files.folder / first).parent
    study.mkdir(parents=True)
    files.write(first, b"content")
    above = [("fsync", str(study.parent)), ("fsync", str(files.folder))]
    assert calls[:2] == above
    calls.clear()
    Files(files.folder).write(second, b"content")  # another process
    assert calls[:2] == above


def test_nobody_goes_ahead_while_a_folder_is_on_its_way_to_the_disk(files, monkeypatch, calls):
    syncing, go_on, fsync = threading.Event(), threading.Event(), os.fsync

    def slow(descriptor):
        syncing.set()
        assert go_on.wait(20)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    places = [files.place_of("1.2", sha * 64) for sha in "ab"]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(files.write, places[0], b"one")
        assert syncing.wait(20)
        monkeypatch.setattr(os, "fsync", fsync)
        second = pool.submit(files.write, places[1], b"two")
        time.sleep(0.2)
        ahead = [name for name, _ in calls if name == "replace"]
        go_on.set()
        assert (first.result(20), second.result(20)) == (None, None)
    assert ahead == []


def test_settling_syncs_each_folder_once(files, calls):
    places = {files.place_of(study, sha * 64) for study in ("1.2", "1.3") for sha in "abc"}
    for place in places:
        files.write(place, b"content")
    calls.clear()
    files.settle(places)
    assert sorted(calls) == sorted(
        {("fsync", str((files.folder / place).parent)) for place in places}
    )
    assert len(calls) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_nothing_and_says_what_to_do(files, monkeypatch, code):
    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(ArchiveFull, match="free some and send again"):
        files.write(files.place_of("1.2", SHA), b"content")
    assert everything_in(files) == []
    monkeypatch.undo()
    files.write(files.place_of("1.2", SHA), b"content")
    assert len(everything_in(files)) == 1


@contextmanager
def files_no_longer_than(size: int):
    """The system itself refuses to let a file grow further (setrlimit(2))."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_takes_half_a_file_keeps_nothing(files):
    place = files.place_of("1.2", SHA)
    with files_no_longer_than(100_000), pytest.raises(ArchiveBroken, match="check the disk"):
        files.write(place, b"head" * 1000, b"body" * 100_000)
    assert everything_in(files) == []
    files.write(place, b"head" * 1000, b"body" * 100_000)
    assert (files.folder / place).stat().st_size == 404_000


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_whichever_step_fails_nothing_is_left(files, monkeypatch, call):
    def broken(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, broken)
    with pytest.raises(ArchiveBroken, match="check the disk"):
        files.write(files.place_of("1.2", SHA), b"content")
    monkeypatch.undo()
    assert everything_in(files) == []


def test_a_folder_that_cannot_be_synced_is_told(files, monkeypatch):
    place = files.place_of("1.2", SHA)
    files.write(place, b"content")

    def broken(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(ArchiveBroken):
        files.settle({place})


@given(
    parts=st.lists(st.binary(max_size=50), max_size=6),
    steps=st.lists(st.integers(1, 30), min_size=1, max_size=8),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
def test_a_system_that_takes_a_little_at_a_time_gets_it_all(files, parts, steps):
    real, turn = os.writev, iter(range(10**6))

    def little(descriptor, views):
        left = steps[next(turn) % len(steps)]
        some = []
        for view in views:
            some.append(view[:left])
            left -= len(some[-1])
        return real(descriptor, some)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "writev", little)
        files.write("aa/study/file.dcm", *parts)
    assert (files.folder / "aa/study/file.dcm").read_bytes() == b"".join(parts)


@given(study=st.one_of(st.text(), st.sampled_from(["../../etc/x", "/etc/x", "..", "a\0b", "."])))
def test_no_text_from_the_wire_is_ever_a_path(study):
    place = Files.place_of(None, study, SHA)
    shelf, folder, name = place.split("/")
    assert name == f"{SHA}.dcm"
    assert len(shelf) == 2
    assert set(shelf + folder) <= set("0123456789abcdef")


def test_different_studies_have_different_folders(files):
    places = {files.place_of(f"1.{number}", SHA) for number in range(1000)}
    assert len({Path(place).parent for place in places}) == 1000


def test_processes_of_two_hosts_with_the_same_number_do_not_mix_their_bytes(files, monkeypatch):
    both_written, fsync = Barrier(2), os.fsync

    def fsync_when_both_have_written(descriptor):
        both_written.wait(20)
        fsync(descriptor)

    others = Files(files.folder)
    for one in (files, others):
        one.write("aa/study/first.dcm", b"makes the folder")
    monkeypatch.setattr(os, "fsync", fsync_when_both_have_written)
    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(files.write, "aa/study/ours.dcm", b"ours")
        theirs = pool.submit(others.write, "aa/study/theirs.dcm", b"theirs")
        assert (ours.result(20), theirs.result(20)) == (None, None)
    assert (files.folder / "aa/study/ours.dcm").read_bytes() == b"ours"
    assert (files.folder / "aa/study/theirs.dcm").read_bytes() == b"theirs"


def test_a_folder_that_was_deleted_meanwhile_is_made_again(files):
    place = files.place_of("1.2", SHA)
    files.write(place, b"content")
    (files.folder / place).unlink()
    (files.folder / place).parent.rmdir()
    files.write(place, b"content")
    assert (files.folder / place).read_bytes() == b"content"


def killed_while_writing(folder: Path) -> None:
    files = Files(folder)
    files.write(files.place_of("1.2", "b" * 64), b"makes the folder")
    os.fsync = lambda _: os._exit(9)
    files.write(files.place_of("1.2", "c" * 64), b"hal")


def test_what_a_process_was_writing_when_it_was_killed_is_deleted_at_the_next_start(files):
    process = multiprocessing.get_context("fork").Process(
        target=killed_while_writing, args=(files.folder,)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    assert len(list((files.folder / "incoming").iterdir())) == 1
    again = Files(files.folder)
    assert again.discard_unfinished() == 1
    assert again.discard_unfinished() == 0
    assert len(everything_in(files)) == 1


def test_what_a_living_process_is_writing_stays_when_another_starts(files, monkeypatch):
    discarded, fsync = [], os.fsync

    def while_it_is_written(descriptor):
        fsync(descriptor)
        discarded.append(Files(files.folder).discard_unfinished())

    monkeypatch.setattr(os, "fsync", while_it_is_written)
    place = files.place_of("1.2", SHA)
    files.write(place, b"content")
    assert set(discarded) == {0}
    assert (files.folder / place).read_bytes() == b"content"


@pytest.mark.parametrize("name", ["other-host+boot+1+1+0f+0.part", "1-1.part"])
def test_what_was_left_by_nobody_that_we_know_goes_after_a_day(files, name):
    part = files.folder / "incoming" / name
    part.write_bytes(b"hal")
    assert files.discard_unfinished() == 0
    yesterday = time.time() - 25 * 3600
    os.utime(part, (yesterday, yesterday))
    assert files.discard_unfinished() == 1


def test_removing_what_is_not_there_is_no_error(files):
    place = files.place_of("1.2", SHA)
    files.write(place, b"content")
    files.remove(place)
    files.remove(place)
    assert everything_in(files) == []


@pytest.mark.parametrize("last", ["write", "flush", "seek"])
def test_a_file_to_work_in_says_that_the_disk_is_full(tmp_path, last):
    with Path("/dev/full").open("r+b", buffering=0) as raw:
        file = ScratchFile(raw, Space(tmp_path, 0))
        with pytest.raises(ArchiveFull):  # noqa: PT012 - which of the two fails is up to Python
            file.write(bytes(2**20 if last == "write" else 10))
            file.seek(0) if last == "seek" else file.flush()


def test_a_file_to_work_in_keeps_what_is_written(files, tmp_path):
    with files.scratch(Space(tmp_path, 0)) as file:
        file.write(b"what ")
        file.write(memoryview(b"was written"))
        file.seek(5)
        assert file.read() == b"was written"
    assert everything_in(files) == []
