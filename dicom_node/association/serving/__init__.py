"""Requests served on the wire: one after another, each answered response by response.

What enters: messages of an association, and services by command field. What leaves: responses; and
back to pynetdicom goes whatever no service is there for.
"""

from dicom_node.association.serving.exchange import Exchange, Offer, Service
from dicom_node.association.serving.inbox import Inbox
from dicom_node.association.serving.loop import Agreed, Loop

__all__ = ["Agreed", "Exchange", "Inbox", "Loop", "Offer", "Service"]
