"""The schema of audit messages, PS3.15 A.5.1.1, transcribed to hold messages against it.

It shares nothing with the code that writes them. Each error says where it is, and why it is one.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError, fromstring

# Data types of the schema: a name, and a test of the text.


def _is_base64(text: str) -> bool:
    try:
        b64decode("".join(text.split()), validate=True)
    except (NotBase64, ValueError):
        return False
    return True


def one_of(*words: str):
    return f"one of {', '.join(words)}", lambda text: text in words


def numbers(first: int, last: int):
    return one_of(*(str(number) for number in range(first, last + 1)))


_DATE_TIME = re.compile(
    r"-?\d{4,}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
    r"(Z|[+-](0\d|1[0-4]):[0-5]\d)?"
)
TOKEN = "a token", lambda text: text == " ".join(text.split())
TEXT = "text", lambda text: True
BOOLEAN = one_of("true", "false", "1", "0")
INTEGER = "an integer", lambda text: re.fullmatch(r"[+-]?\d+", text) is not None
DATE_TIME = "a dateTime", lambda text: _DATE_TIME.fullmatch(text) is not None
BASE64 = "base64Binary", _is_base64


@dataclass(frozen=True)
class Rule:
    """What an element holds.

    ``required`` and ``optional`` are its attributes with their types; ``children`` is a regular
    expression over the names of its children, a space behind each; ``text`` is the type of its
    text, None where it has none.
    """

    required: dict = field(default_factory=dict)
    optional: dict = field(default_factory=dict)
    children: str = ""
    text: tuple | None = None


CODED = Rule(
    {"csd-code": TOKEN, "codeSystemName": TOKEN, "originalText": TOKEN}, {"displayName": TOKEN}
)
SCHEMA = {
    "AuditMessage": Rule(
        children="EventIdentification (ActiveParticipant )+AuditSourceIdentification "
        "(ParticipantObjectIdentification )*"
    ),
    "EventIdentification": Rule(
        {"EventDateTime": DATE_TIME, "EventOutcomeIndicator": one_of("0", "4", "8", "12")},
        {"EventActionCode": one_of("C", "R", "U", "D", "E")},
        "EventID (EventTypeCode )*(EventOutcomeDescription )?",
    ),
    "EventID": CODED,
    "EventTypeCode": CODED,
    "EventOutcomeDescription": Rule(text=TEXT),
    "ActiveParticipant": Rule(
        {"UserID": TEXT, "UserIsRequestor": BOOLEAN},
        {
            "AlternativeUserID": TEXT,
            "UserName": TEXT,
            "NetworkAccessPointID": TOKEN,
            "NetworkAccessPointTypeCode": numbers(1, 5),
        },
        "(RoleIDCode )*(MediaIdentifier )?",
    ),
    "RoleIDCode": CODED,
    "MediaIdentifier": Rule(children="MediaType "),
    "MediaType": CODED,
    "AuditSourceIdentification": Rule(
        {"AuditSourceID": TOKEN}, {"AuditEnterpriseSiteID": TOKEN}, "(AuditSourceTypeCode )*"
    ),
    "AuditSourceTypeCode": Rule(
        {"csd-code": TOKEN},
        {"codeSystemName": TOKEN, "displayName": TOKEN, "originalText": TOKEN},
    ),
    "ParticipantObjectIdentification": Rule(
        {"ParticipantObjectID": TOKEN},
        {
            "ParticipantObjectTypeCode": numbers(1, 4),
            "ParticipantObjectTypeCodeRole": numbers(1, 26),
            "ParticipantObjectDataLifeCycle": numbers(1, 15),
            "ParticipantObjectSensitivity": TOKEN,
        },
        "ParticipantObjectIDTypeCode (ParticipantObjectName |ParticipantObjectQuery )"
        "(ParticipantObjectDetail )*(ParticipantObjectDescription )*",
    ),
    "ParticipantObjectIDTypeCode": CODED,
    "ParticipantObjectName": Rule(text=TOKEN),
    "ParticipantObjectQuery": Rule(text=BASE64),
    "ParticipantObjectDetail": Rule({"type": TOKEN, "value": BASE64}),
    "ParticipantObjectDescription": Rule(
        children="(MPPS )*(Accession )*(SOPClass )*(ParticipantObjectContainsStudy )?"
        "(Encrypted )?(Anonymized )?"
    ),
    "MPPS": Rule({"UID": TOKEN}),
    "Accession": Rule({"Number": TOKEN}),
    "SOPClass": Rule({"NumberOfInstances": INTEGER}, {"UID": TOKEN}, "(Instance )*"),
    "Instance": Rule({"UID": TOKEN}),
    "ParticipantObjectContainsStudy": Rule(children="(StudyIDs )*"),
    "StudyIDs": Rule({"UID": TOKEN}),
    "Encrypted": Rule(text=BOOLEAN),
    "Anonymized": Rule(text=BOOLEAN),
}


def parsed(xml: str) -> Element:
    """Return the root of a message of ours, or of one that a test broke."""
    return fromstring(xml)  # noqa: S314


def schema_errors(xml: str) -> list[str]:
    """Return what breaks the schema; nothing where the message is valid."""
    try:
        root = parsed(xml)
    except ParseError as exc:
        return [f"not well-formed: {exc}"]
    if root.tag != "AuditMessage":
        return [f"the root is {root.tag}, not AuditMessage"]
    return _element_errors(root, "AuditMessage")


def _element_errors(element: Element, path: str) -> list[str]:
    rule = SCHEMA.get(element.tag)
    if rule is None:
        return [f"{path}: no such element"]
    found = [*_attribute_errors(element, rule), *_text_errors(element, rule)]
    names = "".join(f"{child.tag} " for child in element)
    if not re.fullmatch(rule.children, names):
        found.append(f"holds {names or 'nothing '}where {rule.children or 'nothing'} fits")
    inner = [_element_errors(child, f"{path}/{child.tag}") for child in element]
    return [f"{path}: {text}" for text in found] + [text for texts in inner for text in texts]


def _attribute_errors(element: Element, rule: Rule):
    types = {**rule.required, **rule.optional}
    for name in rule.required:
        if name not in element.attrib:
            yield f"attribute {name} is missing"
    for name, value in element.attrib.items():
        if name not in types:
            yield f"attribute {name} is not known here"
        elif not types[name][1](value):
            yield f"{name} = '{value}' is not {types[name][0]}"


def _text_errors(element: Element, rule: Rule):
    text = element.text or ""
    between = "".join(child.tail or "" for child in element)
    if between.strip() or (rule.text is None and text.strip()):
        yield "text where none is wanted"
    if rule.text is not None and not rule.text[1](text):
        yield f"its text is not {rule.text[0]}"
