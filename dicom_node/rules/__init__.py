"""Which modality is missing, and which task makes it.

What enters: complete studies, their series understood, and what people ask to be made of them.
What leaves: jobs, and for every rule the word of why it fired or did not.
"""

from dicom_node.rules.ask import AskStage, FetchStage
from dicom_node.rules.current import Current, Versions
from dicom_node.rules.elsewhere import Asked, Elsewhere, Inquirer, Looks
from dicom_node.rules.load import load_rules, rule_mistakes
from dicom_node.rules.pace import Pace
from dicom_node.rules.plan import Decision, Shelf, decide
from dicom_node.rules.request import Granted, Requester
from dicom_node.rules.rule import Condition, Rule
from dicom_node.rules.stage import RulesStage, Understood, understand
from dicom_node.rules.wish import Offer

__all__ = [
    "AskStage",
    "Asked",
    "Condition",
    "Current",
    "Decision",
    "Elsewhere",
    "FetchStage",
    "Granted",
    "Inquirer",
    "Looks",
    "Offer",
    "Pace",
    "Requester",
    "Rule",
    "RulesStage",
    "Shelf",
    "Understood",
    "Versions",
    "decide",
    "load_rules",
    "rule_mistakes",
    "understand",
]
