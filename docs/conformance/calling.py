"""Associations that the node opens: to send, to ask, to have it vouched for."""

from dataclasses import dataclass

from pydicom.uid import UID, ExplicitVRLittleEndian

from conformance.overview import MADE
from conformance.tables import named, syntaxes, table
from dicom_node.dicom import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    STORAGE_COMMITMENT,
    STORED,
    STORED_WITH_WARNING,
    STUDY_ROOT_FIND,
    STUDY_ROOT_MOVE,
    VERIFICATION,
)
from dicom_node.dimse import proposed
from dicom_node.notes import KEY_OBJECT
from dicom_node.scu import plainly
from dicom_node.settings import Asking, Commitment, Outbox

__all__ = ["asking", "committing", "policy", "storing"]


@dataclass(frozen=True)
class _Result:
    """An object as it is kept."""

    sop_class_uid: str
    transfer_syntax_uid: str = str(ExplicitVRLittleEndian)


def policy() -> str:
    """Association initiation (PS3.2: association policies, initiation policy)."""
    times = Outbox()
    version = IMPLEMENTATION_VERSION_NAME.replace("_", r"\_")
    return f"""#### 3.2.6 Association initiation policy

| | |
|---|---|
| Application Context Name | 1.2.840.10008.3.1.1.1 |
| Implementation Class UID | {IMPLEMENTATION_CLASS_UID} |
| Implementation Version Name | {version} |
| wait for an association | `outbox.connect_s`, {times.connect_s:g} s unless set |
| wait for an answer | `outbox.answer_s`, {times.answer_s:g} s unless set |
| associations to one peer at once | one to send, one to ask what it has, one to ask for commitment, one to report |
| asynchronous operations | none: one operation at a time |

A peer that is away is tried again, less and less often, for `outbox.give_up_days` ({times.give_up_days:g} unless set).
A destination that is away delays no other."""


def storing() -> str:
    """C-STORE as SCU."""
    contexts = proposed(
        [_Result(uid) for uid in (*(kind.sop_class_uid for kind in MADE), KEY_OBJECT)]
    )
    rows = [(named(str(one.abstract_syntax)), syntaxes(map(str, one.transfer_syntax)), "SCU")
            for one in contexts]  # fmt: skip
    warnings = ", ".join(f"{one:04X}" for one in STORED_WITH_WARNING)
    refused = Outbox().refused_attempts
    return f"""#### 3.2.7 Sending results: verification and storage, as SCU

Presentation contexts that are proposed for results and rejection notes, each transfer syntax in one of its own:

{table(("abstract syntax", "transfer syntax", "role"), rows)}

What is retrieved is proposed in the transfer syntax in which it is kept, and in native little endian as 3.2.3 says.

| status of C-STORE | what the node does |
|---|---|
| {STORED:04X} | counts the instance as sent |
| {warnings} | does not count it as sent, and does not send it again by itself: the log and `why` say so |
| A7xx | sends it again later |
| any other; a SOP class that is not accepted; a file that cannot be sent | sends it again, `outbox.refused_attempts` times ({refused} unless set), then gives the delivery up |
| none, or the association ends | sends again what was not answered |"""


def asking() -> str:
    """C-FIND and C-MOVE as SCU."""
    times = Asking()
    return f"""#### 3.2.8 Asking peers: query and retrieve, as SCU

| SOP class | role | of peers that may be asked (`ask`) |
|---|---|---|
| {named(STUDY_ROOT_FIND)} | SCU | find |
| {named(STUDY_ROOT_MOVE)} | SCU | move |

Proposed in the transfer syntaxes {_proposed(STUDY_ROOT_FIND)}. Before a rule fires, series of the study are asked for at level
SERIES (Series Instance UID, Modality, Series Description, Number of Series Related Instances), and one
instance of a series at level IMAGE. A rule with `fetch = true` has a series moved to `node.ae_title`. No peer is
asked more often than every `asking.every_s` ({times.every_s:g} s unless set). Pending (FF00, FF01) and
success (0000) are taken; any other status counts as no answer, and the rule goes on without it when
`asking.wait_s` is over."""


def committing() -> str:
    """Storage commitment as SCU."""
    times = Commitment()
    return f"""#### 3.2.9 Having deliveries vouched for: storage commitment, as SCU

{named(STORAGE_COMMITMENT)}, with {UID(VERIFICATION).name}, of peers that may be asked (`ask`: commit), in the
transfer syntaxes {_proposed(STORAGE_COMMITMENT)}. One request (N-ACTION, Action Type ID 1) per delivery. Its report is taken on the association of the request, or on one that the
peer opens, in the role of SCP by role selection, whenever it comes. A report of another peer, or on a
transaction that nobody asked for, is answered 0115. After `commitment.report_s`
({times.report_s:g} s unless set) without a report the request is made again, `commitment.asks`
({times.asks} unless set) times in all; then the peer is asked by C-FIND what it has. What it does not have is sent again, and only that."""


def _proposed(uid: str) -> str:
    """Return the transfer syntaxes of a context that is not about an object of ours."""
    (context,) = plainly(uid)
    return syntaxes(map(str, context.transfer_syntax))
