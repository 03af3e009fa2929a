"""Audit messages as values, one constructor an event, and their XML.

What enters: what happened. What leaves: XML by the schema of PS3.15 A.5.
"""

from dicom_node.audit.message import alerts, codes, events
from dicom_node.audit.message.dialect import Source, to_xml
from dicom_node.audit.message.study import Study, read_study
from dicom_node.audit.message.summary import Summary, summary_of
from dicom_node.audit.message.values import US, Action, Event, Media, Outcome, Person, Remote

__all__ = [
    "US",
    "Action",
    "Event",
    "Media",
    "Outcome",
    "Person",
    "Remote",
    "Source",
    "Study",
    "Summary",
    "alerts",
    "codes",
    "events",
    "read_study",
    "summary_of",
    "to_xml",
]
