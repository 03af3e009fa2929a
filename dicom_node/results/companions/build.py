"""Companions as they leave: made, encoded, checked. The worker alone asks for this."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from pydicom.dataset import Dataset

from dicom_node.results.check.beside import check_companion
from dicom_node.results.companions.document import make_pdf
from dicom_node.results.companions.overlay import make_overlay
from dicom_node.results.companions.report import make_report
from dicom_node.results.companions.uncertainty import make_uncertainty
from dicom_node.results.encode import encode
from dicom_node.results.making import Making, SeriesMade
from dicom_node.values import Companion
from engine.reason import Code, Reason

__all__ = ["MAKERS", "encode_companions", "lacking"]

MAKERS: Mapping[Companion, Callable[[Making, SeriesMade], Dataset | None]] = {
    Companion.UNCERTAINTY: make_uncertainty,
    Companion.REPORT: make_report,
    Companion.OVERLAY: make_overlay,
    Companion.PDF: make_pdf,
}


def encode_companions(
    making: Making, made: SeriesMade, wanted: Sequence[Companion]
) -> Iterator[tuple[Companion, bytes]]:
    """Yield those that are wanted and can be made, as Part 10 files, each of which was checked.

    Parameters
    ----------
    made : SeriesMade
        The result, encoded before.

    Raises
    ------
    OutputInvalid
        When one of them must not leave.
    """
    for name in wanted:
        ds = MAKERS[name](making, made)
        if ds is not None:
            content = encode(ds)
            check_companion(name, content, making)
            yield name, content


def lacking(making: Making, wanted: Sequence[Companion]) -> tuple[Reason, ...]:
    """Return why one that is wanted cannot be made of a result; empty where all can."""
    if Companion.UNCERTAINTY not in wanted or making.synthesis.spread is not None:
        return ()
    model = making.synthesis.provenance.model
    text = (
        f"no map of the uncertainty: model {model.name} {model.version} has no limits, and so "
        "tells none; the rest was made"
    )
    return (Reason(Code.COMPANION_MISSING, text),)
