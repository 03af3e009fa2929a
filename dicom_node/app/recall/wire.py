"""Settings into the stage that tells destinations what is rejected."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dicom_node.audit import Remote
from dicom_node.destination.told import tell_end
from dicom_node.notes import NotesStage
from dicom_node.results import Site
from dicom_node.values import Instance

if TYPE_CHECKING:
    from dicom_node.app.build import Node

__all__ = ["notes_stage"]


def notes_stage(node: "Node") -> NotesStage:
    """Return the stage of a node."""
    site = node.settings.file.site

    def stopped(
        now: datetime, name: str, answered: Sequence[tuple[Instance, int | None]], error: str
    ) -> None:
        if node.audit.on:
            who = {target.who.name: target.who for target in node.targets()}
            tell_end(node.audit, now, who.get(name, Remote(name)), answered, error)

    return NotesStage(
        (node.database, node.archive),
        Site(node.node_uid, site.institution, site.content_qualification),
        node.audit,
        stopped,
    )
