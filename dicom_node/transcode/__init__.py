"""Objects in another transfer syntax, for peers that do not take the one that they are kept in.

What enters: a Part 10 file and the syntax that is wanted. What leaves: the data set in it, or why
that cannot be. Decoders are libraries that read what strangers sent, so a process of its own runs
them: whatever they do to it, the listener goes on.
"""

from dicom_node.transcode.syntax import NATIVE, can_become_native
from dicom_node.transcode.transcoder import CannotTranscode, Transcoder

__all__ = ["NATIVE", "CannotTranscode", "Transcoder", "can_become_native"]
