"""What peers are asked about a study before its rules decide, and what is fetched from them.

What enters: the names of peers that may be asked. What leaves: questions to who asks them, answers
to the rules, and the word of what was fetched.
"""

from dicom_node.questions.fetches import Fetch, Fetches, FetchState
from dicom_node.questions.questions import Answer, Question, Questions

__all__ = ["Answer", "Fetch", "FetchState", "Fetches", "Question", "Questions"]
