"""A data set in a file behaves like one in memory."""

import hashlib
import os
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.content import Spooled, chunks_of, digest_of, head_of, opened, size_of


@pytest.fixture(scope="module")
def spooled(tmp_path_factory):
    """Return a spooled data set of given bytes, something else before it in its file."""
    files = []

    def written(content: bytes, before: bytes = b"before") -> Spooled:
        path = tmp_path_factory.mktemp("spool") / "file"
        path.write_bytes(before + content + b"behind")
        files.append(path.open("rb"))
        return Spooled(files[-1], len(before), len(content))

    yield written
    for file in files:
        file.close()


@pytest.mark.parametrize("content", [b"", b"abc", os.urandom(3 * 2**20 + 5)], ids=len)
def test_a_file_has_the_size_the_digest_and_the_bytes_that_memory_has(spooled, content):
    for held in (content, spooled(content)):
        assert size_of(held) == len(content)
        assert digest_of(held) == hashlib.sha256(content).hexdigest()
        assert b"".join(chunks_of(held)) == content
        assert head_of(held) == content
        assert opened(b"head", held).read() == b"head" + content


def test_no_more_than_a_megabyte_of_a_file_is_in_memory(spooled):
    held = spooled(bytes(5 * 2**20))
    assert max(len(chunk) for chunk in chunks_of(held)) == 2**20


def test_the_head_of_a_large_file_is_not_all_of_it(spooled):
    assert len(head_of(spooled(bytes(2**24 + 1)))) == 2**24


@given(st.binary(max_size=40), st.binary(max_size=60),
       st.lists(st.tuples(st.integers(0, 120), st.integers(-1, 120)), max_size=8))  # fmt: skip
def test_a_stream_over_a_file_reads_like_one_over_bytes(spooled, before, content, reads):
    stream, like = opened(before, spooled(content)), BytesIO(before + content)
    for at, count in reads:
        assert stream.seek(at) == like.seek(at)
        assert stream.read(count) == like.read(count)
        assert stream.tell() == like.tell()
