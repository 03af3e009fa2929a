"""Small objects, as they go over the wire, and an archive to keep them in."""

import zlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from sqlalchemy import select

from dicom_node.archive import Archive, Associations, Files, Kept, Received, Space, Studies
from dicom_node.db import Base, Database
from dicom_node.dicom import derive_uid
from dicom_node.values import Origin

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def study_uid(study: str = "one") -> str:
    return derive_uid("study of a test", study)


def series_uid(study: str = "one", series: str = "a") -> str:
    return derive_uid("series of a test", study, series)


def instance(study: str = "one", series: str = "a", number: int = 1, **values) -> Dataset:
    """Return a data set with identity and hardly more; ``values`` are put over it."""
    ds = Dataset()
    ds.SOPClassUID = MR_IMAGE
    ds.SOPInstanceUID = derive_uid("instance of a test", study, series, str(number))
    ds.StudyDate, ds.Modality, ds.PatientID = "20260102", "MR", "TEST-1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid(study), series_uid(study, series)
    ds.InstanceNumber = number
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def file_of(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return a Part 10 file as pydicom writes it."""
    written = copy(ds)
    written.file_meta = FileMetaDataset()
    written.file_meta.TransferSyntaxUID = syntax
    buffer = BytesIO()
    dcmwrite(buffer, written, enforce_file_format=True)
    return buffer.getvalue()


def wire(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return the encoded data set alone."""
    buffer = BytesIO()
    kind = UID(syntax)
    dcmwrite(buffer, ds, implicit_vr=kind.is_implicit_VR, little_endian=kind.is_little_endian)
    if not kind.is_deflated:
        return buffer.getvalue()
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(buffer.getvalue()) + deflate.flush()


def received(ds: Dataset, syntax: str = ExplicitVRLittleEndian, **values) -> Received:
    settings = {"sender": "SCANNER", "origin": Origin.RECEIVED, **values}
    return Received(wire(ds, syntax), str(syntax), **settings)


@dataclass
class Store:
    """An archive whose clock stands still until a test moves it."""

    database: Database
    archive: Archive
    files: Files
    now: datetime

    @classmethod
    def on(cls, database: Database, folder: Path, now: datetime) -> "Store":
        files = Files(folder)
        space = Space(folder, 0)
        store = cls(database, Archive(database, files, space, lambda: store.now), files, now)
        return store

    def keep(self, ds: Dataset, syntax: str = ExplicitVRLittleEndian, **values) -> Kept:
        return self.archive.keep(received(ds, syntax, **values))

    def end(self, association_id: str, *, released: bool = True) -> None:
        with self.database.transaction() as session:
            Associations(session).ended(association_id, self.now, released=released)

    def rows(self, table: type[Base]) -> Sequence[Base]:
        with self.database.reading() as session:
            return session.scalars(select(table)).all()

    def row(self, table: type[Base]) -> Base:
        (found,) = self.rows(table)
        return found

    def on_disk(self) -> set[Path]:
        """Return the files of objects, relative to the archive's folder."""
        folder = self.files.folder
        return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}

    def ask(self, question, *arguments):
        """Put a question to :class:`Studies` in a transaction of its own."""
        with self.database.transaction() as session:
            return question(Studies(session, self.archive.folder), *arguments)
