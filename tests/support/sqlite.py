"""Databases on SQLite that have the schema already: to copy one is cheaper than to make one."""

import tempfile
from functools import cache
from pathlib import Path

from dicom_node.db import Database

URL = "sqlite:///node.db"


def prepared(folder: Path) -> Database:
    """Return a new database in ``folder`` that has the schema."""
    with (folder / "node.db").open("xb") as file:
        file.write(_schema())
    return Database(URL, folder)


@cache
def _schema() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        database = Database(URL, Path(name))
        database.prepare()
        database.close()
        return (Path(name) / "node.db").read_bytes()
