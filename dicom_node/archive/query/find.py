"""Finding patients, studies, series and images in the archive (PS3.4 C.4.1)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from dicom_node.archive.query.attributes import ATTRIBUTES, KEPT, Attribute, Level
from dicom_node.archive.query.condition import Condition
from dicom_node.archive.query.count import counted
from dicom_node.archive.query.header import Header, values_of
from dicom_node.archive.query.narrow import UIDS, counting, narrowed, sorted_by_uid
from dicom_node.archive.query.rows import Key, headers_of
from dicom_node.db import Database

__all__ = ["Finder", "Page", "Query"]

_BATCH, _STUDIES = 100, 20
_SELECTIVE = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"})


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for.

    Parameters
    ----------
    level : Level
        What an answer is about.
    conditions : tuple of Condition
        Matching keys of this level and of those above.
    wanted : tuple of Attribute
        What an answer holds, the unique keys of its levels besides.
    inner : tuple of (Attribute, Condition)
        Sequence matching: a sequence, and what one of its items has to match (PS3.4 C.2.2.2.6).
    """

    level: Level
    conditions: tuple[Condition, ...]
    wanted: tuple[Attribute, ...]
    inner: tuple[tuple[Attribute, Condition], ...] = ()

    @property
    def asked(self) -> frozenset[str]:
        """Keywords that have to be known of each candidate."""
        matched = {one.attribute.keyword for one in self.conditions if not one.is_universal}
        matched |= {sequence.keyword for sequence, _ in self.inner}
        return frozenset(matched | {attribute.keyword for attribute in self.wanted})

    @property
    def is_indexed(self) -> bool:
        """Whether the index decides it alone, so that no match has to be looked at."""
        known = (one.is_universal or one.attribute.keyword in UIDS for one in self.conditions)
        return not self.inner and all(known)

    def holds_for(self, header: Header) -> bool:
        """Whether what is known of a candidate matches."""
        plain = (one.holds_for(values_of(header, one.attribute)) for one in self.conditions)
        return all(plain) and all(
            any(one.holds_for(values_of(item, one.attribute)) for item in values_of(header, above))
            for above, one in self.inner
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what matches.

    Parameters
    ----------
    remaining : int or None
        How many more there are behind it; None where it is known only that there are more.
    """

    headers: tuple[Header, ...]
    remaining: int | None


class Finder:
    """Answers queries. An index rules out what cannot match; what is left is matched one by one.

    Rows are read a batch at a time: whoever takes answers slowly holds no transaction.

    Parameters
    ----------
    database : Database
        Where the rows are.
    folder : Path
        The archive's.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def find(self, query: Query, is_over: Callable[[], bool] = lambda: False) -> Iterator[Header]:
        """Yield what matches, as headers that hold the attributes of all levels from the top.

        Parameters
        ----------
        query : Query
        is_over : callable
            Whether nobody wants more of it: asked at each candidate, for there may be many between
            two matches.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        """
        patients: set[tuple[str, ...]] = set()
        for header in self._headers(self.keys(query), query):
            if is_over():
                return
            if not query.holds_for(header):
                continue
            who = _patient(header)
            if query.level is Level.PATIENT and who in patients:
                continue
            patients.add(who)
            yield header

    def page(self, query: Query, start: int, count: int) -> Page:
        """Return ``count`` matches from ``start`` on, in an order that stays.

        Parameters
        ----------
        query : Query
            Of studies, series or images.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        """
        if query.is_indexed:
            return self._indexed(query, start, count)
        headers = (one for keys in self._batches(query) for one in self._headers(keys, query))
        matches = (one for one in headers if query.holds_for(one))
        found = list(islice(matches, start, start + count))
        return Page(tuple(found), 0 if next(matches, None) is None else None)

    def _indexed(self, query: Query, start: int, count: int) -> Page:
        """Return a page that the index finds alone: nothing else is read."""
        keys: list[Key] = []
        before = 0
        with self._database.reading() as session:
            for statement in narrowed(query.level, query.conditions):
                first, wanted = max(0, start - before), count - len(keys)
                size = session.scalar(counting(statement)) or 0
                if wanted > 0 and first < size:
                    cut = sorted_by_uid(query.level, statement).offset(first).limit(wanted)
                    keys += (tuple(row) for row in session.execute(cut))
                before += size
        remaining = max(0, before - start - count)
        return Page(tuple(self._headers(keys, query)), remaining)

    def _batches(self, query: Query) -> Iterator[list[Key]]:
        """Yield what may match in an order that stays; images of a few studies at a time.

        Of images there may be more than the memory holds, of studies and series not.
        """
        named = {one.attribute.keyword for one in query.conditions if not one.is_universal}
        if query.level is not Level.IMAGE or named & _SELECTIVE:
            keys = self.keys(query)
            yield keys if query.level is Level.IMAGE else sorted(keys)
            return
        above = tuple(one for one in query.conditions if one.attribute.level in Level.STUDY.above)
        studies = sorted(uid for (uid,) in self.keys(Query(Level.STUDY, above, ())))
        for start in range(0, len(studies), _STUDIES):
            few = tuple(studies[start : start + _STUDIES])
            conditions = (*query.conditions, Condition(ATTRIBUTES["StudyInstanceUID"], few))
            yield self.keys(replace(query, conditions=conditions))

    def keys(self, query: Query) -> list[Key]:
        """Return the UIDs, study first, of whatever may match; read at one moment."""
        found: dict[Key, None] = {}
        with self._database.reading() as session:
            for statement in narrowed(query.level, query.conditions):
                found |= dict.fromkeys(tuple(row) for row in session.execute(statement))
        return list(found)

    def _headers(self, keys: Sequence[Key], query: Query) -> Iterator[Header]:
        """Yield the headers of ``keys``, what is counted among them."""
        asked = query.asked
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            with self._database.reading() as session:
                headers = headers_of(session, batch, asked, self._folder)
                numbers = counted(session, asked, list(headers))
            for key, header in headers.items():
                yield {**header, **numbers.get(key, {})}


def _patient(header: Header) -> tuple[str, ...]:
    """Return what one patient is told from another by: the ID and who issued it (PS3.3 C.7.1.1)."""
    keywords = ("PatientID", "IssuerOfPatientID")
    return tuple(str(value) for key in keywords for value in values_of(header, KEPT[key])[:1])
