"""Rejection notes: who may hold a series that is not to be used any more is told so.

What enters: rejected series and recalled versions of models. What leaves: a Key Object Selection
Document per series, in the archive and queued for every destination that may hold the series.
"""

from dicom_node.notes.document import KEY_OBJECT, make_note
from dicom_node.notes.recall import carry_out
from dicom_node.notes.stage import NotesStage, Stopped

__all__ = ["KEY_OBJECT", "NotesStage", "Stopped", "carry_out", "make_note"]
