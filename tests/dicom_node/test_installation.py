"""One device UID for an installation, one serving process for a data folder."""

import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from dicom_node.dicom import is_uid
from dicom_node.errors import AlreadyRunning, SettingsError
from dicom_node.installation import device_uid, only_one
from dicom_node.settings import load_settings

MANY = 8
HOLDER = """
import subprocess, sys
from pathlib import Path
from dicom_node.installation import only_one
with only_one(Path(sys.argv[1])):
    beside = subprocess.Popen(["sleep", "60"])
    print(beside.pid, flush=True)
    input()
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "conf").mkdir()
    return load_settings(tmp_path / "conf", {})


def test_a_uid_that_cannot_be_kept_is_told_in_one_line(settings, monkeypatch):
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="device_uid: cannot be written: No space left"):
        device_uid(settings)
    assert list(settings.data.iterdir()) == []


def test_a_uid_is_made_once_and_kept(settings):
    uid = device_uid(settings)
    assert is_uid(uid)
    assert device_uid(settings) == uid
    assert [path.name for path in settings.data.iterdir()] == ["device_uid"]


def test_the_configured_uid_counts_and_nothing_is_written(settings, tmp_path):
    (tmp_path / "conf" / "node.toml").write_text('[node]\ndevice_uid = "1.2.3"\n')
    assert device_uid(load_settings(tmp_path / "conf", {})) == "1.2.3"
    assert not settings.data.exists()


def test_of_several_processes_that_start_at_once_only_one_makes_the_uid(settings):
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(MANY), context.SimpleQueue()

    def first_start():
        start.wait()
        answers.put(device_uid(settings))

    processes = [context.Process(target=first_start) for _ in range(MANY)]
    for process in processes:
        process.start()
    uids = {answers.get() for _ in processes}
    for process in processes:
        process.join()
    assert len(uids) == 1
    assert [path.name for path in settings.data.iterdir()] == ["device_uid"]


def test_processes_of_two_hosts_with_the_same_number_make_one_uid_too(settings, monkeypatch):
    written, link = Barrier(MANY), os.link

    def link_when_all_have_written(*paths):
        written.wait()
        link(*paths)

    monkeypatch.setattr(os, "link", link_when_all_have_written)
    with ThreadPoolExecutor(MANY) as pool:  # threads: one process number, as in two containers
        uids = set(pool.map(lambda _: device_uid(settings), range(MANY)))
    assert len(uids) == 1
    assert [path.name for path in settings.data.iterdir()] == ["device_uid"]


@pytest.mark.parametrize("content", [b"", b"hello\n", b"1.02\n", b"\xff\xfe\x00"])
def test_a_spoilt_uid_is_an_error_that_names_the_file_and_the_remedy(settings, content):
    settings.data.mkdir()
    kept = settings.data / "device_uid"
    kept.write_bytes(content)
    with pytest.raises(SettingsError, match=r"restore the file or set node\.device_uid") as caught:
        device_uid(settings)
    assert str(kept) in str(caught.value)
    assert kept.read_bytes() == content


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the data folder, with a process of its own beside it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    beside = int(process.stdout.readline())
    yield process
    os.kill(beside, signal.SIGKILL)
    process.kill()
    process.communicate()


def test_a_second_node_on_the_folder_is_told_so_and_what_to_do(tmp_path, holder):
    lock = only_one(tmp_path)
    with pytest.raises(AlreadyRunning, match="stop it, or give this one") as caught:
        lock.__enter__()
    assert str(tmp_path) in str(caught.value)
    assert holder.poll() is None


def test_a_node_that_was_killed_holds_the_folder_no_more(tmp_path, holder):
    holder.kill()
    holder.wait()
    with only_one(tmp_path):
        pass


def test_the_folder_is_free_again_once_the_node_stopped(tmp_path):
    for _ in range(2):
        with only_one(tmp_path / "new"):
            pass
