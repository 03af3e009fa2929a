"""Where runs of the matrix are made: one process to fork from, one empty database to begin with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dicom_node.db import Database
from tests.support.matrix.drive import STUCK_S, UNVOUCHED_S, Site, Told, Zygote
from tests.support.matrix.moments import Moment, moments
from tests.support.matrix.points import Aim
from tests.support.matrix.scenes import SCENES

RECOVERED = "recovered"
_SENDING = "delivery=sending"
SQLITE = "sqlite:///node.db"


@dataclass(frozen=True)
class Workshop:
    """What runs share."""

    zygote: Zygote
    folder: Path

    def site(self, scene: str, url: str = SQLITE) -> Site:
        """Return a place for one run; that of the run before is gone."""
        site = Site(self.zygote, self.folder / "site", scene, url)
        if url == SQLITE:
            site.begin_with(self.folder / "node.db")
        return site

    def run(self, scene: str, *aims: Aim, url: str = SQLITE, **how) -> Told:
        return self.site(scene, url).run(*aims, **how)

    def clean(self) -> "Clean":
        """Return a run of each scene in which nothing goes wrong; one takes up what was left."""
        told = {scene: self.run(scene) for scene in SCENES if scene != RECOVERED}
        counts = told["delivered"].over["counts"]
        (sending,) = (one for one in counts if _SENDING in one and one.startswith("after commit"))
        before = {RECOVERED: (Aim(sending),)}
        told[RECOVERED] = self.run(RECOVERED, *before[RECOVERED])
        return Clean(told, before)

    def clean_of(self, scene: str) -> "Clean":
        """Return the same of one scene alone, where no other is asked for."""
        return Clean({scene: self.run(scene)}, {})


@dataclass(frozen=True)
class Clean:
    """What a run of each scene told, and how the lives before it ended."""

    told: dict[str, Told]
    before: dict[str, tuple[Aim, ...]]

    def moments(self) -> list[Moment]:
        counts = {scene: told.over["counts"] for scene, told in self.told.items()}
        return list(moments(counts, self.before))

    def of(self, name: str) -> set[str]:
        """Return all that they told under ``name``: sites, or states."""
        return {one for told in self.told.values() for one in told.over[name]}

    def late_s(self, scene: str, told: Told) -> float:
        """Return how much longer it took until all had left, of simulated time."""
        return told.over["sent_s"] - self.told[scene].over["sent_s"]

    def is_stuck(self, scene: str, told: Told, more_s: float = 0.0) -> bool:
        """Return whether a run was held up longer than it may be; by design it waits ``more_s``."""
        whole_s = told.over["took_s"] - self.told[scene].over["took_s"]
        late_s = self.late_s(scene, told)
        return late_s > STUCK_S + more_s or whole_s > UNVOUCHED_S + more_s


@contextmanager
def open_workshop(folder: Path) -> Iterator[Workshop]:
    empty = Database(SQLITE, folder)
    empty.prepare()
    empty.close()
    zygote = Zygote(folder / "zygote.log")
    try:
        yield Workshop(zygote, folder)
    finally:
        zygote.stop()
