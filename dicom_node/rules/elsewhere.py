"""What peers have of a study that is not here: it may be what a rule needs, or believes missing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from time import monotonic
from typing import Protocol

from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node import log
from dicom_node.archive.part10 import meta_header
from dicom_node.dicom import PARSER_ERRORS
from dicom_node.errors import BeyondLimits, PeerAway, PeerError, PeerRefused
from dicom_node.extent import check_extent
from dicom_node.probes import Probes
from dicom_node.remote import Place
from dicom_node.rules.pace import Pace
from dicom_node.scu import SeriesThere
from dicom_node.sections import Limits
from dicom_node.series import TELLING, Judged, OwnIdentity, judge, named

__all__ = ["Asked", "Elsewhere", "Inquirer", "Looks", "is_label", "may_be"]

_log = log.get("rules")
_MODALITY = {"CT": "CT", "CBCT": "CT", "PT": "PT"}
"""By label; every other label is an MR image's."""
_OURS = "SYNTHETIC"
_SHORTEST_S = 0.1
_BY_QUERY, _BY_ONE = "by the header of one instance, asked for", "by one instance, fetched"


class Asked(Protocol):
    """An archive that can be asked: by DIMSE, or by whatever else finds and fetches."""

    @property
    def name(self) -> str:
        """As peers.toml has it."""

    def series(self, study_uid: str) -> tuple[SeriesThere, ...]:
        """Return the series of a study; PeerAway, PeerRefused where that cannot be had."""

    def one(self, place: Place, keywords: Sequence[str]) -> Dataset | None:
        """Return what it tells of one instance of a series, its SOP Instance UID always."""

    def move(self, place: Place, limit_s: float) -> int:
        """Have a series, or one instance, sent to us; return how many came."""

    def within(self, limit_s: float) -> "Asked":
        """Return the same, who waits no longer for a connection, and for an answer."""


@dataclass(frozen=True, slots=True)
class Looks:
    """How series at a peer are looked at.

    Parameters
    ----------
    labels : frozenset of str
        What any rule makes, or fetches: nothing else is worth a look.
    most : int
        Series of one study.
    limit_s : float
        For one instance to come.
    probes : Probes or None
        Catches the instances that are fetched to be looked at; without it none is.
    limits : Limits
        How deep, wide and deflated such an instance may be.
    makes : mapping
        By task: what it makes, which is worth a look too where somebody has asked for it.
    """

    labels: frozenset[str]
    most: int
    limit_s: float
    probes: Probes | None = None
    limits: Limits = field(default_factory=Limits)
    makes: Mapping[str, str] = field(default_factory=dict)

    def labels_for(self, tasks: Collection[str]) -> frozenset[str]:
        """Return what is worth a look in a study that somebody has asked these of."""
        return self.labels | {self.makes[task] for task in tasks if task in self.makes}


class Inquirer:
    """Asks one peer what it has of a study, and looks at what may matter.

    Parameters
    ----------
    asked : Asked
        The peer.
    moves : bool
        Whether it may be asked to send.
    looks : Looks
    own : OwnIdentity
        By what our own objects are told.
    pace : Pace or None
        How often it is asked; shared by all who ask it.
    """

    def __init__(
        self,
        asked: Asked,
        looks: Looks,
        own: OwnIdentity,
        *,
        moves: bool,
        pace: Pace | None = None,
    ) -> None:
        self._asked = asked
        self._pace = pace or Pace()
        self._looks = looks
        self._own = own
        self._moves = moves and looks.probes is not None

    @property
    def name(self) -> str:
        """The peer's."""
        return self._asked.name

    def ask(
        self,
        study_uid: str,
        here: Collection[str],
        made: Collection[str],
        tasks: Collection[str] = (),
        limit_s: float | None = None,
    ) -> tuple[SeriesThere, ...]:
        """Return the series of a study that the peer has beside those ``here``.

        Parameters
        ----------
        made : collection of str
            Series that were made here.
        tasks : collection of str
            What somebody has asked to be made of the study.
        limit_s : float or None
            What is not found out in so long is not waited for.

        Raises
        ------
        PeerAway, PeerRefused
            When it does not tell.
        """
        own = replace(self._own, series_uids=frozenset(made))
        until = None if limit_s is None else monotonic() + limit_s
        there = self._turn(until).series(study_uid)
        found = [one for one in there if one.series_uid not in here]
        labels, looked = self._looks.labels_for(tasks), 0
        for index, one in enumerate(found):
            if not _matters(one, labels):
                continue
            looked += 1
            if looked > self._looks.most:
                found[index] = replace(one, how=f"not looked at: more than {self._looks.most}")
            else:
                found[index] = self._looked_at(study_uid, one, own, until)
        return tuple(found)

    def _turn(self, until: float | None) -> Asked:
        """Return the peer once it may be asked; it is waited for as long as there is time."""
        if not self._pace.wait(self.name, until):
            raise PeerAway(f"{self.name} was not asked: no time was left")
        if until is None:
            return self._asked
        return self._asked.within(max(_SHORTEST_S, until - monotonic()))

    def _looked_at(
        self, study_uid: str, one: SeriesThere, own: OwnIdentity, until: float | None
    ) -> SeriesThere:
        """Return a series with its label: by a query where that tells, else by one instance."""
        place = Place(study_uid, one.series_uid)
        try:
            told = self._turn(until).one(place, TELLING)
            judged, how = None if told is None else judge(told, own, whole=False), _BY_QUERY
            if told is not None and judged is None and self._moves:
                wanted = replace(place, sop_instance_uid=str(told.SOPInstanceUID))
                whole = self._fetched(wanted, until)
                judged, how = judge(whole, own, whole=True), _BY_ONE
        except (PeerError, *PARSER_ERRORS) as exc:
            return replace(one, how=f"not told: {exc}")
        if judged is None:
            return replace(one, how="not told: the peer answers too little about its images")
        return _labelled(one, judged, how)

    def _fetched(self, place: Place, until: float | None) -> Dataset:
        """Return one instance, which is not archived."""
        probes = self._looks.probes
        if probes is None:  # cannot be: asked only where there are some
            raise PeerAway("nobody catches what is fetched")
        with probes.expected(self.name, place.sop_instance_uid) as probe:
            peer, limit_s = self._turn(until), self._looks.limit_s
            left_s = limit_s if until is None else max(_SHORTEST_S, until - monotonic())
            peer.move(place, min(limit_s, left_s))
        if probe.content is None:
            self._moves = False  # the next would be archived like this one
            text = "sent an image without saying that we asked for it; no more are fetched to look"
            _log.warning("probe was archived", peer=self.name, why=f"{self.name} {text}")
            raise PeerRefused(f"{self.name} {text}")
        try:
            check_extent(probe.content, probe.transfer_syntax_uid, self._looks.limits)
        except BeyondLimits as exc:
            raise PeerRefused(f"{self.name} sent {exc}") from exc
        meta = meta_header("", place.sop_instance_uid, probe.transfer_syntax_uid)
        return dcmread(BytesIO(meta + probe.content), stop_before_pixels=True)


def _matters(one: SeriesThere, labels: Collection[str]) -> bool:
    modalities = {_MODALITY.get(label, "MR") for label in labels}
    return one.modality in modalities and _OURS not in one.description.upper()


def _labelled(one: SeriesThere, judged: Judged, how: str) -> SeriesThere:
    return replace(one, label=str(judged.label), synthetic=judged.synthetic, how=how)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who may be asked before a rule fires, and how long that may take.

    Parameters
    ----------
    inquirers : mapping
        By the name of the peer; nobody is asked where there is none.
    movers : frozenset of str
        Peers from which a series can be fetched.
    wait_s, cache_s, fetch_s : float
        How long a rule waits for answers, how long they count, and how long a fetch may take.
    """

    inquirers: Mapping[str, Inquirer] = field(default_factory=dict)
    movers: frozenset[str] = frozenset()
    wait_s: float = 0.0
    cache_s: float = 0.0
    fetch_s: float = 0.0

    def ask_now(
        self, study_uid: str, here: Collection[str], made: Collection[str]
    ) -> dict[str, tuple[SeriesThere, ...]]:
        """Return what each peer has beside what is ``here``; who does not answer is left out.

        All together are waited for as a rule waits, each for its share of what is left.
        """
        found: dict[str, tuple[SeriesThere, ...]] = {}
        until, peers = monotonic() + self.wait_s, len(self.inquirers)
        for number, (name, inquirer) in enumerate(self.inquirers.items()):
            share_s = (until - monotonic()) / (peers - number)
            try:
                found[name] = inquirer.ask(study_uid, here, made, limit_s=share_s)
            except PeerError as exc:
                _log.warning("peer not asked", study_uid=study_uid, why=str(exc))
        return found


def is_label(label: str, one: SeriesThere) -> bool:
    """Whether a series at a peer is known to be an acquired ``label``."""
    return one.label == label and not one.synthetic


def may_be(label: str, one: SeriesThere) -> bool:
    """Whether a series that could not be looked at may be an acquired ``label``.

    Its modality has to allow it; an MR series has to be called by that name too, for most MR series
    show something else. One that calls itself synthetic is none.
    """
    if one.label or one.synthetic or _OURS in one.description.upper():
        return False
    if label in _MODALITY:
        return one.modality == _MODALITY[label]
    return one.modality == "MR" and label in named({"SeriesDescription": one.description})
