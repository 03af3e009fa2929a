"""The conformance statement in the order of PS3.2, each section from the code's own tables.

A section is a function that returns Markdown. What a later part of the node adds is a function more.
"""

from conformance import calling, listening, objects, overview, query, security, setup

__all__ = ["PARTS", "page"]

PARTS = (
    overview.head,
    overview.services,
    overview.introduction,
    overview.model,
    listening.echo_and_store,
    query.find,
    query.retrieve,
    listening.commitment,
    listening.policy,
    calling.policy,
    calling.storing,
    calling.asking,
    calling.committing,
    security.web,
    setup.network,
    setup.configuration,
    setup.media,
    setup.characters,
    security.profiles,
    objects.created,
    objects.copied,
    objects.terms,
    objects.others,
    overview.classes,
)
"""Sections in their order."""


def page() -> str:
    """Return the whole statement."""
    return "\n\n".join(part().strip() for part in PARTS) + "\n"
