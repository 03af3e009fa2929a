"""Tokens: made, shown once, kept as hashes, compared in constant time."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from dicom_node.db import TokenRow
from dicom_node.errors import NotKnown, NotPossible, TokenRefused

__all__ = ["SCOPES", "Scope", "Token", "Tokens"]

_ID_BYTES, _SECRET_BYTES = 6, 32
_SHAPE = re.compile(r"dnt_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODY = "0" * 64
"""The digest of no secret: compared with where there is no such token, so that it takes as long."""


class Scope(StrEnum):
    """What a token is for."""

    READ = "read"
    WRITE = "write"
    REQUEST = "request"
    METRICS = "metrics"
    ADMIN = "admin"


SCOPES = tuple(Scope)


@dataclass(frozen=True, slots=True)
class Token:
    """Everything that is known of a token; its secret is not.

    Parameters
    ----------
    id : str
        The part that may be shown.
    name : str
        Who uses it; what they send is kept under this name.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it is enough for ``scope``; an administrator may everything."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def state(self, now: datetime) -> str:
        """Return ``valid``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if now < self.expires_at else "expired"


class Tokens:
    """The tokens of a node. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self, name: str, scopes: Collection[Scope], now: datetime, expires_at: datetime
    ) -> tuple[Token, str]:
        """Make a token; return what is known of it, and the text that its holder sends.

        The text is nowhere kept. Its secret is drawn, 256 bits long: nobody guesses it, so a plain
        hash is enough, and one that is slow on purpose would only slow down every request.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        row = TokenRow(
            id=secrets.token_hex(_ID_BYTES),
            name=name,
            digest=_digest(secret),
            scopes=sorted(set(scopes)),
            created_at=now,
            expires_at=expires_at,
        )
        self._session.add(row)
        self._session.flush()
        return _token(row), f"dnt_{row.id}_{secret}"

    def list(self) -> Sequence[Token]:
        """Return all tokens, the oldest first."""
        rows = self._session.scalars(select(TokenRow).order_by(TokenRow.created_at, TokenRow.id))
        return [_token(row) for row in rows]

    def revoke(self, token_id: str, now: datetime) -> Token:
        """Let a token be good for nothing from now on.

        Raises
        ------
        NotKnown, NotPossible
            When there is no such token, or it is revoked already.
        """
        row = self._session.get(TokenRow, token_id)
        if row is None:
            raise NotKnown(f"there is no token '{token_id}'; 'dicom-node tokens list' shows them")
        if row.revoked_at is not None:
            raise NotPossible(f"token {token_id} is revoked already")
        row.revoked_at = now
        return _token(row)

    def holder(self, text: str, now: datetime) -> Token:
        """Return the token that ``text`` is.

        Raises
        ------
        TokenRefused
            When it is none, or none any more.
        """
        parts = _SHAPE.fullmatch(text)
        if parts is None:
            raise TokenRefused("what was sent is no token; 'dicom-node tokens create' makes one")
        row = self._session.get(TokenRow, parts[1])
        kept = _NOBODY if row is None else row.digest
        if not hmac.compare_digest(kept, _digest(parts[2])) or row is None:
            raise TokenRefused("nobody has this token; 'dicom-node tokens create' makes one")
        token = _token(row)
        if (state := token.state(now)) != "valid":
            raise TokenRefused(f"token {token.id} is {state}; 'dicom-node tokens create' makes one")
        return token


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
