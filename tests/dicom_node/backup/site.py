"""A node's configuration, data folder and database, filled, destroyed and looked at."""

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import MetaData, select

from dicom_node.archive import Archive, Files, Space
from dicom_node.archive.upkeep import verify
from dicom_node.audit import Audit, CopiedTrail, Person, audit_of
from dicom_node.backup import Taken, check_place, open_backup, restore, take, target_at
from dicom_node.db import Database
from dicom_node.db.refill import clear
from dicom_node.settings import Settings, load_settings
from tests.dicom_node.archive.objects import instance, received
from tests.support.node import NodeConf

DEVICE_UID = "2.25.77\n"


@dataclass
class Site:
    """One installation."""

    folder: Path
    url: str
    numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        NodeConf(self.folder, database=self.url).write()
        self.data.mkdir()
        (self.data / "device_uid").write_text(DEVICE_UID)
        self.prepare()

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    @property
    def data(self) -> Path:
        return self.folder / "var"

    @property
    def archive(self) -> Path:
        return self.data / "archive"

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def backups(self) -> Path:
        return self.folder.parent / "backups"

    @property
    def settings(self) -> Settings:
        return load_settings(self.conf, {})

    @property
    def trail(self) -> Path:
        return self.data / "audit"

    @property
    def copied(self) -> CopiedTrail:
        return CopiedTrail(self.settings, Person("anna@host", "host"), lambda: datetime.now(UTC))

    def copied_audit(self) -> Audit:
        return audit_of(self.settings, lambda: datetime.now(UTC))

    def database(self) -> Database:
        return Database(self.url, self.data)

    def prepare(self) -> None:
        Files(self.archive)
        database = self.database()
        database.prepare()
        database.close()

    def add(self, *numbers: int, study: str = "one") -> None:
        """Keep instances, as the listener does."""
        database = self.database()
        space = Space(self.data, 0)
        archive = Archive(database, Files(self.archive), space, lambda: datetime.now(UTC))
        association = (f"association of {study}"[:36], "scanner", datetime.now(UTC))
        for number in numbers:
            archive.keep(received(instance(study, number=number), association=association))
        database.close()

    def backup(
        self, place: Path | None = None, progress=lambda _done, _total: None, now=None
    ) -> Taken:
        database, now = self.database(), now or datetime.now(UTC)
        try:
            check_place(self.settings, place or self.backups)
            with target_at(place or self.backups, now) as target:
                return take(self.settings, database, self.copied, target, now, progress)
        finally:
            database.close()

    def destroy(self) -> None:
        """Lose data folder and database."""
        database = self.database()
        clear(database)
        database.close()
        shutil.rmtree(self.data)

    def restore(self, place: Path, progress=lambda _: None):
        database = self.database()
        try:
            return restore(self.settings, database, self.copied, open_backup(place), progress)
        finally:
            database.close()

    def rows(self) -> dict[str, list[str]]:
        """Return every row of every table."""
        database = self.database()
        tables = MetaData()
        with database.engine.connect() as connection:
            tables.reflect(connection)
            found = {
                name: sorted(str(tuple(row)) for row in connection.execute(select(table)))
                for name, table in tables.tables.items()
            }
        database.close()
        return found

    def files(self) -> dict[Path, bytes]:
        """Return every object of the archive, orphans too."""
        found = self.archive.rglob("*.dcm")
        return {path.relative_to(self.archive): path.read_bytes() for path in found}

    def everything(self) -> tuple:
        return self.rows(), self.files(), (self.data / "device_uid").read_text()

    def faults(self) -> list:
        database = self.database()
        report = verify(database, self.archive, datetime.now(UTC), lambda _: None)
        database.close()
        return report.faults

    def paths(self) -> list[Path]:
        return sorted(self.archive / path for path in self.files())

    def left(self) -> set[str]:
        """Return what lies in the folder of backups, but for its lock."""
        return {path.name for path in self.backups.iterdir()} - {".lock"}
