"""What listens, plans and sends starts fast and small: nothing that computes is loaded."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "cupy", "monai", "highdicom", "SimpleITK", "scipy", "matplotlib")


def loaded_by(modules: str) -> list[str]:
    program = f"import sys, {modules}; print(*[n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("module", ["dicom_node.app", "dicom_node.cli", "dicom_node.worker"])
def test_a_process_that_computes_nothing_loads_nothing_that_computes(module):
    assert loaded_by(module) == []


def test_the_probe_sees_what_is_loaded():
    assert loaded_by("matplotlib") == ["matplotlib"]
