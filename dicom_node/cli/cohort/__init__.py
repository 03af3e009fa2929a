"""The commands of ``dicom-node cohort``."""

from dicom_node.cli.cohort.commands import cohort

__all__ = ["cohort"]
