"""Associations that peers open: who is let in, what is accepted, how it is answered."""

from pydicom.uid import UID
from pynetdicom import build_context

from conformance.tables import named, statuses, syntaxes, table, transfer_syntaxes
from dicom_node.association.contexts import contexts_for
from dicom_node.association.status import StoreStatus
from dicom_node.commitment import CommitmentStatus, Failure
from dicom_node.dicom import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE, VERIFICATION
from dicom_node.results.iod import MR
from dicom_node.settings import Commitment, Limits, Listen, May

__all__ = [
    "COMMITMENT_ANSWERS",
    "FAILURES",
    "STORE_ANSWERS",
    "accepted",
    "commitment",
    "echo_and_store",
    "policy",
]

STORE_ANSWERS = {
    StoreStatus.SUCCESS: "kept: the file is in its place and synced, its row is committed",
    StoreStatus.OUT_OF_RESOURCES: "the disk is nearly full, disk or database fail, or too much is "
    "being received at once; send again later",
    StoreStatus.DOES_NOT_MATCH: "the data set is not the one that the command announced",
    StoreStatus.CANNOT_UNDERSTAND: "the data set cannot be parsed, or lacks one of Study, Series, "
    "SOP Class and SOP Instance UID",
    StoreStatus.BEYOND_LIMITS: "the data set is larger, deeper or wider than `[limits]` allow, or swells "
    "beyond them",
    StoreStatus.OUR_BUG: "a fault of the node; it is logged",
}
COMMITMENT_ANSWERS = {
    CommitmentStatus.SUCCESS: "kept; a report follows",
    CommitmentStatus.PROCESSING_FAILURE: "it cannot be read",
    CommitmentStatus.NO_SUCH_INSTANCE: "another SOP Instance UID than the well-known one",
    CommitmentStatus.INVALID_ARGUMENT: "no transaction, no instance, no UID; or a UID in use",
    CommitmentStatus.NO_SUCH_ACTION: "another Action Type ID than 1",
    CommitmentStatus.NOT_AUTHORISED: "the peer may not commit",
    CommitmentStatus.OUT_OF_RESOURCES: "the database fails, or too many reports wait; ask later",
}
FAILURES = {
    Failure.NO_SUCH_INSTANCE: "no such instance here",
    Failure.CLASS_CONFLICT: "here under another SOP class",
    Failure.PROCESSING: "its file is gone, or the peer sent other content under a UID that was taken",
}


def accepted(uid: str, may: May) -> list[str]:
    """Return the transfer syntaxes of a SOP class as they are negotiated when all are proposed."""
    (context,) = contexts_for([build_context(uid, transfer_syntaxes())], (may,))
    return [str(one) for one in context.transfer_syntax]


def policy() -> str:
    """Association acceptance (PS3.2: association policies, acceptance policy)."""
    listen, limits = Listen(), Limits()
    pdu = limits.pdu_kb * 1024
    return f"""#### 3.2.5 Association acceptance policy

| what comes | answer |
|---|---|
| a calling AE title that no peer has, or has at another address | rejected, permanent: calling AE title not recognised |
| another called AE title than `node.ae_title` | rejected, permanent: called AE title not recognised |
| with TLS: another certificate than the peer's `certificate` | rejected, permanent: calling AE title not recognised |
| more associations than `listen.max_associations` ({listen.max_associations} unless set), or of this peer than `limits.per_peer` ({limits.per_peer}) | rejected, transient: local limit exceeded |
| no whole request within `limits.artim_s` ({limits.artim_s:g} s unless set), what is no DICOM, more than `limits.waiting` ({limits.waiting}) connections without an association | closed |
| TLS on the plain port, no TLS on the other | closed |
| a SOP class that the peer may not use (`may`), or that is not known | that context is refused: abstract syntax not supported |
| a context without a transfer syntax that is taken | that context is refused: transfer syntaxes not supported |

The largest PDU that is announced is {pdu} bytes (`limits.pdu_kb`); one of more than twice that ends the
association. An association that is silent for `listen.idle_s` ({listen.idle_s:g} s unless set), or whose message is
not whole within `limits.message_s` ({limits.message_s:g} s unless set), is aborted. Operations are synchronous: asynchronous operations window,
extended negotiation and user identity are not negotiated. SCP/SCU role selection is, for storage in a C-GET
and for storage commitment."""


def echo_and_store() -> str:
    """Verification and storage as SCP."""
    order = syntaxes(accepted(MR.sop_class_uid, "store")[:7])
    return f"""### 3.2 The application entity

#### 3.2.1 Verification and storage, as SCP

| service | SOP class | role | for peers that may |
|---|---|---|---|
| Verification | {named(VERIFICATION)} | SCP | echo |
| Storage | each of 7.6, the retired ones under 1.2.840.10008.5.1.4.1.1, and private ones | SCP | store |

Verification is accepted in every transfer syntax that is proposed, and answered 0000.

Storage: level 2 (full); no element is dropped or coerced. Digital signatures are preserved (level 3), and not
verified. Every transfer syntax that is proposed is accepted, private ones too; where one context proposes several, the
first of these that it has is chosen, then the first in the peer's order: {order}. What is received is kept
byte for byte as it came.

Status of C-STORE:

{statuses(StoreStatus, STORE_ANSWERS)}

The same instance again is answered 0000 and kept once. Another object under a UID that is taken is answered
0000 and kept apart: the first one stays what is found, retrieved and worked on, and the log says so."""


def commitment() -> str:
    """Storage commitment as SCP."""
    answers = table(("status", "meaning"), _answers())
    reasons = table(
        ("reason", "meaning"), [(f"{why:04X}", FAILURES[why]) for why in sorted(FAILURES)]
    )
    waits = Commitment()
    plain = syntaxes(str(one) for one in accepted(STORAGE_COMMITMENT, "commit")[:2])
    return f"""#### 3.2.4 Storage commitment, as SCP

| service | SOP class | role | for peers that may |
|---|---|---|---|
| Storage Commitment | {UID(STORAGE_COMMITMENT).name}, {STORAGE_COMMITMENT}, instance {STORAGE_COMMITMENT_INSTANCE} | SCP | commit |
| the same, reports only | the same | SCU, by role negotiation | be asked to commit (`ask`) |

In whatever transfer syntax is proposed; {plain} first. A request (N-ACTION) is kept before it is answered:

{answers}

What is vouched for is archived without end, unless `[retention]` says otherwise. A report (N-EVENT-REPORT)
goes out on the association of the request while that is open and quiet, else on a new one to the peer's
port, in the role of the SCP. It is repeated until it is answered 0000, or given up after
`commitment.give_up_days` ({waits.give_up_days:g} unless set). Reasons in it:

{reasons}"""


def _answers() -> list[tuple[str, str]]:
    return [(f"{one:04X}", COMMITMENT_ANSWERS[one]) for one in sorted(COMMITMENT_ANSWERS)]
