"""An archive as the first version of the node left it: schema 0001, filled with plain SQL.

No class of today's schema is used: what they write, the first version never wrote.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from dicom_node.db import Database, migrate
from tests.support.mr import MrSeries, encoded, part10

FIRST = "0001"
GONE = "a-host-that-is-gone/boot/1/1"
"""Who holds what was in hand: a process of another host, of which nothing is known."""


@dataclass
class FirstArchive:
    """Fills one database and the archive's folder beside it.

    Parameters
    ----------
    now : datetime
        When the first version stopped.
    lease_until : datetime
        How long what was in hand is held by whom nobody sees any more.
    """

    database: Database
    folder: Path
    now: datetime
    lease_until: datetime | None = None
    ids: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        migrate.upgrade(self.database._engine, FIRST)

    def study(self, series: MrSeries, state: str = "routed") -> None:
        """A study of one series, its objects on the disk."""
        at = self.now - timedelta(hours=1)
        self.insert(
            "study", uid=series.study_uid, state=state, revision=series.slices, first_at=at,
            last_at=at, interrupted=False, evidence=None, asked_at=None, asked_revision=-1,
            expected=None,
        )  # fmt: skip
        self._series(series.study_uid, series.series_uid, "T1", synthetic=False)
        self.insert(
            "decision", study_uid=series.study_uid, rule="sct-head", fired=True, unmet=[],
            decided_at=at,
        )  # fmt: skip
        self._instances(series.datasets(), "received")

    def receiving(self, series: MrSeries) -> None:
        """A study that was coming in when the node stopped: its association was never closed."""
        self.study(series, "receiving")
        association, at = f"association of {series.seed}"[:36], self.now - timedelta(hours=1)
        self.insert(
            "association", id=association, peer="scanner", opened_at=at, closed_at=None, ended=None
        )
        self.insert("sending", association_id=association, study_uid=series.study_uid, last_at=at)

    def job(self, series: MrSeries, state: str, model: dict[str, str], **values: Any) -> int:
        """A job on a study, wanted by its rule for one destination."""
        number = self._next("job")
        held = state == "running"
        self.insert(
            "job",
            **{
                "id": number, "key": f"2.25.{number}", "study_uid": series.study_uid,
                "rule": "sct-head", "task": "ct_from_mr", "grid": "native", "priority": 1,
                "state": state, "attempts": int(held), "token": int(held), "due": self.now,
                "created_at": self.now, "lease_owner": GONE if held else None,
                "lease_until": self.lease_until if held else None, "model": model,
                "sources": [["T1", series.series_uid, uids_of(series.datasets())]],
                "reasons": [], "series_uids": [], **values,
            },
        )  # fmt: skip
        self.insert("wanted", job_id=number, rule="sct-head", destinations=["pacs"])
        return number

    def delivery(self, made: MrSeries, study_uid: str, state: str, sent: Iterable[str]) -> int:
        """A result on its way to one destination; ``sent`` was answered with success."""
        number, sent = self._next("delivery"), set(sent)
        held = state == "sending"
        datasets = made.datasets()
        for ds in datasets:
            ds.StudyInstanceUID = study_uid
        self._series(study_uid, made.series_uid, "CT", synthetic=True)
        self._instances(datasets, "made")
        self.insert(
            "delivery", id=number, study_uid=study_uid, series_uid=made.series_uid,
            destination="pacs", state=state, attempts=1, refusals=0, token=1, due=self.now,
            created_at=self.now, lease_owner=GONE if held else None,
            lease_until=self.lease_until if held else None, error=None,
        )  # fmt: skip
        for uid in uids_of(datasets):
            was_sent = uid in sent
            self.insert(
                "delivery_item", delivery_id=number, sop_instance_uid=uid,
                sent_at=self.now if was_sent else None, status=0 if was_sent else None,
            )  # fmt: skip
        return number

    def conflict(self, series: MrSeries) -> None:
        """An instance that came under a UID that was taken."""
        self.insert(
            "conflict", id=1, sop_instance_uid=uids_of(series.datasets())[0],
            study_uid=series.study_uid, series_uid=series.series_uid, sha256="ab" * 32,
            path="conflicts/other.dcm", sender="SCANNER", received_at=self.now,
        )  # fmt: skip

    def insert(self, table: str, **values: Any) -> None:
        """Note one row, each value written out."""
        names, kind = ", ".join(values), self.database._engine.dialect.name
        literals = ", ".join(_literal(value, kind) for value in values.values())
        self.lines.append(f"INSERT INTO {table} ({names}) VALUES ({literals})")  # noqa: S608 - ours

    def write(self) -> "FirstArchive":
        """Put every row into the database, at once: a row a transaction would take minutes."""
        with self.database._engine.begin() as connection:
            for line in self.lines:
                connection.exec_driver_sql(line)
            if connection.dialect.name == "postgresql":
                for table, last in self.ids.items():
                    serial = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})"
                    connection.exec_driver_sql(serial)
        self.lines.clear()
        return self

    def _next(self, table: str) -> int:
        self.ids[table] = self.ids.get(table, 0) + 1
        return self.ids[table]

    def _series(self, study_uid: str, series_uid: str, label: str, *, synthetic: bool) -> None:
        self.insert(
            "series", uid=series_uid, study_uid=study_uid, modality="MR", description="t1",
            label=label, synthetic=synthetic, verdict="accept", reasons=[], tasks={},
        )  # fmt: skip

    def _instances(self, datasets: Iterable[Dataset], origin: str) -> None:
        for ds in datasets:
            content = encoded(ds)
            sha256 = hashlib.sha256(content).hexdigest()
            path = self.folder / f"{sha256[:2]}/{sha256}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(part10(ds))
            self.insert(
                "instance", sop_instance_uid=ds.SOPInstanceUID, sop_class_uid=ds.SOPClassUID,
                study_uid=ds.StudyInstanceUID, series_uid=ds.SeriesInstanceUID,
                transfer_syntax_uid=str(ds.file_meta.TransferSyntaxUID), sha256=sha256,
                size=len(content), path=str(path.relative_to(self.folder)), origin=origin,
                sender="SCANNER", received_at=self.now,
            )  # fmt: skip


def uids_of(datasets: Iterable[Dataset]) -> list[str]:
    """Return SOP Instance UIDs."""
    return sorted(str(ds.SOPInstanceUID) for ds in datasets)


def _literal(value: Any, dialect: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        zone = "+00:00" if dialect == "postgresql" else ""
        value = f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}{zone}"
    if isinstance(value, list | dict):
        value = json.dumps(value)
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
