"""Series in, pairs out: who is taken, who is left out, and why. Nothing is read or written here."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import product

from dicom_node.cohort.seen import Person, Seen
from dicom_node.cohort.spec import Cohort
from dicom_node.series import strangers, words

__all__ = ["Choice", "Chosen", "Left", "Why", "choose"]


class Why(StrEnum):
    """Why a series is left out."""

    SYNTHETIC = "SYNTHETIC"
    NOT_ASKED = "NOT_ASKED"
    EXCLUDED = "EXCLUDED"
    UNSOUND = "UNSOUND"
    UNFIT = "UNFIT"
    CONTRAST_AGENT = "CONTRAST_AGENT"
    DATE = "DATE"
    SCANNER = "SCANNER"
    PERSON_UNKNOWN = "PERSON_UNKNOWN"
    PERSON_IN_DOUBT = "PERSON_IN_DOUBT"
    NO_PARTNER = "NO_PARTNER"
    TOO_FAR_APART = "TOO_FAR_APART"
    SPARE = "SPARE"
    UNREADABLE = "UNREADABLE"


@dataclass(frozen=True, slots=True)
class Left:
    """A series that is left out, and why in one sentence; it names no patient."""

    study_uid: str
    series_uid: str
    why: Why
    text: str


@dataclass(frozen=True, eq=False, slots=True)
class Chosen:
    """A pair: sources of one study in the order of the task, and a target of the same person."""

    person: Person
    sources: tuple[Seen, ...]
    target: Seen

    @property
    def days_apart(self) -> int:
        """Days from one study to the other; 0 within one."""
        return _days(self.sources[0], self.target)

    @property
    def one_frame(self) -> bool:
        """Whether all lie in one frame of reference, so that nothing need be registered."""
        frames = {one.frame_of_reference for one in (*self.sources, self.target)}
        return len(frames) == 1 and "" not in frames


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """All that a cohort file chooses of an archive."""

    pairs: tuple[Chosen, ...]
    left: tuple[Left, ...]

    @property
    def persons(self) -> int:
        """How many different people the pairs are of."""
        return len({pair.person for pair in self.pairs})


def choose(cohort: Cohort, needs: Sequence[str], makes: str, series: Sequence[Seen]) -> Choice:
    """Choose pairs; the same series in any order give the same choice.

    Each study with all sources gives at most one pair: with the target of the same person that lies
    nearest in time, then in the same frame of reference, then with the most slices. No target is
    used twice, or a person who was scanned often would count as often.

    Parameters
    ----------
    needs : sequence of str
        Labels of the sources.
    makes : str
        Label of the target.
    series : sequence of Seen
        Everything that the archive has, or that was looked at of it.

    Returns
    -------
    Choice
        Pairs by person and study; every other series is in ``left``, once.
    """
    ordered = sorted(series, key=lambda one: (one.study_uid, one.series_uid))
    left: list[Left] = []
    fit: dict[Person, list[Seen]] = defaultdict(list)
    doubtful = _doubtful(ordered)
    judge = _Judge(cohort, tuple(needs), makes, doubtful)
    for one in ordered:
        said = judge.against(one)
        if said is not None:
            left.append(Left(one.study_uid, one.series_uid, *said))
        elif one.person is not None:
            fit[one.person].append(one)
    pairs: list[Chosen] = []
    for person in sorted(fit):
        paired, lonely = _paired(person, fit[person], (tuple(needs), makes), cohort)
        pairs += paired
        left += lonely
    left.sort(key=lambda one: (one.study_uid, one.series_uid))
    return Choice(tuple(pairs), tuple(left))


def _doubtful(series: Sequence[Seen]) -> dict[Person, tuple[str, ...]]:
    """Return who may be several people under one ID, and what differs."""
    marks: dict[Person, list[Seen]] = defaultdict(list)
    for one in series:
        if one.person is not None:
            marks[one.person].append(one)
    found = {person: strangers([one.marks for one in all_of]) for person, all_of in marks.items()}
    return {person: differing for person, differing in found.items() if differing}


@dataclass(frozen=True, slots=True)
class _Judge:
    """One series against a cohort, whatever else there is of its person."""

    cohort: Cohort
    needs: tuple[str, ...]
    makes: str
    doubtful: dict[Person, tuple[str, ...]]

    def against(self, one: Seen) -> tuple[Why, str] | None:
        """Return the first reason to leave it out; the worst are asked first."""
        questions: tuple[Callable[[Seen], Iterator[tuple[Why, str]]], ...] = (
            self._acquired, self._asked, self._excluded, self._person, self._sound, self._made,
        )  # fmt: skip
        return next((said for ask in questions for said in ask(one)), None)

    def _acquired(self, one: Seen) -> Iterator[tuple[Why, str]]:
        if one.synthetic:
            yield Why.SYNTHETIC, "it was made, not acquired; nothing learns from that"

    def _asked(self, one: Seen) -> Iterator[tuple[Why, str]]:
        if one.label not in (*self.needs, self.makes):
            wanted = ", ".join((*self.needs, self.makes))
            yield Why.NOT_ASKED, f"it shows {one.label}; {wanted} is wanted"

    def _excluded(self, one: Seen) -> Iterator[tuple[Why, str]]:
        rule = self.cohort.exclude
        if one.study_uid in rule.studies:
            yield Why.EXCLUDED, "exclude.studies names its study"
        if one.person is not None and one.person.patient_id in rule.patients:
            yield Why.EXCLUDED, "exclude.patients names its patient"
        for word in rule.words:
            if words(word) in one.said:
                yield Why.EXCLUDED, f"its description has '{word}' of exclude.words"

    def _person(self, one: Seen) -> Iterator[tuple[Why, str]]:
        if one.person is None:
            yield Why.PERSON_UNKNOWN, "no Patient ID is stated; nobody can say whose image it is"
        elif one.person in self.doubtful:
            differing = " and ".join(self.doubtful[one.person])
            text = f"images under its Patient ID differ in {differing}"
            yield Why.PERSON_IN_DOUBT, f"{text}; correct them, or exclude the patient"

    def _sound(self, one: Seen) -> Iterator[tuple[Why, str]]:
        unfit = one.unfit if one.label in self.needs else ()
        for why, reasons in ((Why.UNSOUND, one.reasons), (Why.UNFIT, unfit)):
            if reasons:
                yield why, "; ".join(str(reason) for reason in reasons)
        if one.contrast_agent and not self.cohort.contrast_agent:
            yield Why.CONTRAST_AGENT, "a contrast agent was given, or may have been"

    def _made(self, one: Seen) -> Iterator[tuple[Why, str]]:
        between, scanners = self.cohort.between, self.cohort.scanners
        if one.made_on is None:
            yield Why.DATE, "no Study Date is stated"
        elif not between.first <= one.made_on <= between.last:
            yield Why.DATE, f"its study lies outside {between.first} to {between.last}"
        for key, stated, wanted in (
            ("manufacturers", one.manufacturer, scanners.manufacturers),
            ("models", one.model, scanners.models),
        ):
            if wanted and not any(words(word) in stated for word in wanted):
                text = f"'{stated}' is none of scanners.{key}" if stated else f"no {key[:-1]}"
                yield Why.SCANNER, text if stated else f"{text} is stated"
        limits = scanners.field_strength_t
        if limits is not None and one.label in self.needs and one.label not in _WITHOUT_FIELD:
            value = one.field_strength_t
            if value is None or not limits[0] <= value <= limits[1]:
                seen = "is not stated" if value is None else f"is {value:g} T"
                text = f"the field strength {seen}; {limits[0]:g} to {limits[1]:g} T is wanted"
                yield Why.SCANNER, text


_WITHOUT_FIELD = ("CT", "CBCT", "PT")


def _paired(
    person: Person, series: Sequence[Seen], wanted: tuple[tuple[str, ...], str], cohort: Cohort
) -> tuple[list[Chosen], list[Left]]:
    """Return the pairs of one person, and what of it has no partner."""
    needs, makes = wanted
    most = cohort.between.days_apart
    targets = [one for one in series if one.label == makes]
    sets = list(_source_sets(series, needs))
    possible = sorted(
        (Chosen(person, sources, target) for sources, target in product(sets, targets)),
        key=_nearness,
    )
    pairs: list[Chosen] = []
    studies: set[str] = set()
    taken: set[str] = set()
    for pair in possible:
        study, target = pair.sources[0].study_uid, pair.target.series_uid
        if pair.days_apart <= most and study not in studies and target not in taken:
            pairs.append(pair)
            studies.add(study)
            taken.add(target)
    used = {one.series_uid for pair in pairs for one in (*pair.sources, pair.target)}
    lonely = [
        Left(one.study_uid, one.series_uid, *_lonely(one, possible, wanted, most))
        for one in series
        if one.series_uid not in used
    ]
    pairs.sort(key=lambda pair: pair.sources[0].study_uid)
    return pairs, lonely


def _lonely(
    one: Seen, possible: Sequence[Chosen], wanted: tuple[tuple[str, ...], str], most: int
) -> tuple[Why, str]:
    """Return why a series that may be taken is in no pair of its person."""
    needs, makes = wanted
    own = [pair for pair in possible if one in (*pair.sources, pair.target)]
    if not own:
        lacking = " and ".join(needs) if one.label == makes else f"{makes} or all sources"
        return Why.NO_PARTNER, f"its person has no {lacking} beside it that may be taken"
    nearest = min(pair.days_apart for pair in own)
    if nearest > most:
        text = f"its partner is {nearest} days away; at most between.days_apart = {most} is wanted"
        return Why.TOO_FAR_APART, text
    return Why.SPARE, "another series of its person makes the better pair"


def _source_sets(series: Sequence[Seen], needs: tuple[str, ...]) -> Iterator[tuple[Seen, ...]]:
    """Yield the sources of each study that has them all: of several of one label, any."""
    studies: dict[str, list[Seen]] = defaultdict(list)
    for one in series:
        studies[one.study_uid].append(one)
    for of_study in studies.values():
        yield from product(*([one for one in of_study if one.label == label] for label in needs))


def _nearness(pair: Chosen) -> tuple[int, bool, bool, int, tuple[str, ...]]:
    """Return what the better of two pairs is less in; UIDs last, so that chance has no part."""
    slices = sum(one.slices for one in (*pair.sources, pair.target))
    uids = tuple(one.series_uid for one in (*pair.sources, pair.target))
    elsewhere = pair.sources[0].study_uid != pair.target.study_uid
    return pair.days_apart, elsewhere, not pair.one_frame, -slices, uids


def _days(source: Seen, target: Seen) -> int:
    if source.made_on is None or target.made_on is None:
        return timedelta.max.days
    return abs((source.made_on - target.made_on).days)
