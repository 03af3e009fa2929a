"""A throw-away PostgreSQL cluster, never as root."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from dicom_node.db import Database
from tests.support.need import free_port, missing

_UNSAFE = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
"""What a power cut leaves of PostgreSQL's disk is PostgreSQL's, and no test asks."""


class Postgres:
    """One cluster; a database of its own for whoever asks."""

    def __init__(self) -> None:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        found = [path for path in binaries if (path / "initdb").is_file()]
        if not found:
            missing("PostgreSQL is not installed; 'make test' installs it")
        self._bin = found[-1]
        self._folder = Path(tempfile.mkdtemp(prefix="node-pg-"))
        self._port = free_port()
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._count = 0
        self._prepared = ""

    def start(self) -> "Postgres":
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        data = self._folder / "data"
        self._run(
            "initdb", "-D", str(data), "-U", "node", "--auth=trust", "-E", "UTF8", "--no-sync"
        )
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 {_UNSAFE}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(data), "-o", options, "-l", log, "-w", "start")
        return self

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, like: str = "template1") -> str:
        """Return the URL of a new database; an empty one, or a copy of another."""
        self._count += 1
        name = f"node{self._count}_{int(time.time() * 1000)}"
        where = ("-h", "127.0.0.1", "-p", str(self._port), "-U", "node")
        self._run("createdb", *where, "--template", like, "--strategy", "file_copy", name)
        return f"postgresql://node@127.0.0.1:{self._port}/{name}"

    def prepared(self) -> str:
        """Return the URL of a new database that has the schema: to make it takes a while."""
        if not self._prepared:
            url = self.url()
            database = Database(url, self._folder)
            database.prepare()
            database.close()
            self._prepared = url.rpartition("/")[2]
        return self.url(self._prepared)

    def _run(self, name: str, *arguments: str) -> None:
        user = self._user if os.geteuid() == 0 else None
        done = subprocess.run(
            [str(self._bin / name), *arguments],
            user=user,
            cwd=str(self._folder),
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr}")
