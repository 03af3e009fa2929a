"""Storage commitment with peers that call: what they ask of us, and what they report to us.

What enters: N-ACTION, kept before it is answered, and N-EVENT-REPORT. What leaves: our reports, on
the association of the request as long as it is open, else on one of ours.
"""

from dicom_node.association.commitment.report import PromiseStage, Trying
from dicom_node.association.commitment.same import Lines
from dicom_node.association.commitment.service import CommitmentService

__all__ = ["CommitmentService", "Lines", "PromiseStage", "Trying"]
