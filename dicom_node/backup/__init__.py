"""Backup and restore of a node: database, archive, audit trail and configuration.

What enters: a node, running or not. What leaves: a folder or a file that says of itself what it
holds; and a node as it was, from one of these.
"""

from dicom_node.backup.manifest import Entry, Header
from dicom_node.backup.read import Backup, open_backup
from dicom_node.backup.restore import Restored, restore
from dicom_node.backup.take import Taken, check_place, take
from dicom_node.backup.target import Target, target_at
from dicom_node.backup.trail import Trail

__all__ = [
    "Backup",
    "Entry",
    "Header",
    "Restored",
    "Taken",
    "Target",
    "Trail",
    "check_place",
    "open_backup",
    "restore",
    "take",
    "target_at",
]
