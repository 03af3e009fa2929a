"""Tokens of the web: create, list, revoke."""

import re
from datetime import timedelta
from typing import Any

import click

from dicom_node.app.clock import utc_now
from dicom_node.cli.context import Context, as_json, json_option
from dicom_node.errors import NotPossible
from dicom_node.tokens import SCOPES, Scope, Token, Tokens

__all__ = ["tokens"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}")
_LONGEST_DAYS = 3650


@click.group()
def tokens() -> None:
    """Make, list and revoke the bearer tokens that clients of the web send.

    \b
    Example:
      dicom-node tokens create viewer --scope read
    """


@tokens.command()
@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice([str(one) for one in SCOPES]), multiple=True,
              required=True, help="What it is for; may be given more than once.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, _LONGEST_DAYS), default=365, show_default=True,
              help="How long it is good.")  # fmt: skip
@json_option
@click.pass_obj
def create(
    context: Context, name: str, scopes: tuple[str, ...], days: int, wants_json: bool
) -> None:
    """Make a token for NAME, and show it: this once, for only its hash is kept.

    Scopes: read queries and retrieves, write stores, request asks for a series to be made, metrics
    reads /metrics, admin may everything.

    \b
    Example:
      dicom-node tokens create viewer --scope read --days 90
      dicom-node tokens create modality --scope write
    """
    if not _NAME.fullmatch(name):
        shape = "up to 48 letters, digits, '.', '_' and '-' are wanted, a letter or digit first"
        raise NotPossible(f"'{name}' cannot stand for who sends; {shape}")
    node, now = context.begin(), utc_now()
    with node.database.transaction() as session:
        wanted = [Scope(scope) for scope in scopes]
        token, text = Tokens(session).create(name, wanted, now, now + timedelta(days=days))
        said = f"token {token.id} for {name} was made: {', '.join(scopes)}"
        context.restricted(node, _uri(token), said)
    if wants_json:
        as_json({**_described(token), "token": text})
        return
    click.echo(text)
    click.echo(f"good until {token.expires_at:%Y-%m-%d}; it is shown this once", err=True)


@tokens.command("list")
@json_option
@click.pass_obj
def list_tokens(context: Context, wants_json: bool) -> None:
    """List tokens with what they are for, and whether they are good.

    \b
    Example:
      dicom-node tokens list
    """
    node = context.open()
    with node.database.reading() as session:
        found = [_described(token) for token in Tokens(session).list()]
    if wants_json:
        as_json(found)
        return
    if not found:
        click.echo("no tokens")
    for one in found:
        scopes = ", ".join(one["scopes"])
        click.echo(
            f"{one['id']} {one['name']}: {scopes}; {one['state']}, until {one['expires_at']}"
        )


@tokens.command()
@click.argument("token_id")
@click.pass_obj
def revoke(context: Context, token_id: str) -> None:
    """Let the token TOKEN_ID be good for nothing, from this moment on.

    \b
    Example:
      dicom-node tokens revoke 0f1e2d3c4b5a
    """
    node = context.open()
    with node.database.transaction() as session:
        token = Tokens(session).revoke(token_id, utc_now())
        context.restricted(node, _uri(token), f"token {token.id} of {token.name} was revoked")
    click.echo(f"token {token.id} of {token.name} is revoked")


def _uri(token: Token) -> str:
    return f"urn:dicom-synthesis-node:token:{token.id}"


def _described(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "state": token.state(utc_now()),
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
    }
