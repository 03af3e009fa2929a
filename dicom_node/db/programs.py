"""PostgreSQL's own programs: pg_dump and pg_restore."""

import os
import shutil
import subprocess

from sqlalchemy.engine import URL

from dicom_node.errors import BackupError

__all__ = ["libpq", "run"]


def libpq(url: URL) -> tuple[str, str]:
    """Return a database's name as PostgreSQL's programs take it, and its password apart.

    Everybody on a machine sees the words of a command; the environment only its owner does.
    """
    name = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    return name.render_as_string(hide_password=False), str(url.password or "")


def run(program: str, *arguments: str, secret: str = "") -> None:
    """Run one of them to its end.

    Parameters
    ----------
    secret : str
        The database's password; empty where .pgpass or the environment has it.

    Raises
    ------
    BackupError
        When it is not on the PATH, or fails; with its last word.
    """
    path = shutil.which(program)
    if path is None:
        raise BackupError(
            f"{program} is not on the PATH; install PostgreSQL's client programs, of the server's "
            "version or newer"
        )
    environ = {**os.environ, "PGPASSWORD": secret} if secret else None
    done = subprocess.run(  # noqa: S603 - a program of that name, our own arguments
        [path, "--no-password", *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise BackupError(f"{program} failed: {said[0].removeprefix(f'{program}: ')}")
