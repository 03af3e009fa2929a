"""Query and retrieve as SCP: models, levels, keys, how each is matched, statuses."""

from conformance.listening import accepted
from conformance.tables import attribute, named, statuses, syntaxes, table
from dicom_node.archive.query import ATTRIBUTES, Attribute, Condition, Level
from dicom_node.archive.query.attributes import COUNTED
from dicom_node.association.find import FIND_LEVELS
from dicom_node.association.identifier import UNIQUE_KEYS
from dicom_node.association.retrieve.asked import RETRIEVE_LEVELS
from dicom_node.association.status import FindStatus, RetrieveStatus
from dicom_node.dicom import PATIENT_ROOT_GET, PATIENT_ROOT_MOVE, STUDY_ROOT_FIND, STUDY_ROOT_GET
from dicom_node.errors import QueryInvalid

__all__ = ["FIND_ANSWERS", "RETRIEVE_ANSWERS", "find", "matching", "retrieve"]

FIND_ANSWERS = {
    FindStatus.SUCCESS: "the last answer",
    FindStatus.PENDING: "an answer; every key that was asked for is known, and matched where it had a value",
    FindStatus.PENDING_WITH_WARNING: "an answer; a key that is not known at this level was left empty, or "
    "one that is returned only had a value",
    FindStatus.CANCELLED: "the caller cancelled",
    FindStatus.OUT_OF_RESOURCES: "the database does not answer",
    FindStatus.DOES_NOT_MATCH: "the level is not one of the model, or a key's value is no date, time or "
    "number; Error Comment says which, without the value",
    FindStatus.OUR_BUG: "a fault of the node; it is logged",
}
RETRIEVE_ANSWERS = {
    RetrieveStatus.SUCCESS: "every sub-operation was answered 0000, or there was none",
    RetrieveStatus.PENDING: "it goes on; the counts say how far it is",
    RetrieveStatus.CANCELLED: "the caller cancelled; what was sent stays sent",
    RetrieveStatus.SOME_FAILED: "some failed or were answered with a warning",
    RetrieveStatus.CANNOT_CALCULATE: "the database does not answer before anything was sent, or it is about more instances than "
    "are sent at once",
    RetrieveStatus.ALL_FAILED: "every sub-operation failed",
    RetrieveStatus.DESTINATION_UNKNOWN: "no peer with a port has that AE title",
    RetrieveStatus.DOES_NOT_MATCH: "no unique key of its level, or a key that a retrieval does not have; "
    "Error Comment says which",
    RetrieveStatus.OUR_BUG: "a fault of the node; it is logged",
}
_MATCHED_THOUGH_COUNTED = ("ModalitiesInStudy", "SOPClassesInStudy")


def matching(one: Attribute) -> str:
    """Return how a key is matched, as the code does it."""
    if one.vr == "SQ" or (one.counted and one.keyword not in _MATCHED_THOUGH_COUNTED):
        return "returned only"
    if one.vr in ("DA", "TM", "DT"):
        return "single value, range"
    if one.vr == "UI":
        return "single value, list of UIDs"
    kinds = ["single value"]
    try:
        Condition(one, ("a*c",))
    except QueryInvalid:
        return "single number"
    kinds += ["wild card"] if Condition(one, ("a*c",)).holds_for(["abc"]) else []
    kinds += ["without regard to case"] if Condition(one, ("ABC",)).holds_for(["abc"]) else []
    return ", ".join(kinds)


def find() -> str:
    """C-FIND (PS3.4 C.4.1)."""
    tables = "\n\n".join(f"Level {level}:\n\n{_keys(level)}" for level in Level)
    return f"""#### 3.2.2 Query, as SCP

{_models(FIND_LEVELS, "find")}

Transfer syntaxes of identifiers, the first that is proposed of: {syntaxes(accepted(STUDY_ROOT_FIND, "find"))}.

Keys of levels above may be left out: relational queries are answered without being negotiated. An empty
key matches everything. Names are matched by component group, each with wild cards. A moment (DT) that leaves out
digits is any that has them; offsets from UTC count where both sides have one, else clocks are compared. Specific Character
Set of an identifier is honoured; an answer has that of the object which it comes from, or ISO_IR 192 where
that cannot hold it. Retrieve AE Title and Instance Availability (ONLINE) are in every answer. Timezone
Offset From UTC of a query is not looked at: dates and times are those of the objects. A value of an
object that is no number, where one belongs, is answered as it stands there.

{tables}

Status of C-FIND:

{statuses(FindStatus, FIND_ANSWERS)}"""


def retrieve() -> str:
    """C-MOVE and C-GET (PS3.4 C.4.2, C.4.3)."""
    moves = {uid: levels for uid, levels in RETRIEVE_LEVELS.items() if uid != PATIENT_ROOT_GET
             and uid != STUDY_ROOT_GET}  # fmt: skip
    gets = {uid: RETRIEVE_LEVELS[uid] for uid in (PATIENT_ROOT_GET, STUDY_ROOT_GET)}
    return f"""#### 3.2.3 Retrieve, as SCP

{_models({**moves, **gets}, "move or get")}

Transfer syntaxes of identifiers, the first that is proposed of: {syntaxes(accepted(PATIENT_ROOT_MOVE, "move"))}.

An identifier has unique keys alone; lists of UIDs are taken. A move goes to peers of `peers.toml` that have a
port, by AE title, on an association of the node's own. Instances go out in the transfer syntax in which they
are kept, where that is taken; what can be decoded without loss is offered in native little endian too. What
was compressed with loss is never decoded. With a C-GET the caller takes the role of the storage SCP by role
selection. Move Originator is set. What a recalled model made is sent to nobody: these sub-operations fail. A
peer whose `use` is `clinical` is sent a result, or a copy of one that came back here, only where the model
that made it is signed for that peer.

Status of C-MOVE and C-GET:

{statuses(RetrieveStatus, RETRIEVE_ANSWERS)}"""


def _models(models: dict, word: str) -> str:
    rows = []
    for uid, levels in models.items():
        may = (
            word
            if word == "find"
            else ("get" if uid in (PATIENT_ROOT_GET, STUDY_ROOT_GET) else "move")
        )
        rows.append((named(uid), ", ".join(levels), may))
    return table(("SOP class", "levels", "for peers that may"), rows)


def _keys(level: Level) -> str:
    own = [one for one in ATTRIBUTES.values() if one.level is level]
    rows = [(attribute(one.keyword), one.vr, _kind(one, level), matching(one)) for one in own]
    return table(("key", "VR", "type", "matching"), rows)


def _kind(one: Attribute, level: Level) -> str:
    if one.keyword == UNIQUE_KEYS[level]:
        return "unique"
    return "counted when it is asked for" if one.keyword in COUNTED else "optional"
