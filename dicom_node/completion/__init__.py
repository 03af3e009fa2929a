"""Is this study whole? Evidence first, timers last.

What enters: studies in reception with who sends what. What leaves: studies marked complete, with
the evidence in words.
"""

from dicom_node.completion.ask import AskSender
from dicom_node.completion.policy import Limits, Verdict, judge
from dicom_node.completion.stage import CompletionStage, SenderStage

__all__ = ["AskSender", "CompletionStage", "Limits", "SenderStage", "Verdict", "judge"]
