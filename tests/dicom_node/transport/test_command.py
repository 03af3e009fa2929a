"""Command sets as pynetdicom reads and writes them, and whatever else may come."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_messages import C_MOVE_RQ, C_STORE_RQ
from pynetdicom.dimse_primitives import C_MOVE, C_STORE
from pynetdicom.dsutils import decode, encode

from dicom_node.dicom import STUDY_ROOT_MOVE
from dicom_node.transport import NO_DATA_SET, WITH_DATA_SET, Command, Field, Kind, read_command


def theirs(message, primitive) -> bytes:
    message.primitive_to_message(primitive)
    ds = message.command_set
    ds.CommandGroupLength = len(encode(ds, True, True)) - 12
    return encode(ds, True, True)


def test_a_move_request_of_pynetdicom_is_read():
    asked = C_MOVE()
    asked.MessageID, asked.Priority = 513, 1
    asked.AffectedSOPClassUID, asked.MoveDestination = STUDY_ROOT_MOVE, "ODD"
    asked.Identifier = BytesIO(b"anything")
    command = read_command(theirs(C_MOVE_RQ(), asked))
    assert (command.kind, command.message_id) == (Kind.C_MOVE_RQ, 513)
    assert command.number(Field.PRIORITY) == 1
    assert command.text(Field.MOVE_DESTINATION) == "ODD"
    assert command.text(Field.AFFECTED_SOP_CLASS_UID) == STUDY_ROOT_MOVE
    assert command.has_data_set


def test_a_store_request_is_written_as_pynetdicom_writes_it():
    asked = C_STORE()
    asked.MessageID, asked.Priority = 9, 2
    asked.AffectedSOPClassUID, asked.AffectedSOPInstanceUID = "1.2.3", "1.2.3.45"
    asked.MoveOriginatorApplicationEntityTitle, asked.MoveOriginatorMessageID = "ODD", 7
    asked.DataSet = BytesIO(b"anything")
    ours = Command.of(
        {
            Field.AFFECTED_SOP_CLASS_UID: "1.2.3",
            Field.COMMAND_FIELD: Kind.C_STORE_RQ,
            Field.MESSAGE_ID: 9,
            Field.PRIORITY: 2,
            Field.DATA_SET_TYPE: WITH_DATA_SET,
            Field.AFFECTED_SOP_INSTANCE_UID: "1.2.3.45",
            Field.ORIGINATOR_AE_TITLE: "ODD",
            Field.ORIGINATOR_MESSAGE_ID: 7,
        }
    ).encoded()
    assert ours == theirs(C_STORE_RQ(), asked)


def test_an_offending_element_is_a_tag():
    content = Command.of({Field.OFFENDING_ELEMENT: 0x00100010}).encoded()
    assert decode(BytesIO(content), True, True).OffendingElement == 0x00100010


REQUEST = {
    Field.AFFECTED_SOP_CLASS_UID: STUDY_ROOT_MOVE,
    Field.COMMAND_FIELD: Kind.C_FIND_RQ,
    Field.MESSAGE_ID: 1,
    Field.DATA_SET_TYPE: WITH_DATA_SET,
}


@pytest.mark.parametrize("lacks", REQUEST)
def test_a_request_that_lacks_what_it_needs_is_none(lacks):
    assert read_command(Command.of(REQUEST).encoded()) is not None
    rest = {field: value for field, value in REQUEST.items() if field is not lacks}
    assert read_command(Command.of(rest).encoded()) is None


def test_a_store_without_a_data_set_is_none_but_a_query_may_lack_it():
    without = {**REQUEST, Field.DATA_SET_TYPE: NO_DATA_SET}
    assert not read_command(Command.of(without).encoded()).has_data_set
    store = {
        **without,
        Field.COMMAND_FIELD: Kind.C_STORE_RQ,
        Field.AFFECTED_SOP_INSTANCE_UID: "1.2",
    }
    assert read_command(Command.of(store).encoded()) is None


@given(st.binary(max_size=200))
def test_anything_else_is_none_and_no_error(content):
    command = read_command(content)
    assert command is None or command.kind in set(Kind)


@given(st.integers(0, 60), st.integers(0, 255))
def test_one_changed_byte_is_read_or_is_none(at, byte):
    content = bytearray(Command.of(REQUEST).encoded())
    content[at % len(content)] = byte
    command = read_command(bytes(content))
    assert command is None or command.kind in set(Kind)
