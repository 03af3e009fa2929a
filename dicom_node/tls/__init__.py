"""Certificates and TLS: who we are, whom we believe, and what we agree to speak.

What enters: ``[tls]`` of node.toml. What leaves: contexts for whoever answers or calls, renewed as
the files change, and the days that certificates have left. DIMSE and HTTP use the same ones.
"""

from dicom_node.tls.certificate import Certificate
from dicom_node.tls.checks import plain_peers, tls_mistakes
from dicom_node.tls.credentials import Credentials
from dicom_node.tls.faults import Fault, fault_of
from dicom_node.tls.profile import SUITES

__all__ = [
    "SUITES",
    "Certificate",
    "Credentials",
    "Fault",
    "fault_of",
    "plain_peers",
    "tls_mistakes",
]
