"""Certificates and keys from files: what is wrong with them is said by file."""

import binascii
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicom_node.errors import SettingsError

__all__ = ["TlsFiles", "first_certificate", "trusted_certificates"]

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)
_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der"})
_LONGEST = 2**22
"""No list of certificates is longer than 4 MB; a file that is was named by mistake."""
_NOT_OWNERS = 0o027
"""Of the permissions of a key: read or more by others, change by the group."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where things lie.

    Parameters
    ----------
    certificate, key : Path
        Ours, PEM.
    trust : Path
        A file of certificates, or a folder of such files.
    """

    certificate: Path
    key: Path
    trust: Path

    def stamp(self) -> tuple[object, ...]:
        """Return what is another one as soon as one of the files is another one."""
        return tuple(map(_stamp, (self.certificate, self.key, *_trust_files(self.trust))))

    def key_is_open(self) -> bool:
        """Whether others than the owner and the group may read the key, or the group change it."""
        return bool(self.key.stat().st_mode & _NOT_OWNERS)


def first_certificate(path: Path) -> bytes:
    """Return the first certificate of a file in DER: the one that the key belongs to.

    Raises
    ------
    SettingsError
        When there is none.
    """
    return _certificates(path)[0]


def trusted_certificates(path: Path) -> tuple[bytes, ...]:
    """Return the certificates that are believed, in DER.

    Of a folder, files ending in .pem, .crt, .cer or .der are read, whatever else lies there is not.

    Raises
    ------
    SettingsError
        Naming every file that holds none.
    """
    files = _trust_files(path)
    if not files:
        text = (
            f"{path} holds no certificate; put the CA's there, as a .pem, .crt, .cer or .der file"
        )
        raise SettingsError([f"tls.trust: {text}"])
    found: list[bytes] = []
    mistakes: list[str] = []
    for file in files:
        try:
            found += _certificates(file)
        except SettingsError as exc:
            mistakes += exc.mistakes
    if mistakes:
        raise SettingsError(mistakes)
    return tuple(found)


def _trust_files(path: Path) -> Sequence[Path]:
    try:
        if not path.is_dir():
            return (path,)
        return sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES)
    except OSError:  # it goes away while we look
        return (path,)


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return (str(path), None)
    return (str(path), found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)


def _certificates(path: Path) -> list[bytes]:
    content = _content(path)
    if b"-----BEGIN CERTIFICATE-----" not in content:
        return [_checked(content, path)]
    texts = _PEM.findall(content.decode("latin-1"))
    try:
        encoded = [ssl.PEM_cert_to_DER_cert(text) for text in texts]
    except (binascii.Error, ValueError) as exc:
        raise SettingsError([f"{path}: a certificate in it cannot be decoded: {exc}"]) from exc
    if not encoded:
        raise SettingsError([f"{path}: its certificate has no end; copy the file again"])
    return [_checked(one, path) for one in encoded]


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LONGEST:
            raise SettingsError([f"{path}: longer than any list of certificates; name another"])
        return path.read_bytes()
    except OSError as exc:
        raise SettingsError([f"{path}: not readable: {exc.strerror or exc}"]) from exc


def _checked(encoded: bytes, path: Path) -> bytes:
    """Let OpenSSL look at it."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=encoded)
    except (ssl.SSLError, ValueError) as exc:  # no bytes at all are the second
        raise SettingsError([f"{path}: no certificate, PEM or DER"]) from exc
    return encoded
