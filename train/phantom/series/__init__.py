"""A phantom volume written as the DICOM series of a scanner.

What enters: a volume of any orientation, a header style and an evident phantom's identity. What
leaves: valid Part 10 files, the same bytes for the same input. The objects say that their subject
is a phantom in the patient's name and comments and in the institution; the series itself looks
acquired, because that is what is to be tried.

References
----------
PS3.3 A.4 (MR), A.36 (Enhanced MR), A.3 (CT), A.21 (PET); C.7.6.2.1.1 (positions and orientations);
PS3.5 B.2 (UIDs from UUIDs).
"""

from train.phantom.series.common import Patient
from train.phantom.series.sent import as_sent
from train.phantom.series.session import write_session
from train.phantom.series.write import write_series

__all__ = ["Patient", "as_sent", "write_series", "write_session"]
