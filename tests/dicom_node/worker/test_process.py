"""A child may die in any way; the parent hears of it and goes on."""

import os
import signal

import pytest

from dicom_node.worker import Child, ChildDied

ECHO = "import sys\nfor line in sys.stdin: sys.stdout.write(line.upper()); sys.stdout.flush()"


@pytest.fixture
def child():
    started = Child(("-c", ECHO))
    yield started
    started.stop()


def listen(child: Child) -> None:
    while True:
        child.answer(5.0)


def ask(child: Child, line: str) -> str:
    child.give(line)
    answer = None
    while answer is None:
        answer = child.answer(5.0)
    return answer


def test_lines_go_in_and_come_out(child):
    assert ask(child, "one\n") == "ONE"
    first = child.pid
    assert ask(child, "two\n") == "TWO"
    assert child.pid == first


def test_a_killed_child_is_told_by_its_signal_and_started_anew(child):
    ask(child, "one\n")
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(ChildDied, match="signal 9"):
        listen(child)
    assert ask(child, "again\n") == "AGAIN"


def test_a_child_that_ends_by_itself_is_told_by_its_status():
    child = Child(("-c", "import sys; sys.stdin.readline(); sys.exit(7)"))
    child.give("work\n")
    with pytest.raises(ChildDied, match="status 7"):
        listen(child)


def test_a_child_that_never_answers_can_be_stopped():
    child = Child(("-c", "import time; time.sleep(600)"))
    child.give("work\n")
    assert child.answer(0.05) is None
    pid = child.pid
    child.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_half_a_line_is_no_answer():
    child = Child(("-c", "import sys,time; sys.stdout.write('half'); sys.stdout.flush(); "
                         "time.sleep(0.3); sys.stdout.write(' whole\\n'); sys.stdout.flush(); "
                         "time.sleep(60)"))  # fmt: skip
    child.start()
    heard = []
    while not heard or heard[-1] is None:
        heard.append(child.answer(5.0))
    assert heard[-1] == "half whole"
    assert None in heard
    child.stop()
