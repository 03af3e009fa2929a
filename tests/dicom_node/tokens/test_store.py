"""A token is shown once, kept as a hash, and good for what it says, as long as it says."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from dicom_node.db import TokenRow
from dicom_node.errors import NotKnown, NotPossible, TokenRefused
from dicom_node.tokens import SCOPES, Scope, Tokens


@pytest.fixture
def tokens(database):
    with database.transaction() as session:
        yield Tokens(session)


def made(tokens, now, *scopes: Scope, days: int = 1):
    return tokens.create("viewer", scopes or (Scope.READ,), now, now + timedelta(days=days))


def test_who_sends_the_text_is_who_it_was_made_for(tokens, now):
    token, text = made(tokens, now, Scope.READ, Scope.WRITE)
    assert tokens.holder(text, now) == token
    assert (token.name, token.scopes) == ("viewer", {Scope.READ, Scope.WRITE})
    assert token.id in text


def test_the_secret_is_nowhere_in_the_database(tokens, now, database):
    _, text = made(tokens, now)
    row = tokens._session.scalars(select(TokenRow)).one()
    kept = " ".join(str(getattr(row, column.key)) for column in TokenRow.__table__.columns)
    assert text.split("_", 2)[2] not in kept
    assert len(row.digest) == 64


def test_two_tokens_differ(tokens, now):
    texts = {made(tokens, now)[1] for _ in range(20)}
    assert len(texts) == 20
    assert len(tokens.list()) == 20


@pytest.mark.parametrize("wrong", ["", "x", "Bearer x", "dnt_", "dnt_000000000000_" + "A" * 43,
                                   "dnt_" + "ä" * 12 + "_" + "A" * 43])  # fmt: skip
def test_what_nobody_made_is_refused(tokens, now, wrong):
    made(tokens, now)
    with pytest.raises(TokenRefused):
        tokens.holder(wrong, now)


def test_one_letter_off_is_refused(tokens, now):
    _, text = made(tokens, now)
    for at in range(len(text)):
        other = text[:at] + ("b" if text[at] != "b" else "c") + text[at + 1 :]
        with pytest.raises(TokenRefused):
            tokens.holder(other, now)


def test_a_token_ends_when_it_says(tokens, now):
    _, text = made(tokens, now, days=2)
    tokens.holder(text, now + timedelta(days=2, seconds=-1))
    with pytest.raises(TokenRefused, match="is expired"):
        tokens.holder(text, now + timedelta(days=2))


def test_a_revoked_token_is_refused_from_then_on(tokens, now):
    token, text = made(tokens, now)
    tokens.revoke(token.id, now)
    with pytest.raises(TokenRefused, match="is revoked"):
        tokens.holder(text, now)
    assert [one.state(now) for one in tokens.list()] == ["revoked"]
    with pytest.raises(NotPossible, match="revoked already"):
        tokens.revoke(token.id, now)
    with pytest.raises(NotKnown, match="tokens list"):
        tokens.revoke("0" * 12, now)


def test_a_refusal_does_not_repeat_the_secret(tokens, now):
    _, text = made(tokens, now, days=-1)
    for sent in (text, text[:-1] + ("b" if text[-1] != "b" else "c"), text + "x"):
        with pytest.raises(TokenRefused) as caught:
            tokens.holder(sent, now)
        assert sent.split("_", 2)[2] not in str(caught.value)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_is_good_for_its_scopes_alone_and_admin_for_all(tokens, now, scope):
    token, _ = made(tokens, now, scope)
    allowed = {other for other in SCOPES if token.may(other)}
    assert allowed == (set(SCOPES) if scope is Scope.ADMIN else {scope})
