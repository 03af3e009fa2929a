"""Two processes write one journal and are killed in the middle: the chain goes on."""

import random
import subprocess
import sys
import time

import pytest

from dicom_node.audit.journal import Journal, NewLine, beginning, lines_after, read_head, verify
from tests.dicom_node.audit.test_journal import T0

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from dicom_node.audit.journal import Journal, NewLine
journal = Journal(Path(sys.argv[1]), 20_000)
number = 0
while True:
    text = f"<message writer='{sys.argv[2]}' number='{number}'>{'x' * 500}</message>"
    seq = journal.append([NewLine(text, datetime.now(UTC))]).head.seq
    print(number, seq, flush=True)
    number += 1
"""


def start(folder, name):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_before_a_kill_is_there_once_and_the_chain_holds(tmp_path, seed):
    folder, drawn = tmp_path / "audit", random.Random(seed)
    writers = {name: start(folder, name) for name in ("one", "two")}
    acknowledged = {name: [next(writer.stdout)] for name, writer in writers.items()}
    time.sleep(drawn.uniform(0.05, 0.4))  # the moment is what the test is about
    for name in drawn.sample(sorted(writers), 2):  # the second writes on while the first is dead
        time.sleep(drawn.uniform(0, 0.1))
        writers[name].kill()
        acknowledged[name] += writers[name].communicate()[0].splitlines()
    appended = Journal(folder, 20_000).append([NewLine("<after/>", T0)])
    verdict = verify(folder)
    assert verdict.holds, (verdict.why, appended.findings)
    found = {}
    for read in lines_after(folder, beginning(folder), read_head(folder)):
        found.setdefault(read.line.message, []).append(read.line.link.seq)
    assert all(len(numbers) == 1 for numbers in found.values()), "a line is there twice"
    for name, lines in acknowledged.items():
        for line in lines:
            if line.count(" ") == 1 and line.strip():
                number, seq = line.split()
                text = f"<message writer='{name}' number='{number}'>{'x' * 500}</message>"
                assert found[text] == [int(seq)]
    assert sum(len(lines) for lines in acknowledged.values()) > 4


def test_a_line_that_a_kill_cut_in_two_is_set_apart(tmp_path):
    """What the kernel had taken of a line when its process died; a kill seldom hits that moment."""
    journal = Journal(tmp_path / "audit", 20_000)
    journal.append([NewLine("<before/>", T0)])
    program = """
import os, sys
from pathlib import Path
from datetime import UTC, datetime
from dicom_node.audit.journal import Journal, NewLine
real = os.write
def half(descriptor, content):
    real(descriptor, content[:len(content) // 2])
    os.kill(os.getpid(), 9)
os.write = half
Journal(Path(sys.argv[1]), 20_000).append([NewLine("<torn/>", datetime.now(UTC))])
"""
    done = subprocess.run([sys.executable, "-c", program, str(journal.folder)], check=False)
    assert done.returncode == -9
    assert not verify(journal.folder).holds
    (finding,) = journal.append([NewLine("<after/>", T0)]).findings
    assert "no whole line" in finding
    assert verify(journal.folder).lines == 2
    assert verify(journal.folder).holds
