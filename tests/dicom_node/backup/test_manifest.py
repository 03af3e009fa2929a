"""A manifest says of itself whether it is whole."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.backup.hashing import Hashing
from dicom_node.backup.manifest import Entry, Header, Writer, read_entries, read_seal
from dicom_node.errors import BackupError

HEADER = Header("2026-01-02T00:00:00+00:00", "0.1.0", "sqlite", "3.40", "0002", "database/node.db")
ENTRIES = st.lists(
    st.builds(
        Entry,
        path=st.text("abc/.é\n", min_size=1).filter(lambda s: ".." not in s and s[0] != "/"),
        size=st.integers(0, 2**40),
        sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    ),
    max_size=5,
)


def written(entries, lacking=(), left_out=()) -> bytes:
    buffer = io.BytesIO()
    writer = Writer(buffer, HEADER)
    for entry in entries:
        writer.add(entry)
    writer.close(lacking, left_out)
    return buffer.getvalue()


@given(entries=ENTRIES, lacking=st.lists(st.text()), left_out=st.lists(st.text()))
def test_what_is_written_is_read(entries, lacking, left_out):
    content = written(entries, lacking, left_out)
    header, seal = read_seal(io.BytesIO(content))
    assert (header, seal.lacking, seal.left_out) == (HEADER, lacking, left_out)
    assert (seal.files, seal.size) == (len(entries), sum(entry.size for entry in entries))
    assert list(read_entries(io.BytesIO(content))) == entries


SAMPLE = written([Entry("archive/a", 3, "ab" * 32), Entry("conf/b", 4, "cd" * 32)], ["c"])


@given(at=st.integers(0, len(SAMPLE) - 2), bit=st.integers(0, 7))
def test_one_changed_bit_is_seen_wherever(at, bit):
    """But for the last line feed, and for what the seal says beside: it is not what counts."""
    changed = bytearray(SAMPLE)
    changed[at] ^= 1 << bit
    try:
        header, seal = read_seal(io.BytesIO(bytes(changed)))
    except BackupError:
        return
    assert (header, seal.files) == (HEADER, 2)
    assert list(read_entries(io.BytesIO(bytes(changed)))) == list(read_entries(io.BytesIO(SAMPLE)))


@pytest.mark.parametrize("end", range(0, len(SAMPLE) - 1, 7))
def test_one_that_was_cut_is_seen_wherever(end):
    with pytest.raises(BackupError):
        read_seal(io.BytesIO(SAMPLE[:end]))


def test_a_line_that_is_left_out_or_doubled_is_seen():
    lines = SAMPLE.splitlines(keepends=True)
    for other in ([*lines[:1], *lines[2:]], [*lines[:2], *lines[1:]], [lines[0], *lines[2:1:-1]]):
        with pytest.raises(BackupError):
            read_seal(io.BytesIO(b"".join(other)))


@given(content=st.binary(max_size=300), skip=st.integers(0, 350), size=st.integers(1, 64))
def test_a_file_is_hashed_whole_and_without_its_beginning_however_it_is_read(content, skip, size):
    import hashlib

    reading = Hashing(io.BytesIO(content), skip)
    while reading.read(size):
        pass
    assert reading.size == len(content)
    assert reading.whole == hashlib.sha256(content).hexdigest()
    assert reading.rest == hashlib.sha256(content[skip:]).hexdigest()
