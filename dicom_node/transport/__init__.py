"""Connections with an end to every wait: a TCP or TLS line, and a wire between it and pynetdicom.

What enters: a socket, and what may be taken from it. What leaves: bytes in time, or the reason why
there are none. Those who answer and those who call use the same.
"""

from dicom_node.transport.call import MAXIMUM_PDU, Call
from dicom_node.transport.checkpoint import Checkpoint
from dicom_node.transport.command import (
    NO_DATA_SET,
    WITH_DATA_SET,
    Command,
    Field,
    Kind,
    read_command,
)
from dicom_node.transport.guard import abort_pdu
from dicom_node.transport.line import Line
from dicom_node.transport.look import on_message
from dicom_node.transport.meter import (
    Bounds,
    Memory,
    Meter,
    OutOfMemory,
    TooLarge,
    TooMuch,
    TooSlow,
)
from dicom_node.transport.pdu import (
    HEAD,
    IS_LAST,
    OF_COMMAND,
    P_DATA_TF,
    Fragment,
    fragment,
    fragments,
    p_data,
)
from dicom_node.transport.wire import Wire, WireTaken

__all__ = [
    "HEAD",
    "IS_LAST",
    "MAXIMUM_PDU",
    "NO_DATA_SET",
    "OF_COMMAND",
    "P_DATA_TF",
    "WITH_DATA_SET",
    "Bounds",
    "Call",
    "Checkpoint",
    "Command",
    "Field",
    "Fragment",
    "Kind",
    "Line",
    "Memory",
    "Meter",
    "OutOfMemory",
    "TooLarge",
    "TooMuch",
    "TooSlow",
    "Wire",
    "WireTaken",
    "abort_pdu",
    "fragment",
    "fragments",
    "on_message",
    "p_data",
    "read_command",
]
