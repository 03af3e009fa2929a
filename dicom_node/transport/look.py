"""Data sets looked at before anybody decodes them; the archive looks at those that are stored."""

from io import BytesIO

from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.events import Event

from dicom_node.errors import BeyondLimits
from dicom_node.extent import check_extent
from dicom_node.sections import Limits
from dicom_node.transport.wire import Wire

__all__ = ["on_message"]


def on_message(event: Event, limits: Limits) -> None:
    """End an association on which a data set comes that goes too far.

    It is called of each message that pynetdicom has read, before it has it parsed.
    """
    message, wire = event.message, Wire.of(event.assoc)
    if wire is None or isinstance(message, C_STORE_RQ):
        return
    syntaxes = {c.context_id: str(c.transfer_syntax[0]) for c in event.assoc.accepted_contexts}
    try:
        content = message.data_set.getvalue() if message.data_set else b""
        check_extent(content, syntaxes.get(message.context_id, ""), limits)
    except BeyondLimits as exc:
        message.data_set = BytesIO()
        wire.give_up(f"it sent {exc}")
