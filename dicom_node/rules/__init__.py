"""Which modality is missing, and which task makes it.

What enters: complete studies, their series understood. What leaves: jobs, and for every rule the
word of why it fired or did not.
"""

from dicom_node.rules.elsewhere import Elsewhere
from dicom_node.rules.load import load_rules, rule_mistakes
from dicom_node.rules.plan import Decision, decide
from dicom_node.rules.rule import Condition, Rule
from dicom_node.rules.stage import RulesStage, Understood, understand

__all__ = [
    "Condition",
    "Decision",
    "Elsewhere",
    "Rule",
    "RulesStage",
    "Understood",
    "decide",
    "load_rules",
    "rule_mistakes",
    "understand",
]
