"""The coded words of audit messages (PS3.16 CID 400 to 405), and those of RFC 3881."""

from dataclasses import dataclass

__all__ = [
    "ALERT_DESCRIPTION",
    "APPLICATION",
    "APPLICATION_ACTIVITY",
    "APPLICATION_LAUNCHER",
    "APPLICATION_START",
    "APPLICATION_STOP",
    "AUDIT_LOG_USED",
    "AUDIT_RECORDING_STOPPED",
    "BEGIN_TRANSFERRING",
    "DESTINATION",
    "IMPORT",
    "INSTANCES_ACCESSED",
    "INSTANCES_TRANSFERRED",
    "LOGIN",
    "LOGOUT",
    "NODE_AUTHENTICATION",
    "NODE_ID",
    "PATIENT_NUMBER",
    "QUERY",
    "RESTRICTED_FUNCTION",
    "SECURITY_ALERT",
    "SECURITY_CONFIGURATION",
    "SOFTWARE_CONFIGURATION",
    "SOP_CLASS_UID",
    "SOURCE",
    "SOURCE_MEDIA",
    "STUDY_INSTANCE_UID",
    "URI",
    "URI_MEDIA",
    "USER_AUTHENTICATION",
    "Code",
]


@dataclass(frozen=True, slots=True)
class Code:
    """A word of a coding scheme: ``csd-code``, ``codeSystemName`` and ``originalText``."""

    value: str
    system: str
    meaning: str


def _dcm(value: str, meaning: str) -> Code:
    return Code(value, "DCM", meaning)


# What happened: CID 400.
APPLICATION_ACTIVITY = _dcm("110100", "Application Activity")
AUDIT_LOG_USED = _dcm("110101", "Audit Log Used")
BEGIN_TRANSFERRING = _dcm("110102", "Begin Transferring DICOM Instances")
INSTANCES_ACCESSED = _dcm("110103", "DICOM Instances Accessed")
INSTANCES_TRANSFERRED = _dcm("110104", "DICOM Instances Transferred")
IMPORT = _dcm("110107", "Import")
QUERY = _dcm("110112", "Query")
SECURITY_ALERT = _dcm("110113", "Security Alert")
USER_AUTHENTICATION = _dcm("110114", "User Authentication")

# Which kind of it: CID 401 and 403.
APPLICATION_START = _dcm("110120", "Application Start")
APPLICATION_STOP = _dcm("110121", "Application Stop")
LOGIN = _dcm("110122", "Login")
LOGOUT = _dcm("110123", "Logout")
NODE_AUTHENTICATION = _dcm("110126", "Node Authentication")
SECURITY_CONFIGURATION = _dcm("110129", "Security Configuration")
SOFTWARE_CONFIGURATION = _dcm("110131", "Software Configuration")
RESTRICTED_FUNCTION = _dcm("110132", "Use of Restricted Function")
AUDIT_RECORDING_STOPPED = _dcm("110133", "Audit Recording Stopped")

# Who took part, as what: CID 402; and on which medium: CID 405.
APPLICATION = _dcm("110150", "Application")
APPLICATION_LAUNCHER = _dcm("110151", "Application Launcher")
DESTINATION = _dcm("110152", "Destination Role ID")
SOURCE = _dcm("110153", "Source Role ID")
SOURCE_MEDIA = _dcm("110155", "Source Media")
URI_MEDIA = _dcm("110037", "URI")

# What it was done to: CID 404, and the numbers that RFC 3881 gave.
STUDY_INSTANCE_UID = _dcm("110180", "Study Instance UID")
SOP_CLASS_UID = _dcm("110181", "SOP Class UID")
NODE_ID = _dcm("110182", "Node ID")
PATIENT_NUMBER = Code("2", "RFC-3881", "Patient Number")
URI = Code("12", "RFC-3881", "URI")

ALERT_DESCRIPTION = "Alert Description"
"""The detail that says what an alert is about (PS3.15 A.5.3.11)."""
