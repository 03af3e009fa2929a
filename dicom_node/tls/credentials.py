"""Who we are and whom we believe, as the files say now."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

from dicom_node import log
from dicom_node.errors import SettingsError
from dicom_node.sections import Tls
from dicom_node.tls.certificate import Certificate
from dicom_node.tls.loaded import Loaded, load
from dicom_node.tls.profile import server_context
from dicom_node.tls.reading import TlsFiles

__all__ = ["Credentials"]

_log = log.get("tls")
_OPEN_KEY = "others can read it; let only the node's user: chmod 600"
_UNFIT = "who looks at its purposes will refuse us in this role; ask for one good for both"
_STAYS = "what was in service stays so"


class Credentials:
    """The certificates in service; renewed by :meth:`tick` when their files change.

    Safe to ask from many threads. Connections that are open keep what they began with.

    Parameters
    ----------
    folder : Path
        The configuration folder: paths of ``[tls]`` are relative to it.
    tls : Tls
        Files, profile, and how long before its end a certificate is warned of.

    Raises
    ------
    SettingsError
        When the files cannot be used; every mistake.
    """

    def __init__(self, folder: Path, tls: Tls) -> None:
        self._files = TlsFiles(folder / tls.certificate, folder / tls.key, folder / tls.trust)
        self._tls = tls
        self._lock = threading.Lock()
        self._callers: dict[str, Certificate] = {}
        self._warned: dict[tuple[str, str], date] = {}
        self._stamp = self._files.stamp()
        self._now = load(self._files, tls.profile)
        self._look()

    @property
    def own(self) -> Certificate:
        """Our certificate."""
        return self._now.own

    def server(self, *, mutual: bool = True) -> ssl.SSLContext:
        """Return what to answer the next connection with.

        Parameters
        ----------
        mutual : bool
            Whether who calls has to show a certificate that we believe.
        """
        return self._now.mutual if mutual else self._now.one_sided

    def lasting_server(self, *, mutual: bool = True) -> ssl.SSLContext:
        """Return a context for a server that takes one once and keeps it.

        At each handshake it hands over to the one in service, so renewed certificates are shown.

        Parameters
        ----------
        mutual : bool
            As of :meth:`server`; it stays as it is now.
        """
        context = server_context(self._tls.profile, mutual=mutual)

        def hand_over(shaking: ssl.SSLObject, _name: str | None, _outer: ssl.SSLContext) -> None:
            shaking.context = self.server(mutual=mutual)

        context.sni_callback = hand_over
        return context

    def client(self, *, by_host: bool = True) -> ssl.SSLContext:
        """Return what to make the next call with.

        Parameters
        ----------
        by_host : bool
            Whether the certificate has to name the host. Where it does not, the caller looks at
            the identity itself.
        """
        return self._now.by_host if by_host else self._now.by_identity

    def saw(self, peer: str, certificate: Certificate) -> None:
        """Note the certificate of a peer that was let in, so that its end is warned of too."""
        with self._lock:
            self._callers[peer] = certificate

    def days_left(self, now: datetime) -> Mapping[tuple[str, str], float]:
        """Return the days that certificates have left, by kind and name, for a metric.

        Kinds are ``own``, ``authority`` (the CAs of the trust list) and ``peer`` (those that have
        called since the start).
        """
        return {key: one.days_left(now) for key, one in self._known()}

    def tick(self, now: datetime) -> int:
        """Take up changed files, and warn of what ends soon; 1 if something was taken up."""
        taken_up = self._reload(now)
        for key, one in self._known():
            if one.days_left(now) <= self._tls.warn_days and self._warned.get(key) != now.date():
                self._warned[key] = now.date()
                _warn(key, one, now)
        return taken_up

    def _reload(self, now: datetime) -> int:
        stamp = self._files.stamp()
        if stamp == self._stamp:
            return 0
        self._stamp = stamp  # what cannot be used is tried again when it changes again
        try:
            loaded = load(self._files, self._tls.profile)
            _check_time(loaded, now)
        except SettingsError as exc:
            _log.error("certificates not taken up", why="; ".join(exc.mistakes), so=_STAYS)
            return 0
        self._now = loaded
        self._look()
        _log.info(
            "certificates taken up",
            name=loaded.own.name,
            ends_at=loaded.own.ends_at.isoformat(),
            fingerprint=loaded.own.fingerprint,
            authorities=len(loaded.authorities),
        )
        return 1

    def _look(self) -> None:
        """Warn of what works and is not well."""
        loaded = self._now
        for role in ("server", "client"):
            if role not in loaded.roles:
                _log.warning("certificate unfit", name=loaded.own.name, role=role, why=_UNFIT)
        try:
            if self._files.key_is_open():
                _log.warning("private key open", file=str(self._files.key), why=_OPEN_KEY)
        except OSError as exc:  # it went away since it was read: the next tick tells
            _log.warning("private key gone", file=str(self._files.key), why=str(exc))

    def _known(self) -> Iterator[tuple[tuple[str, str], Certificate]]:
        loaded = self._now
        yield ("own", loaded.own.name), loaded.own
        for one in loaded.authorities:
            yield ("authority", one.name), one
        with self._lock:
            callers = list(self._callers.items())
        for name, one in callers:
            yield ("peer", name), one


def _check_time(loaded: Loaded, now: datetime) -> None:
    own = loaded.own
    if not own.starts_at <= now < own.ends_at:
        text = f"the certificate of {own.name} is good from {own.starts_at} to {own.ends_at}"
        raise SettingsError([f"{text}, not now; put one there that is"])


def _warn(key: tuple[str, str], certificate: Certificate, now: datetime) -> None:
    kind, name = key
    days, ends_at = certificate.days_left(now), certificate.ends_at.isoformat()
    if days < 0:
        _log.error("certificate expired", kind=kind, name=name, ends_at=ends_at)
    else:
        _log.warning(
            "certificate expires", kind=kind, name=name, days=round(days, 1), ends_at=ends_at
        )
