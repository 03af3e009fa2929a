"""What it is, what it talks, and with whom (PS3.2: overview, introduction, implementation model)."""

from pydicom.uid import UID
from pynetdicom import AllStoragePresentationContexts, sop_class

from conformance.tables import named, table
from dicom_node.association.contexts import is_storage
from dicom_node.dicom import (
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    STORAGE_COMMITMENT,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    VERIFICATION,
)
from dicom_node.notes import KEY_OBJECT
from dicom_node.results.iod import CT, MR, PET

__all__ = ["MADE", "PROVIDED", "USED", "classes", "head", "introduction", "model", "services"]

MADE = (CT, MR, PET)
"""Kinds of image that the node creates."""
PROVIDED = (
    VERIFICATION, PATIENT_ROOT_FIND, STUDY_ROOT_FIND, PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE,
    PATIENT_ROOT_GET, STUDY_ROOT_GET, STORAGE_COMMITMENT,
)  # fmt: skip
"""Services as SCP, besides storage."""
USED = (VERIFICATION, STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STORAGE_COMMITMENT)
"""Services as SCU, besides storage."""


def head() -> str:
    """Title, and what the product is."""
    return """# DICOM conformance statement

This page is generated from the code's own tables, in the order of PS3.2. Do not edit it: `make docs`
writes it, and a test fails while it says something else than the code.

## 1 Overview

The DICOM Synthesis Node stands beside a PACS. It receives images, makes the image that a study lacks by
machine learning, and sends that on as a new series of the same study that says everywhere that it is
synthetic. It archives what it receives and what it makes, and answers queries and retrievals of both.
It displays and prints nothing, and is no source of acquired images."""


def services() -> str:
    """Return the table of network services (PS3.2: overview)."""
    used, provided = set(USED), set(PROVIDED)
    rows = [(named(uid), _yes(uid in used), _yes(uid in provided))
            for uid in dict.fromkeys((*PROVIDED, *USED))]  # fmt: skip
    made = [kind.sop_class_uid for kind in MADE]
    rows += [(named(uid), "yes: results, and whatever is retrieved", "yes") for uid in made]
    rows.append((named(KEY_OBJECT), "yes: rejection notes, and whatever is retrieved", "yes"))
    rows.append(("every other storage SOP class, see 7.6", "yes, where it is retrieved", "yes"))
    web = [
        ("Query: QIDO-RS", "yes: before a rule fires, and to count what was sent", "yes"),
        ("Retrieve: WADO-RS", "no", "yes"),
        ("Store: STOW-RS", "yes: results", "yes"),
    ]
    return "\n\n".join(
        (
            "### 1.1 Network services",
            table(
                ("SOP class", "user of the service (SCU)", "provider of the service (SCP)"), rows
            ),
            "### 1.2 DICOMweb services",
            table(("service", "user agent", "origin server"), web),
            "### 1.3 Media services\n\nNone. Part 10 files are read from a folder (`dicom-node ingest`) "
            "and written to one (a destination of the kind `folder`), without a DICOMDIR.",
        )
    )


def _yes(value: bool) -> str:  # noqa: FBT001 - it is what is said
    return "yes" if value else "no"


def introduction() -> str:
    """Whom it is for, and what it does not say."""
    return """## 2 Introduction

For those who connect devices. It says what the node negotiates and does; that two devices conform does not
say that they work together: try it, by `dicom-node peers echo NAME` and a study of a phantom.

| term | |
|---|---|
| peer | a device that `peers.toml` names, by AE title and address, with what it may do (`may`) and what may be asked of it (`ask`) |
| destination | a peer with a port, a folder or a DICOMweb server, where results go |
| result | a series that the node made |

DICOM, parts 2 to 8, 10, 15 and 18 of the current edition. Names in `code letters` are keys of the
[configuration](generated/configuration.md)."""


def model() -> str:
    """Say what flows, and what sets it going (PS3.2: implementation model)."""
    return """## 3 Networking

### 3.1 Implementation model

One application entity, with the AE title of `node.ae_title`, receives, answers and sends.

| activity | set going by | what the entity does |
|---|---|---|
| receive | a peer stores | archives, and answers when the object is on the disk |
| answer | a peer queries, retrieves, asks for commitment | from the archive |
| ask | a study is complete, or a rule is about to fire | C-FIND at peers that may be asked; C-MOVE where a rule fetches |
| make | a rule fires | nothing on the network |
| send | a result was made, or released; or one waits for a person and a research destination takes a marked copy of it | C-STORE to each destination, an association each |
| verify delivery | all of a series was answered 0000 | N-ACTION, else C-FIND; sends again what is not there |
| take back | an acquired series came late, a person recalled a model, or what a marked copy was made of is decided | C-STORE of a rejection note to each destination that may hold it |

A study is complete by evidence: nobody is sending it, the sender's own count is reached, or it has been
quiet for `completion.quiet_s`. Sequencing: receive → complete → make → send → verify delivery. Each step is
a committed row, and goes on after a restart."""


def classes() -> str:
    """Every storage class of the standard that is accepted."""
    known = sorted(str(context.abstract_syntax) for context in AllStoragePresentationContexts)
    words = {str(uid): word for word, uid in vars(sop_class).items() if isinstance(uid, UID)}
    rows = [(words[uid] if UID(uid).name == uid else UID(uid).name, uid) for uid in known
            if is_storage(uid)]  # fmt: skip
    return f"### 7.6 Storage SOP classes by name\n\n{table(('name', 'UID'), rows)}"
