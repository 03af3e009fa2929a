"""A phantom's sources as a node reads them: through the files that a scanner sends.

What a network is given is then the same to the last bit, and so is what it makes. The search for a
brain is sensitive: sources rounded otherwise end it up to half a millimetre away.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from engine.io import read_frames, read_voxels, split, stack
from engine.volume import Volume
from train.pair import Pair
from train.phantom.series.common import Patient
from train.phantom.series.session import write_session

__all__ = ["as_sent"]

_WHO = Patient(seed="evaluation", name="PHANTOM^EVALUATION", patient_id="PHANTOM-EVALUATION")


def as_sent(pair: Pair) -> tuple[Volume, ...]:
    """Return the sources of ``pair``, written as DICOM series and read back.

    A pair that is no phantom's has no times to write into headers; its sources stay as they are.
    """
    if "timings" not in pair.about:
        return pair.sources
    with TemporaryDirectory(prefix="sent-") as folder:
        files = write_session(pair, _WHO, Path(folder))
        return tuple(_read(files[label]) for label in pair.about["labels"])


def _read(files: list[Path]) -> Volume:
    (whole,), _ = split(read_frames(files))
    return read_voxels(stack(whole.frames))
