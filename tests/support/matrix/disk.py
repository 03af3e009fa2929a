"""What of a tree is on the disk for good, and the tree as a power cut may leave it.

POSIX promises two things only: the content of a file that was synced, and the entries of a folder
that was synced. All else may be there after a power cut, or not. SQLite's files are its own: with
``synchronous=FULL`` every commit is synced, so what is behind the last commit is dropped.
"""

import json
import os
import random
import shutil
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DATABASE = "node.db"
_OUT = ("unlink", "remove", "rename", "replace")


class Recorder:
    """Notes what is synced; keeps a second name for whatever loses its first."""

    def __init__(self, log: Path, grave: Path) -> None:
        grave.mkdir(parents=True, exist_ok=True)
        self._grave = grave
        self._write = os.write  # of before anything is wrapped
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def before(self, name: str, args: tuple) -> None:
        if name in _OUT:
            for path in args[: 1 + (name in ("rename", "replace"))]:
                self._bury(path)

    def after(self, name: str, path: str) -> None:
        if name != "fsync":
            return
        seen = Path(path).stat()
        note: dict = {"ino": seen.st_ino}
        if stat.S_ISDIR(seen.st_mode):
            note["names"] = listing(Path(path))
        else:
            note["size"] = seen.st_size
        self._write(self._log, json.dumps(note).encode() + b"\n")

    def _bury(self, path: str | os.PathLike) -> None:
        with suppress(OSError):
            seen = Path(path).stat()
            if stat.S_ISREG(seen.st_mode):
                os.link(path, self._grave / str(seen.st_ino))


def listing(folder: Path) -> dict[str, tuple[int, bool]]:
    """Return name to number and whether it is a folder."""
    with os.scandir(folder) as found:
        return {one.name: (one.inode(), one.is_dir(follow_symlinks=False)) for one in found}


@dataclass(frozen=True)
class Synced:
    """What a log says: size by file, entries by folder, both by number."""

    sizes: Mapping[int, int]
    names: Mapping[int, Mapping[str, tuple[int, bool]]]

    @classmethod
    def of(cls, log: Path) -> "Synced":
        sizes, names = {}, {}
        for line in log.read_text().splitlines() if log.exists() else ():
            note = json.loads(line)
            if "size" in note:
                sizes[note["ino"]] = note["size"]
            else:
                names[note["ino"]] = {one: tuple(two) for one, two in note["names"].items()}
        return cls(sizes, names)


@dataclass
class PowerCut:
    """One way in which the power may go.

    Parameters
    ----------
    how : {"lost", "kept", "torn"}
        Of what was not synced: all is lost; names are there, their content is not; or each folder
        and file as a coin falls.
    dropped : int
        So many commits are taken from the database too: what a disk does that lies about syncing.
    """

    how: str
    seed: int = 0
    dropped: int = 0

    def strike(self, root: Path, log: Path, grave: Path) -> None:
        """Leave of the tree at ``root`` what a power cut may leave."""
        synced, coin = Synced.of(log), random.Random(self.seed)
        places = {one.stat().st_ino: one for one in (*root.rglob("*"), *grave.glob("*"))}
        after = root.with_name(f"{root.name}.after")
        shutil.rmtree(after, ignore_errors=True)
        if root.is_dir():
            self._build(after, root, root.stat().st_ino, (synced, places, coin))
            shutil.rmtree(root)
            after.rename(root)
        for wal in root.glob(f"{DATABASE}-wal"):
            cut_wal(wal, self.dropped)

    def _build(self, after: Path, now: Path | None, number: int, known: tuple) -> None:
        synced, places, coin = known
        after.mkdir()
        kept = self.how == "kept" or (self.how == "torn" and coin.random() < 0.5)
        present = listing(now) if now is not None and now.is_dir() else {}
        names = dict(present if kept else synced.names.get(number, {}))
        names |= {name: one for name, one in present.items() if name.startswith(DATABASE)}
        for name, (inner, is_folder) in sorted(names.items()):
            place = places.get(inner)
            if is_folder:
                self._build(after / name, place, inner, known)
            elif place is not None:
                self._file(after / name, place, synced.sizes.get(inner, 0), coin)

    def _file(self, after: Path, now: Path, size: int, coin: random.Random) -> None:
        content = now.read_bytes()
        if after.name.startswith(DATABASE):
            size = len(content)
        elif self.how == "torn" and size < len(content):
            size = coin.randint(size, len(content))
        after.write_bytes(content[:size])
        shutil.copystat(now, after)


def cut_wal(wal: Path, drop: int = 0) -> None:
    """Cut a write-ahead log behind its last commit, or ``drop`` commits earlier.

    https://www.sqlite.org/fileformat.html#the_write_ahead_log
    """
    content = wal.read_bytes()
    if len(content) < 32:
        return
    page, salts = struct.unpack(">I", content[8:12])[0], content[16:24]
    ends, at = [32], 32
    while at + 24 + page <= len(content) and content[at + 8 : at + 16] == salts:
        pages = struct.unpack(">I", content[at + 4 : at + 8])[0]
        at += 24 + page
        if pages:
            ends.append(at)
    end = ends[max(0, len(ends) - 1 - drop)]
    wal.write_bytes(content[:end])
