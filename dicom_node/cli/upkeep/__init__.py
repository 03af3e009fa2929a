"""Commands of who looks after the node: what is kept, who may call, and what was done."""

from dicom_node.cli.upkeep.audit import audit
from dicom_node.cli.upkeep.backup import backup, restore
from dicom_node.cli.upkeep.retention import retention
from dicom_node.cli.upkeep.tokens import tokens
from dicom_node.cli.upkeep.verify import verify_archive

__all__ = ["audit", "backup", "restore", "retention", "tokens", "verify_archive"]
