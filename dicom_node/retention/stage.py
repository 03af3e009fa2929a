"""The stage: what may go is condemned, and its files are deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dicom_node import log
from dicom_node.archive.upkeep import Eraser, Holding, Holdings, condemn
from dicom_node.db import Database
from dicom_node.retention.policy import Keep, Verdict, judge

__all__ = ["RetentionStage"]

_log = log.get("retention")
_MOST = 20
_NOTHING_GOES = "everything in it is to be kept; 'dicom-node retention plan' says why"


@dataclass(slots=True)
class _Walk:
    """How far one walk through the studies has come; it starts again at its end."""

    at: tuple[datetime, str] | None = None
    condemned: int = 0
    warned: bool = False


class RetentionStage:
    """Delete what the rules let go; a bounded number of studies and files per tick.

    Parameters
    ----------
    database : Database
    archive_folder : Path
    keep : Keep
        Where it says that nothing goes, only what was condemned before is finished.
    """

    def __init__(self, database: Database, archive_folder: Path, keep: Keep) -> None:
        self._database = database
        self._keep = keep
        self._eraser = Eraser(database, archive_folder)
        self._aged, self._full = _Walk(), _Walk()

    def tick(self, now: datetime) -> int:
        """Condemn some studies and delete some files; return how many studies lost something."""
        condemned = self._by_age(now) + self._by_size(now)
        self._eraser.tick(now)
        return condemned

    def _by_age(self, now: datetime) -> int:
        if not self._keep.youngest_days:
            return 0
        before = now - timedelta(days=self._keep.youngest_days)
        condemned = 0
        for holding in self._step(self._aged, before):
            condemned += bool(self._condemn(holding, now, over=False))
            if condemned == _MOST:
                break
        return condemned

    def _by_size(self, now: datetime) -> int:
        over = self._over()
        if over <= 0:
            self._full = _Walk()  # the next time begins with the oldest again
            return 0
        condemned = 0
        for holding in self._step(self._full, None):
            if freed := self._condemn(holding, now, over=True):
                condemned, over = condemned + 1, over - freed
            if condemned == _MOST or over <= 0:
                break
        self._full.condemned += condemned
        return condemned

    def _over(self) -> int:
        if not self._keep.max_bytes:
            return 0
        with self._database.reading() as session:
            return Holdings(session).size() - self._keep.max_bytes

    def _step(self, walk: _Walk, before: datetime | None) -> Iterator[Holding]:
        """Yield the next page of a walk, and note how far it was used."""
        page = self._page(walk, before)
        if not page and walk.at is not None:
            self._turn(walk)
            page = self._page(walk, before)
        for holding in page:
            walk.at = (holding.since, holding.uid)
            yield holding

    def _page(self, walk: _Walk, before: datetime | None) -> list[Holding]:
        with self._database.reading() as session:
            return Holdings(session).page(walk.at, before)

    def _turn(self, walk: _Walk) -> None:
        """Begin again with the oldest; say once if a whole walk made no room."""
        if walk is self._full and not walk.condemned and not walk.warned:
            walk.warned = True
            _log.warning("archive over its limit", bytes_over=self._over(), why=_NOTHING_GOES)
        walk.at, walk.condemned = None, 0

    def _condemn(self, seen: Holding, now: datetime, *, over: bool) -> int:
        """Condemn what goes of a study, judged again with nobody else at it; return its bytes."""
        if not self._judge(seen, now, over=over).going:
            return 0
        with self._database.transaction() as session:
            holding = Holdings(session).lock(seen.uid)
            verdict = Verdict() if holding is None else self._judge(holding, now, over=over)
            counts = {
                going: condemn(session, seen.uid, going.part, going.rule, now)
                for going in verdict.going
            }
        if holding is None:
            return 0
        for going, count in counts.items():
            _log.info(
                "objects deleted",
                study_uid=seen.uid,
                part=str(going.part),
                rule=going.rule,
                instances=count,
            )
        return sum(holding.amount(going.part).size for going in counts) or len(counts)

    def _judge(self, holding: Holding, now: datetime, *, over: bool) -> Verdict:
        return judge(holding, now, self._keep, over=over)
