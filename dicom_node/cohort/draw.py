"""Series out of a PACS that a cohort may choose: listed by queries, then drawn, each but once.

What is pulled is as little as can be: series of the modalities that are needed, that show what is
needed, of people who have both a source and a target. Where queries do not tell what a series
shows, one object of it is drawn first, and tells.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Protocol

from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node import log
from dicom_node.archive import Received, identify, read_part10
from dicom_node.cohort.choose import Why
from dicom_node.cohort.hours import Clock, wait
from dicom_node.cohort.spec import Cohort
from dicom_node.dicom import PARSER_ERRORS
from dicom_node.draws import Drawn
from dicom_node.errors import BeyondLimits, Mismatched, NotDicom, NotPossible, PeerRefused
from dicom_node.remote import Keep, Place, StudyThere
from dicom_node.scu import SeriesThere
from dicom_node.series import TELLING, Judged, Label, OwnIdentity, judge, words
from dicom_node.values import Origin

__all__ = ["Drawing", "Drew", "Holder", "Progress"]

_log = log.get("cohort")
_KINDS = {"CT": "CT", "CBCT": "CT", "PT": "PT"}
"""Modality by label; every other label is an MR image's."""
_OURS = "synthetic"
_LONGEST, _OF_UIDS = 64, frozenset("0123456789.")

Progress = Callable[[str, int, int], None]
"""Told what is done, of each study or series that is: 1, and of how many."""


class Holder(Protocol):
    """An archive that is drawn from: a peer over DIMSE, or a DICOMweb server."""

    @property
    def name(self) -> str:
        """As peers.toml has it."""

    def studies(self, first: date, last: date) -> tuple[StudyThere, ...]:
        """Return the studies of these days."""

    def series(self, study_uid: str) -> tuple[SeriesThere, ...]:
        """Return the series of a study."""

    def one(self, place: Place, keywords: Sequence[str]) -> Dataset | None:
        """Return what it tells of one instance of a series."""

    def images(self, place: Place) -> frozenset[str]:
        """Return the SOP Instance UIDs of a series."""

    @property
    def together(self) -> int:
        """So many objects :meth:`bring` takes at once."""

    def bring(self, place: Place, uids: Sequence[str], keep: Keep, limit_s: float) -> int:
        """Have instances sent, or retrieve them; return how many came."""


@dataclass(slots=True)
class Drew:
    """What came of it.

    Parameters
    ----------
    studies : int
        That the archive listed.
    series, objects : int
        That came now.
    before : int
        Series that were here already.
    left : Counter
        Series that were not drawn, by reason.
    failed : list of (str, str)
        Series that could not be had, and why.
    """

    studies: int = 0
    series: int = 0
    objects: int = 0
    before: int = 0
    left: Counter[Why] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A series that may be worth drawing, what it shows, and its objects as they are counted."""

    place: Place
    person: str
    label: str
    counted: int


class Drawing:
    """One run: it draws what a cohort may choose; what is here already is not asked for again.

    Parameters
    ----------
    holder : Holder
    drawn : Drawn
    cohort : Cohort
    wanted : (sequence of str, str)
        Labels of sources and target.
    own : OwnIdentity
        By what our own objects are told: they are not drawn.
    clock : Clock
    """

    def __init__(
        self,
        holder: Holder,
        drawn: Drawn,
        cohort: Cohort,
        wanted: tuple[Sequence[str], str],
        own: OwnIdentity,
        clock: Clock,
    ) -> None:
        self._holder = holder
        self._drawn = drawn
        self._cohort = cohort
        self._needs, self._makes = tuple(wanted[0]), wanted[1]
        self._own = own
        self._clock = clock
        self._drew = Drew()
        self._in_a_row = 0
        self._is_for_us = False

    def run(self, progress: Progress = lambda _what, _more, _of: None) -> Drew:
        """List, choose and draw.

        Raises
        ------
        NotPossible
            When somebody draws from the same archive, or it does not say for whom it moves.
        PeerAway
            When the archive stops answering. What came is here; the same call goes on.
        PeerRefused
            When it answers no such queries, or refuses many things in a row.
        ArchiveFull, ArchiveBroken, DatabaseAway
            When nothing more can be kept here.
        """
        with self._drawn.only_one(self._holder.name):
            self._drawn.sweep(self._holder.name)
            return self._run(progress)

    def _run(self, progress: Progress) -> Drew:
        studies = self._studies()
        self._drew.studies = len(studies)
        listed: list[_Listed] = []
        for study in studies:
            with self._failing(study.study_uid):
                listed += self._listed(study)
            progress("Listing", 1, len(studies))
        worth = self._worth(listed)
        for one in worth:
            with self._failing(one.place.series_uid, one.place):
                self._pull(one)
            progress("Drawing", 1, len(worth))
        return self._drew

    @contextmanager
    def _failing(self, uid: str, place: Place | None = None) -> Iterator[None]:
        """Go on after what one study, series or object is refused for, unless that goes on."""
        try:
            yield
        except (PeerRefused, *_OF_ONE) as exc:
            self._drew.failed.append((uid, str(exc)))
            _log.warning("not drawn", uid=uid, why=str(exc))
            if place is not None:
                self._drawn.end(self._holder.name, place.study_uid, place.series_uid, str(exc))
            self._in_a_row += 1
            if self._in_a_row >= _IN_A_ROW:
                text = f"{self._holder.name} refused {self._in_a_row} in a row, last: {exc}"
                raise PeerRefused(text) from exc
        else:
            self._in_a_row = 0

    def _studies(self) -> list[StudyThere]:
        """Return the studies of all days, each once, without those that are excluded."""
        rule, between = self._cohort.exclude, self._cohort.between
        found = {one.study_uid: one for one in self._of_days(between.first, between.last)}
        return [
            one
            for uid, one in sorted(found.items())
            if self._is_named(uid)
            and uid not in rule.studies
            and one.patient_id not in rule.patients
        ]

    def _of_days(self, first: date, last: date) -> Iterator[StudyThere]:
        """Yield the studies of some days; where a PACS refuses so many, of half of them first."""
        self._wait()
        try:
            yield from self._holder.studies(first, last)
        except PeerRefused:
            if first == last:
                raise
            middle = first + (last - first) / 2
            yield from self._of_days(first, middle)
            yield from self._of_days(middle + timedelta(days=1), last)

    def _listed(self, study: StudyThere) -> list[_Listed]:
        """Return the series of a study that may be worth drawing."""
        self._wait()
        found = []
        for one in sorted(self._holder.series(study.study_uid), key=lambda one: one.series_uid):
            if not self._is_named(one.series_uid):
                continue
            place, person = Place(study.study_uid, one.series_uid), study.patient_id
            with self._failing(one.series_uid):
                label, why = self._judged(place, one)
                if why is None:
                    found.append(_Listed(place, person or study.study_uid, label, one.instances))
                else:
                    self._drew.left[why] += 1
        return found

    def _is_named(self, uid: str) -> bool:
        """Whether a UID that a peer tells is one; a place without one would be every place."""
        if 0 < len(uid) <= _LONGEST and set(uid) <= _OF_UIDS:
            return True
        self._drew.failed.append(("", f"{self._holder.name} lists something without a valid UID"))
        return False

    def _judged(self, place: Place, one: SeriesThere) -> tuple[str, Why | None]:
        """Return what a series shows as far as queries tell, and why it is not drawn."""
        why = self._by_name(one)
        if why is not None:
            return "", why
        judged = self._by_file(place) or self._by_query(place) or self._by_one(place)
        if judged is None:
            return "", Why.UNREADABLE
        wanted = judged.label in (*self._needs, self._makes)
        why = Why.SYNTHETIC if judged.synthetic else None if wanted else Why.NOT_ASKED
        return str(judged.label), why

    def _by_query(self, place: Place) -> Judged | None:
        """Return what a series shows, where its PACS answers enough of a header to tell."""
        self._wait()
        header = self._holder.one(place, TELLING)
        judged = None if header is None else judge(header, self._own, whole=False)
        return None if judged is None or judged.label is Label.UNKNOWN else judged

    def _by_one(self, place: Place) -> Judged | None:
        """Return what a series shows by one object of it, which is drawn before the others."""
        self._wait()
        uids = sorted(self._holder.images(place))
        if not uids:
            return None
        self._drawn.begin(self._holder.name, place.study_uid, place.series_uid)
        try:
            self._come(place, [uids[len(uids) // 2]])
        finally:
            self._drawn.looked_at(self._holder.name, place.study_uid, place.series_uid)
        return self._by_file(place)

    def _by_file(self, place: Place) -> Judged | None:
        """Return what a series shows by an object of it that is here."""
        path = self._drawn.one(self._holder.name, place.series_uid)
        if path is None:
            return None
        try:
            return judge(dcmread(path, stop_before_pixels=True), self._own, whole=True)
        except PARSER_ERRORS:
            return None

    def _by_name(self, one: SeriesThere) -> Why | None:
        """Return why a series is not drawn, as far as its modality and its description tell."""
        said = words(one.description)
        kinds = {_KINDS.get(label, "MR") for label in (*self._needs, self._makes)}
        if one.modality and one.modality not in kinds:
            return Why.NOT_ASKED
        if _OURS in said:
            return Why.SYNTHETIC
        excluded = any(words(word) in said for word in self._cohort.exclude.words)
        return Why.EXCLUDED if excluded else None

    def _worth(self, listed: Sequence[_Listed]) -> list[_Listed]:
        """Return the series of people who have all sources and a target."""
        people: dict[str, list[_Listed]] = defaultdict(list)
        for one in listed:
            people[one.person].append(one)
        found: list[_Listed] = []
        for of_one in people.values():
            if {*self._needs, self._makes} <= {one.label for one in of_one}:
                found += of_one
            else:
                self._drew.left[Why.NO_PARTNER] += len(of_one)
        return sorted(found, key=lambda one: (one.place.study_uid, one.place.series_uid))

    def _pull(self, one: _Listed) -> None:
        """Draw one series: what lacks of it, whatever became of the last try."""
        peer, place = self._holder.name, one.place
        if self._drawn.is_whole(peer, place.series_uid):
            self._drew.before += 1
            return
        self._wait()
        there = self._holder.images(place)
        before = self._drawn.here(peer, place.series_uid)
        listed = f"it lists {len(there)} objects"
        if not there or len(there) < one.counted:
            raise PeerRefused(f"{listed} of {one.counted or 'a series that is there'}")
        if gone := len(before - there):
            raise PeerRefused(f"{listed}, and {gone} that came before are not among them")
        self._drawn.begin(peer, place.study_uid, place.series_uid)
        self._come(place, sorted(there - before))
        if lacking := len(there - self._drawn.here(peer, place.series_uid)):
            raise PeerRefused(f"{lacking} of {len(there)} objects did not come")
        self._drawn.end(peer, place.study_uid, place.series_uid)
        self._drew.series += 1

    def _come(self, place: Place, uids: Sequence[str]) -> None:
        """Have objects come, some at a time; the first of a run alone, to see whether it does.

        Raises
        ------
        PeerAway, PeerRefused
            As the archive does.
        NotPossible
            When it has sent some, and not to us as who draws.
        """
        peer, at = self._holder.name, 0
        while at < len(uids):
            some = uids[at : at + (self._holder.together if self._is_for_us else 1)]
            at += len(some)
            self._wait()
            limit_s = self._cohort.draw.series_s
            sent = self._holder.bring(place, some, partial(self._keep, place), limit_s)
            came = len(self._drawn.here(peer, place.series_uid) & frozenset(some))
            if sent and not came and not self._is_for_us:
                raise NotPossible(f"{peer}: {_NOT_FOR_US}")
            self._is_for_us = self._is_for_us or bool(came)
            self._drew.objects += came

    def _keep(self, place: Place, uid: str, content: bytes) -> None:
        """Keep a file that was retrieved, where it is the one that was asked for."""
        peer = self._holder.name
        data, syntax = read_part10(content)
        who = identify(data, syntax)
        if (who.study_uid, who.series_uid, who.sop_instance_uid) != (
            place.study_uid, place.series_uid, uid,
        ):  # fmt: skip
            raise PeerRefused(f"{peer} retrieves another object than the one that was asked for")
        self._drawn.keep(peer, Received(data, syntax, peer, Origin.RECEIVED))

    def _wait(self) -> None:
        """Let a while pass before the archive is asked, and all of the day if need be."""
        wait(self._holder.name, self._cohort.draw, self._clock)


_OF_ONE = (BeyondLimits, Mismatched, NotDicom)
"""What is wrong with one object, and with none beside it."""
_IN_A_ROW = 20
"""So many refusals, and no success between: the archive is not what it should be."""
_NOT_FOR_US = (
    "it answered that an object was sent, and none came that names us as who moves (Move "
    "Originator): what it sent was archived as if somebody had sent it; draw over DICOMweb instead"
)
