"""What peers have of a study that is not here: it may be what a rule believes to be missing."""

from collections.abc import Collection

from dicom_node import log
from dicom_node.errors import PeerError
from dicom_node.scu import Askable, SeriesThere

__all__ = ["Elsewhere", "may_be"]

_log = log.get("rules")
_MODALITY = {"CT": "CT", "CBCT": "CT", "PT": "PT"}
"""By the label that is made. Of MR nothing can be told from what a query gives."""
_OURS = "SYNTHETIC"


class Elsewhere:
    """Ask every peer of peers.toml that may be asked to find."""

    def __init__(self, askable: Askable) -> None:
        self._askable = askable

    def series(self, study_uid: str, here: Collection[str]) -> tuple[SeriesThere, ...]:
        """Return the series of a study that peers have beside those ``here``.

        A peer that does not answer is passed over, and the log says so: waiting for it would keep
        an image from somebody who needs it.
        """
        found: list[SeriesThere] = []
        for name in self._askable.names():
            try:
                found += self._askable.series(name, study_uid)
            except PeerError as exc:
                _log.warning("peer not asked", study_uid=study_uid, why=str(exc))
        return tuple(one for one in found if one.series_uid not in here)


def may_be(label: str, one: SeriesThere) -> bool:
    """Whether a series that is only known by a query may be an acquired ``label``.

    Its label cannot be known without its objects; where its modality allows it, it is not certain
    that the label is missing. A series that calls itself synthetic is none.
    """
    return one.modality == _MODALITY.get(label, "-") and _OURS not in one.description.upper()
