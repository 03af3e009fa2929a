"""An object of any size goes through, in and out, and the memory hardly notices."""

import hashlib
import struct
from collections.abc import Iterator

import httpx2
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEGLSLossless

from dicom_node.archive.part10 import meta_header
from tests.dicom_node.archive.objects import instance, wire
from tests.support.node import NodeConf
from tests.support.web import RunningWeb

MB = 2**20
GROWTH_MB = 60
"""What serving it once may take: pieces under way, threads, what Python keeps for later."""


class Large:
    """A large image of one frame in implicit little endian, made as it is sent."""

    def __init__(self, megabytes: int) -> None:
        self.ds = instance(Columns=16_384, Rows=megabytes * MB // 16_384 // 2, BitsAllocated=16,
                           SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2")  # fmt: skip
        self.megabytes = megabytes
        self.path = (
            f"/studies/{self.ds.StudyInstanceUID}/series/{self.ds.SeriesInstanceUID}"
            f"/instances/{self.ds.SOPInstanceUID}"
        )

    def pixels(self) -> Iterator[bytes]:
        for number in range(self.megabytes):
            yield struct.pack("<I", number) * (MB // 4)

    def file(self) -> Iterator[bytes]:
        syntax = ImplicitVRLittleEndian
        head = struct.pack("<HHI", 0x7FE0, 0x0010, self.megabytes * MB)
        yield meta_header(self.ds.SOPClassUID, self.ds.SOPInstanceUID, syntax)
        yield wire(self.ds, syntax) + head
        yield from self.pixels()


class Compressed(Large):
    """A large image that is one fragment."""

    def file(self) -> Iterator[bytes]:
        syntax = JPEGLSLossless
        yield meta_header(self.ds.SOPClassUID, self.ds.SOPInstanceUID, syntax)
        yield wire(self.ds, syntax) + struct.pack("<HH2s2xI", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF)
        yield struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        yield struct.pack("<HHI", 0xFFFE, 0xE000, self.megabytes * MB)
        yield from self.pixels()
        yield struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


class Nested(Large):
    """A large value in a sequence, whose lengths are given or are not."""

    def __init__(self, megabytes: int, *, defined: bool) -> None:
        super().__init__(megabytes)
        self.defined = defined

    def file(self) -> Iterator[bytes]:
        syntax, size = ImplicitVRLittleEndian, self.megabytes * MB
        yield meta_header(self.ds.SOPClassUID, self.ds.SOPInstanceUID, syntax)
        yield wire(self.ds, syntax)
        lengths = (size + 16, size + 8) if self.defined else (0xFFFFFFFF, 0xFFFFFFFF)
        for group, element, length in zip(
            (0x5400, 0xFFFE, 0x5400), (0x0100, 0xE000, 0x1010), (*lengths, size), strict=True
        ):
            yield struct.pack("<HHI", group, element, length)
        yield from self.pixels()
        if not self.defined:
            yield struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)


def digest(pieces) -> str:
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def fetched(web, path: str, accept: str) -> tuple[str, str]:
    """Return the media type of an answer and the digest of its last bytes: the pixels."""
    headers = {**web.bearer, "Accept": accept}
    size, kept = web.large.megabytes * MB, b""
    with httpx2.stream("GET", f"{web.url}/dicom-web{path}", headers=headers, timeout=600) as got:
        assert got.status_code == 200, got.read()
        ahead = int(got.headers["content-length"]) - size if "content-length" in got.headers else 0
        found = hashlib.sha256()
        for piece in got.iter_raw():
            kept = piece[ahead:] if ahead else piece
            ahead = max(0, ahead - len(piece))
            found.update(kept)
        return got.headers["content-type"], found.hexdigest()


@pytest.fixture(
    params=[pytest.param(96, id="96 MB"), pytest.param(500, marks=pytest.mark.slow, id="500 MB")]
)
def web(request, tmp_path):
    conf = NodeConf(tmp_path, extra={"web": {"enabled": True, "frame_mb": 1}})
    running = RunningWeb(conf)
    running.bearer = {"Authorization": f"Bearer {running.token('admin')}"}
    running.large = Large(request.param)
    running.start()
    running.forget_peak()
    running.before_mb = running.peak_mb()
    yield running
    assert running.stop() == 0


def store(web) -> str:
    """Store the large object; return where it is."""
    boundary = "a-boundary"

    def body() -> Iterator[bytes]:
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        yield from web.large.file()
        yield f"\r\n--{boundary}--\r\n".encode()

    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    url = f"{web.url}/dicom-web/studies"
    got = httpx2.post(
        url, content=body(), headers={**web.bearer, "Content-Type": kind}, timeout=600
    )
    assert got.status_code == 200, got.text
    return web.large.path


def metadata_of(web, path: str) -> dict:
    url = f"{web.url}/dicom-web{path}/metadata"
    return httpx2.get(url, headers=web.bearer, timeout=60).json()[0]


def test_a_large_object_is_stored_and_given_in_pieces(web):
    path = store(web)
    stored_mb = web.peak_mb() - web.before_mb
    assert stored_mb < GROWTH_MB

    pixels = digest(web.large.pixels())
    found = {
        "as it is": fetched(web, path, "application/dicom; transfer-syntax=*"),
        "in another encoding": fetched(web, path, "application/dicom"),
        "frame": fetched(web, f"{path}/frames/1", "application/octet-stream"),
        "bulk data": fetched(web, f"{path}/bulkdata/7FE00010", "application/octet-stream"),
    }
    assert {name: found_digest for name, (_, found_digest) in found.items()} == dict.fromkeys(
        found, pixels
    )
    assert found["as it is"][0].endswith("transfer-syntax=1.2.840.10008.1.2")
    assert found["in another encoding"][0].endswith("transfer-syntax=1.2.840.10008.1.2.1")
    metadata = metadata_of(web, path)
    assert metadata["7FE00010"]["BulkDataURI"].endswith("/bulkdata/7FE00010")
    assert web.peak_mb() - web.before_mb < GROWTH_MB


def test_a_large_compressed_frame_is_given_in_pieces(web):
    web.large = Compressed(web.large.megabytes)
    path, pixels = store(web), digest(web.large.pixels())
    for place in ("frames/1", "bulkdata/7FE00010"):
        kind, found = fetched(web, f"{path}/{place}", "image/jls")
        assert found == pixels, place
        assert kind == f"image/jls; transfer-syntax={JPEGLSLossless}"
    headers = {**web.bearer, "Accept": "application/octet-stream"}
    for place in ("frames/1", "bulkdata/7FE00010", "rendered"):
        got = httpx2.get(f"{web.url}/dicom-web{path}/{place}", headers=headers, timeout=60)
        assert got.status_code == 406, place
    assert web.peak_mb() - web.before_mb < GROWTH_MB


@pytest.mark.parametrize("defined", [True, False])
def test_a_large_value_in_a_sequence_is_given_in_pieces(web, defined):
    web.large = Nested(web.large.megabytes, defined=defined)
    path = store(web)
    before_mb = web.peak_mb()
    place = "bulkdata/54000100/0/54001010"
    found = metadata_of(web, path)["54000100"]["Value"][0]["54001010"]["BulkDataURI"]
    assert found.endswith(f"{path}/{place}")
    assert fetched(web, f"{path}/{place}", "application/octet-stream")[1] == digest(
        web.large.pixels()
    )
    headers = {**web.bearer, "Accept": "application/dicom"}
    got = httpx2.get(f"{web.url}/dicom-web{path}", headers=headers, timeout=600)
    assert got.status_code == 200
    assert web.peak_mb() - before_mb < GROWTH_MB
