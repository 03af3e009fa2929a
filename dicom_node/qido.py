"""The archive behind a DICOMweb server: what it has of a study, as QIDO-RS tells it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from dicom_node.dicomweb import DicomWeb, values_at
from dicom_node.errors import PeerRefused
from dicom_node.remote import Keep, Place, StudyThere
from dicom_node.scu import SeriesThere

__all__ = ["WebRemote"]

_STUDY, _SERIES, _INSTANCE = "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"
_PATIENT = "PatientID"
_TOLD = ("Modality", "SeriesDescription", "NumberOfSeriesRelatedInstances")


class WebRemote:
    """Asks one server by QIDO-RS what :class:`dicom_node.remote.Remote` asks by C-FIND.

    Parameters
    ----------
    server : DicomWeb
    """

    def __init__(self, server: DicomWeb) -> None:
        self._server = server

    @property
    def name(self) -> str:
        """The server's."""
        return self._server.name

    @property
    def together(self) -> int:
        """So many objects are retrieved one after the other, without a pause."""
        return 20

    def within(self, limit_s: float) -> "WebRemote":
        """Return the same, who waits no longer for a connection, and for an answer."""
        return WebRemote(self._server.within(limit_s))

    def series(self, study_uid: str) -> tuple[SeriesThere, ...]:
        """Return the series that it has of a study.

        Raises
        ------
        PeerAway, PeerRefused
            When it cannot be asked, or answers with nonsense.
        """
        found = self._server.matches(("studies", study_uid, "series"), _key(_SERIES), _TOLD)
        return tuple(self._series(uid, one) for uid, one in found.items())

    def studies(self, first: date, last: date) -> tuple[StudyThere, ...]:
        """Return the studies that it has of these days.

        Raises
        ------
        PeerAway, PeerRefused
            As :meth:`series`.
        """
        days = {"StudyDate": f"{first:%Y%m%d}-{last:%Y%m%d}"}
        found = self._server.matches(("studies",), _key(_STUDY), (_PATIENT,), where=days)
        told = ((uid, _value(one, _PATIENT)) for uid, one in found.items())
        return tuple(StudyThere(uid, str(who or "").strip()) for uid, who in told)

    def images(self, place: Place) -> frozenset[str]:
        """Return the SOP Instance UIDs that it lists of a series.

        Raises
        ------
        PeerAway, PeerRefused
            As :meth:`series`.
        """
        return frozenset(self._server.matches(_path(place), _key(_INSTANCE)))

    def one(self, place: Place, keywords: Sequence[str]) -> Dataset | None:
        """Return what it tells of one instance of a series; None where it lists none.

        Raises
        ------
        PeerAway, PeerRefused
            As :meth:`series`.
        """
        found = self._server.matches(_path(place), _key(_INSTANCE), keywords, most=1)
        for uid, one in found.items():
            ds = self._dataset(one, keywords)
            ds.SOPInstanceUID, ds.SeriesInstanceUID = uid, place.series_uid
            return ds
        return None

    def bring(self, place: Place, uids: Sequence[str], keep: Keep, limit_s: float) -> int:
        """Retrieve instances of a series, to learn from, by WADO-RS; return how many came.

        Parameters
        ----------
        keep : callable
            Called with each, before the next is asked for.
        limit_s : float
            How long one of them may take.

        Raises
        ------
        PeerAway, PeerRefused
            When one cannot be had.
        """
        server = self._server.within(limit_s)
        for uid in uids:
            keep(uid, server.instance((*_path(place), uid)))
        return len(uids)

    def move(self, place: Place, limit_s: float) -> int:  # noqa: ARG002 - as who moves has it
        """Refuse: what is there is looked at by queries alone.

        Raises
        ------
        PeerRefused
            Always.
        """
        raise PeerRefused(f"{self.name} is asked by QIDO-RS, and sends nothing on request")

    def _series(self, uid: str, told: Mapping[str, Any]) -> SeriesThere:
        modality, description, count = (_value(told, keyword) for keyword in _TOLD)
        try:
            number = int(count or 0)
        except (TypeError, ValueError) as exc:
            raise PeerRefused(f"{self.name} counts what is no number: {exc}") from exc
        return SeriesThere(self.name, uid, str(modality or ""), str(description or ""), number)

    def _dataset(self, told: Mapping[str, Any], keywords: Sequence[str]) -> Dataset:
        """Return what was asked for, of what was told (PS3.18 F.2)."""
        wanted = {key: told[key] for key in map(_key, keywords) if isinstance(told.get(key), dict)}
        plain = {key: one for key, one in wanted.items() if "BulkDataURI" not in one}
        try:
            return Dataset.from_json(plain)
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            why = f"{type(exc).__name__} in what it tells of an instance"
            raise PeerRefused(f"{self.name} answers with nonsense: {why}") from exc


def _key(keyword: str) -> str:
    return f"{tag_for_keyword(keyword) or 0:08X}"


def _value(told: Mapping[str, Any], keyword: str) -> Any:
    values = values_at(told, _key(keyword))
    return values[0] if values else None


def _path(place: Place) -> tuple[str, ...]:
    return "studies", place.study_uid, "series", place.series_uid, "instances"
