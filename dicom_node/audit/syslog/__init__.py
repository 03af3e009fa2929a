"""The journal leaves: to receivers of audit messages, by syslog.

What enters: lines of the journal. What leaves: syslog messages, and how far each receiver has them.
"""

from dicom_node.audit.syslog.frame import framed
from dicom_node.audit.syslog.position import Position, lowest
from dicom_node.audit.syslog.stage import SyslogStage
from dicom_node.audit.syslog.transport import deliver

__all__ = ["Position", "SyslogStage", "deliver", "framed", "lowest"]
