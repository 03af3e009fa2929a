"""An archive that has series of its own, tells of them, and sends them where it is asked to."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt

from dicom_node.dicom import STUDY_ROOT_MOVE
from tests.support.committing import CommittingScp

OUT_OF_RESOURCES = 0xA702


@dataclass
class MovingScp(CommittingScp):
    """The same with ``own`` objects; it moves them to ``node_port``, but for what is ``stuck``."""

    own: list[Dataset] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)

    def _serve(self, ae: AE, *handlers: tuple) -> None:
        ae.add_supported_context(STUDY_ROOT_MOVE)
        super()._serve(ae, *handlers, (evt.EVT_C_MOVE, self._move))

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier
        found = [ds for ds in (*self.own, *self.kept.values()) if _is(ds, wanted)]
        if wanted.QueryRetrieveLevel == "SERIES":
            of_series = {ds.SeriesInstanceUID: ds for ds in found}
            for uid, ds in of_series.items():
                answer = _answer(ds, wanted)
                answer.NumberOfSeriesRelatedInstances = sum(
                    one.SeriesInstanceUID == uid for one in found
                )
                yield 0xFF00, answer
            return
        for ds in found:
            if event.is_cancelled:
                yield 0xFE00, None
                return
            yield 0xFF00, _answer(ds, wanted)

    def _move(self, event: evt.Event) -> Iterator:
        wanted = event.identifier
        found = [ds for ds in self.own if _is(ds, wanted)]
        contexts = [build_context(uid) for uid in sorted({ds.SOPClassUID for ds in found})]
        yield "127.0.0.1", self.node_port, {"contexts": contexts}
        yield len(found)
        if wanted.SeriesInstanceUID in self.stuck:
            yield OUT_OF_RESOURCES, None
            return
        for ds in found:
            yield 0xFF00, ds


def _is(ds: Dataset, wanted: Dataset) -> bool:
    """Whether an object is of what is asked for, by the UIDs that are given."""
    words = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    return all(wanted.get(word) in (None, "", ds.get(word)) for word in words)


def _answer(ds: Dataset, wanted: Dataset) -> Dataset:
    """Return what is asked for, as far as an object has it."""
    answer = Dataset()
    answer.SpecificCharacterSet = "ISO_IR 100"
    answer.QueryRetrieveLevel = wanted.QueryRetrieveLevel
    for word in [one.keyword for one in wanted]:
        if word in ds:
            answer[word] = ds[word]
    return answer
