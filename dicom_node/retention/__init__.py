"""Retention by rule: what of the archive is deleted, and when.

What enters: holdings, with all that forbids to delete them. What leaves: objects condemned, with
the rule in words, and their files deleted.
"""

from dicom_node.retention.plan import Planned, plan
from dicom_node.retention.policy import Going, Keep, Verdict, judge
from dicom_node.retention.stage import RetentionStage

__all__ = ["Going", "Keep", "Planned", "RetentionStage", "Verdict", "judge", "plan"]
