"""Certificates for tests, made by openssl: a CA, good ones of it, and every kind of bad one."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dicom_node.sections import Tls
from tests.support.need import program

_CONF = """
[ca]
default_ca = ours
[ours]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
_KEYS = {
    "rsa": ["rsa:2048"],
    "weak": ["rsa:1024"],
    "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
}


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        said = _openssl("x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256")
        return said.partition("=")[2].strip()


def tls(ours: Pair, trust: Path, **keys: object) -> Tls:
    """Return ``[tls]`` with these files."""
    return Tls(certificate=str(ours.certificate), key=str(ours.key), trust=str(trust), **keys)


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder: Path, name: str = "Hospital CA") -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.pair = Pair(folder / "ca.pem", folder / "ca.key")
        _openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
            f"/CN={name}", "-keyout", self.pair.key, "-out", self.certificate,
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        (folder / "index").touch()
        (folder / "ca.cnf").write_text(_CONF.format(folder=folder))

    @property
    def certificate(self) -> Path:
        return self.pair.certificate

    def issue(
        self,
        name: str,
        *,
        file: str = "",
        days: tuple[float, float] = (-1, 365),
        names: str = "DNS:localhost,IP:127.0.0.1",
        use: str = "serverAuth,clientAuth",
        crypto: tuple[str, str] = ("rsa", "sha256"),
    ) -> Pair:
        """Return a pair signed by this CA, good from and until so many days from now."""
        stem = self.folder / (file or name)
        pair = Pair(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        _openssl(
            "req", "-newkey", *_KEYS[crypto[0]], "-nodes", "-subj", f"/CN={name}",
            "-keyout", pair.key, "-out", request,
        )  # fmt: skip
        pair.key.chmod(0o600)
        lines = ["basicConstraints=CA:FALSE", f"extendedKeyUsage={use}"]
        extensions.write_text("\n".join(lines + ([f"subjectAltName={names}"] if names else [])))
        start, end = (f"{datetime.now(UTC) + timedelta(days=n):%Y%m%d%H%M%SZ}" for n in days)
        _openssl(
            "ca", "-batch", "-notext", "-config", self.folder / "ca.cnf", "-cert", self.certificate,
            "-keyfile", self.pair.key, "-in", request, "-out", pair.certificate, "-md", crypto[1],
            "-startdate", start, "-enddate", end, "-extfile", extensions,
        )  # fmt: skip
        return pair


def self_signed(folder: Path, name: str) -> Pair:
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", f"/CN={name}",
        "-keyout", pair.key, "-out", pair.certificate, "-addext", "basicConstraints=CA:FALSE",
        "-addext", "subjectAltName=IP:127.0.0.1",
    )  # fmt: skip
    pair.key.chmod(0o600)
    return pair


def _openssl(*arguments: object) -> str:
    done = subprocess.run(
        [program("/usr/bin/openssl", "openssl"), *map(str, arguments)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
