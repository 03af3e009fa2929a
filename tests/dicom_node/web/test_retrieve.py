"""WADO-RS: the archived bytes where they are taken, else the same object in what is."""

import base64
import hashlib
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import itemize_fragment
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from dicom_node.archive import Space
from dicom_node.archive.part10 import meta_header
from dicom_node.errors import ArchiveFull
from dicom_node.settings import Web
from tests.dicom_node.archive.objects import instance, study_uid, wire
from tests.dicom_node.web.asking import DICOM, objects_of, parts_of, warnings_of
from tests.dicom_node.web.conftest import on_sqlite
from tests.dicom_node.web.images import (
    FRAMES,
    SIZE,
    SYNTAX_OF,
    address,
    drawn,
    image,
    keep_images,
)

STUDY = f"/studies/{image('plain').StudyInstanceUID}"
OCTETS = 'multipart/related; type="application/octet-stream"'
AS_STORED = f"{DICOM}; transfer-syntax=*"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with on_sqlite(tmp_path_factory.mktemp("images"), now) as site:
        keep_images(site)
        yield site


def archived(name: str) -> bytes:
    ds, syntax = Dataset(image(name)), SYNTAX_OF[name]
    return meta_header(ds.SOPClassUID, ds.SOPInstanceUID, syntax) + wire(ds, syntax)


@pytest.mark.parametrize("name", SYNTAX_OF)
def test_an_instance_comes_byte_for_byte_where_any_encoding_is_taken(images, name):
    found = images.get(address(name), AS_STORED)
    ((kind, content),) = parts_of(found)
    assert found.status_code == 200
    assert kind == f"application/dicom; transfer-syntax={SYNTAX_OF[name]}"
    assert content == archived(name)


@pytest.mark.parametrize("name", ["plain", "implicit", "big", "rle", "jls"])
def test_who_names_no_encoding_gets_explicit_little(images, name):
    found = images.get(address(name), DICOM)
    (ds,) = objects_of(found)
    assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    np.testing.assert_array_equal(ds.pixel_array, drawn())
    if name == "plain":
        assert parts_of(found)[0][1] == archived(name)


def test_one_instance_comes_as_a_file_where_that_is_taken(images):
    found = images.get(address("plain"), "application/dicom")
    assert found.headers["content-type"] == (
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    )
    assert found.content == archived("plain")
    assert int(found.headers["content-length"]) == len(found.content)
    found = images.get(address("jls"), "application/dicom")
    np.testing.assert_array_equal(dcmread(BytesIO(found.content)).pixel_array, drawn())


def test_of_several_encodings_the_stored_one_is_kept(images):
    accept = f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.1, {DICOM}; transfer-syntax={{}}"
    found = images.get(address("jls"), accept.format(SYNTAX_OF["jls"]))
    assert parts_of(found)[0][1] == archived("jls")


@pytest.mark.parametrize("name", ["video", "broken"])
def test_what_cannot_be_decoded_is_not_acceptable_alone_and_comes_as_it_is_among_others(
    images, name
):
    assert images.get(address(name), "application/dicom").status_code == 406
    found = parts_of(images.get(STUDY, DICOM))
    kinds = {hashlib.sha256(content).hexdigest(): kind for kind, content in found}
    assert len(found) == len(SYNTAX_OF)
    syntax = SYNTAX_OF[name]
    assert kinds[hashlib.sha256(archived(name)).hexdigest()].endswith(f"transfer-syntax={syntax}")


def test_a_study_comes_whole_as_it_is_stored(images):
    found = {content for _, content in parts_of(images.get(STUDY, AS_STORED))}
    assert found == {archived(name) for name in SYNTAX_OF}


def test_what_no_named_encoding_suits_is_left_out_and_told(images):
    found = images.get(STUDY, f"{DICOM}; transfer-syntax={SYNTAX_OF['rle']}")
    assert found.status_code == 206
    assert f"{len(SYNTAX_OF) - 1} of {len(SYNTAX_OF)} instances" in warnings_of(found)
    assert [content for _, content in parts_of(found)] == [archived("rle")]
    assert images.get(STUDY, f"{DICOM}; transfer-syntax=1.2.3").status_code == 406


@pytest.mark.parametrize("path", ["/studies/1.2.3", "/studies/1.2.3/metadata",
                                  "/studies/1.2.3/rendered", STUDY + "/series/1.2.3",
                                  STUDY + "/series/1.2/instances/1.2",
                                  "/studies/1.2.3/thumbnail"])  # fmt: skip
def test_what_is_not_here_is_not_found(images, path):
    found = images.get(path, "*/*")
    assert found.status_code == 404
    assert found.headers["content-type"] == "application/problem+json"


def test_a_study_is_no_single_file(images):
    assert images.get(STUDY, "application/dicom").status_code == 406


@pytest.mark.parametrize("name", SYNTAX_OF)
def test_metadata_hold_everything_but_the_pixels(images, name):
    (found,) = images.get(address(name) + "/metadata").json()
    assert found["00100020"] == {"vr": "LO", "Value": ["TEST-1"]}
    assert found["00280030" if name != "report" else "0020000D"]["Value"]
    pixels = found.get("7FE00010", {})
    url = f"http://node.test/dicom-web{address(name)}/bulkdata/7FE00010"
    assert pixels.get("BulkDataURI") == (None if name == "report" else url)
    assert "InlineBinary" not in pixels


def test_metadata_of_a_study_hold_each_instance(images):
    found = images.get(STUDY + "/metadata", "application/dicom+json").json()
    assert {one["00080018"]["Value"][0] for one in found} == {
        image(name).SOPInstanceUID for name in SYNTAX_OF
    }
    parts = parts_of(
        images.get(STUDY + "/metadata", 'multipart/related; type="application/dicom+xml"')
    )
    assert len(parts) == len(SYNTAX_OF)


def test_an_instance_whose_file_is_gone_is_named_all_the_same(sqlite_site):
    kept = sqlite_site.store.keep(instance())
    for path in sqlite_site.store.on_disk():
        (sqlite_site.store.files.folder / path).unlink()
    (found,) = sqlite_site.get(f"/studies/{study_uid()}/metadata").json()
    assert found["00080018"]["Value"] == [kept.sop_instance_uid]


@pytest.mark.parametrize("name", ["plain", "implicit", "big", "rle", "jls"])
def test_frames_come_as_words_in_little_endian(images, name):
    found = images.get(address(name) + "/frames/3,1", OCTETS)
    (first, second) = parts_of(found)
    assert first[0] == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    np.testing.assert_array_equal(np.frombuffer(first[1], "<u2").reshape(SIZE, SIZE), drawn()[2])
    np.testing.assert_array_equal(np.frombuffer(second[1], "<u2").reshape(SIZE, SIZE), drawn()[0])


@pytest.mark.parametrize(("name", "accept"), [("plain", OCTETS), ("jls", OCTETS),
                                              ("jls", f"{OCTETS}; transfer-syntax=*")])  # fmt: skip
def test_a_frame_that_is_listed_twice_comes_twice(images, name, accept):
    one, other = (
        parts_of(images.get(f"{address(name)}/frames/{number}", accept))[0] for number in (1, 2)
    )
    found = parts_of(images.get(address(name) + "/frames/1,1,2,1", accept))
    assert found == [one, one, other, one]


def test_one_frame_comes_alone_where_that_is_taken(images):
    found = images.get(address("plain") + "/frames/2", "application/octet-stream")
    assert found.content == drawn()[1].tobytes()
    assert (
        images.get(address("plain") + "/frames/1,2", "application/octet-stream").status_code == 406
    )


def test_compressed_frames_come_as_they_are_where_that_is_taken(images):
    frames = []
    for accept in ('multipart/related; type="image/jls"', f"{OCTETS}; transfer-syntax=*",
                   f"{OCTETS}; transfer-syntax={SYNTAX_OF['jls']}"):  # fmt: skip
        ((kind, content),) = parts_of(images.get(address("jls") + "/frames/2", accept))
        assert kind.endswith(f"; transfer-syntax={SYNTAX_OF['jls']}")
        frames.append(content)
    assert len(set(frames)) == 1
    assert frames[0].startswith(b"\xff\xd8")
    assert images.get(address("rle") + "/frames/2", "image/jls").status_code == 406


@pytest.mark.parametrize(
    ("frames", "status"),
    [
        ("4", 404),
        ("1,99", 404),
        ("0", 400),
        ("-1", 400),
        ("a", 400),
        ("1,,2", 400),
        ("1" * 12, 400),
    ],
)
def test_frames_that_are_not_there_are_not_given(images, frames, status):
    assert images.get(f"{address('plain')}/frames/{frames}", OCTETS).status_code == status


def test_frames_of_what_has_none_or_is_broken_are_not_acceptable(images):
    for name in ("report", "broken"):
        found = images.get(address(name) + "/frames/1", OCTETS)
        assert found.status_code == 406, name
        assert found.json()["detail"]


def test_a_frame_larger_than_may_be_is_not_decoded(sqlite_site):
    ds = image("plain")
    ds.Rows = ds.Columns = 1024
    ds.NumberOfFrames = 1
    ds.PixelData = bytes(2 * 1024 * 1024)
    sqlite_site.store.keep(Dataset(ds))
    ds.compress(SYNTAX_OF["rle"], generate_instance_uid=False)
    ds.SOPInstanceUID = "1.2.3"
    sqlite_site.store.keep(Dataset(ds), SYNTAX_OF["rle"])
    base = address("plain").rpartition("/")[0]
    compressed = f"{base}/1.2.3/frames/1"
    assert sqlite_site.get(compressed, OCTETS).status_code == 200
    sqlite_site.limit(Web(frame_mb=1))
    assert sqlite_site.get(compressed, OCTETS).status_code == 406
    assert sqlite_site.get(f"{base}/1.2.3/rendered", "*/*").status_code == 406
    assert sqlite_site.get(f"{address('plain')}/frames/1", OCTETS).status_code == 200


@pytest.mark.parametrize("name", ["plain", "implicit", "big"])
def test_bulk_data_come_in_little_endian(images, name):
    for accept in (OCTETS, "application/octet-stream", "*/*"):
        found = images.get(address(name) + "/bulkdata/7FE00010", accept)
        content = parts_of(found)[0][1] if accept == OCTETS else found.content
        assert content == drawn().tobytes()


def test_bulk_data_of_compressed_pixels_are_their_frames(images):
    found = parts_of(images.get(address("jls") + "/bulkdata/7FE00010", "*/*"))
    assert [kind for kind, _ in found] == [
        "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80"
    ] * FRAMES  # fmt: skip


@pytest.mark.parametrize("accept", ["application/octet-stream", OCTETS])
def test_bulk_data_of_compressed_pixels_are_decoded_for_who_takes_bare_octets(images, accept):
    found = images.get(address("jls") + "/bulkdata/7FE00010", accept)
    assert found.headers["content-type"].startswith(accept.partition(";")[0])
    content = parts_of(found)[0][1] if accept == OCTETS else found.content
    assert content == drawn().tobytes()


def test_bulk_data_of_compressed_pixels_come_in_no_way_that_nobody_takes(images):
    path = address("jls") + "/bulkdata/7FE00010"
    for accept in ("image/jls", "text/plain", 'multipart/related; type="image/jpeg"'):
        assert images.get(path, accept).status_code == 406, accept
    found = parts_of(images.get(path, f"{OCTETS}; transfer-syntax=*"))
    kind = f"application/octet-stream; transfer-syntax={SYNTAX_OF['jls']}"
    assert [one for one, _ in found] == [kind] * FRAMES


STREAM = bytes(range(250)) * 4


def in_a_stream(site, syntax: str, fragments: int) -> str:
    """Keep an object of 3000 frames, said to be, in one stream; return where its pixels are."""
    size = len(STREAM) // fragments
    cut = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    ds = image("jls")
    ds.NumberOfFrames = 3000
    ds.PixelData = itemize_fragment(b"") + b"".join(itemize_fragment(one) for one in cut)
    site.store.keep(ds, syntax)
    return address("jls") + "/bulkdata/7FE00010"


@pytest.mark.parametrize("fragments", [1, 4])
@pytest.mark.parametrize(
    ("syntax", "kind"),
    [
        ("1.2.840.10008.1.2.4.100", "video/mpeg2"),
        ("1.2.840.10008.1.2.4.101.1", "video/mpeg2"),
        ("1.2.840.10008.1.2.4.102", "video/mp4"),
        ("1.2.840.10008.1.2.4.108", "video/mp4"),
        ("1.2.840.10008.1.2.4.90", "image/jp2"),
    ],
)
def test_bulk_data_of_a_video_are_one_stream(sqlite_site, syntax, kind, fragments):
    path = in_a_stream(sqlite_site, syntax, fragments)
    part = f"{kind}; transfer-syntax={syntax}"
    for accept in ("*/*", f'multipart/related; type="{kind}"'):
        assert parts_of(sqlite_site.get(path, accept)) == [(part, STREAM)]
    for accept in (kind, "application/octet-stream", "application/octet-stream;transfer-syntax=*"):
        found = sqlite_site.get(path, accept)
        assert found.headers["content-type"] == part.replace(kind, accept.partition(";")[0])
        assert found.content == STREAM
    assert sqlite_site.get(path, "video/ogg").status_code == 406
    assert sqlite_site.get(address("jls") + "/frames/2", OCTETS).status_code == 406


def test_as_many_fragments_as_frames_make_no_frames_of_a_video(images):
    ((kind, content),) = parts_of(images.get(address("video") + "/bulkdata/7FE00010", "*/*"))
    assert kind == f"video/mpeg2; transfer-syntax={SYNTAX_OF['video']}"
    assert content.count(b"\xff\xd8\xff\xf7") == FRAMES


def test_bulk_data_that_are_cut_short_are_refused_before_they_begin(sqlite_site):
    sqlite_site.store.keep(image("jls"), SYNTAX_OF["jls"])
    (place,) = sqlite_site.store.on_disk()
    path = sqlite_site.store.files.folder / place
    path.write_bytes(path.read_bytes()[:-100])
    for accept in ("*/*", f"{OCTETS}; transfer-syntax=*", "application/octet-stream"):
        found = sqlite_site.get(address("jls") + "/bulkdata/7FE00010", accept)
        assert found.status_code == 406, accept


def test_bulk_data_of_a_compressed_icon_are_its_fragments(sqlite_site):
    icon, ds = Dataset(), image("jls")
    icon.add_new(0x7FE00010, "OB", itemize_fragment(b"") + itemize_fragment(bytes(70_000)))
    icon["PixelData"].is_undefined_length = True
    ds.IconImageSequence = [icon]
    sqlite_site.store.keep(ds, SYNTAX_OF["jls"])
    (found,) = sqlite_site.get(address("jls") + "/metadata").json()
    path = found["00880200"]["Value"][0]["7FE00010"]["BulkDataURI"]
    found = sqlite_site.get(path.removeprefix("http://node.test/dicom-web"))
    assert (found.status_code, found.content) == (200, bytes(70_000))


def test_a_value_deep_within_is_found_by_its_path(sqlite_site):
    inner, ds = Dataset(), instance()
    inner.add_new(0x00420011, "OB", bytes(range(250)) * 8)
    ds.RequestAttributesSequence = [Dataset(), inner]
    ds.add_new(0x00420011, "OB", b"\1\2")
    sqlite_site.store.keep(ds)
    (found,) = sqlite_site.get(f"/studies/{study_uid()}/metadata").json()
    url = found["00400275"]["Value"][1]["00420011"]["BulkDataURI"]
    path = url.removeprefix("http://node.test/dicom-web")
    assert sqlite_site.get(path).content == bytes(range(250)) * 8
    assert base64.b64decode(found["00420011"]["InlineBinary"]) == b"\1\2"
    base = path.rpartition("/bulkdata/")[0]
    for wrong, status in (("00400275/2/00420011", 404), ("00400275", 404), ("00100010", 404),
                          ("00420011/0/00420011", 404), ("../../x", 404), ("0042", 400),
                          ("00400275/0/00420011", 404)):  # fmt: skip
        assert sqlite_site.get(f"{base}/bulkdata/{wrong}").status_code in (status, 400), wrong


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_what_cannot_be_done_to_an_instance_is_not_allowed(images, method):
    found = getattr(images.client, method)("/dicom-web" + STUDY)
    assert found.status_code == 405
    assert found.headers["content-type"] == "application/problem+json"


@pytest.fixture
def filling(sqlite_site, monkeypatch):
    """A site, and how many bytes there is room for once it holds its objects."""

    def has_room_for(count: int) -> None:
        left = [count]

        def check(_space, size: int) -> None:
            if size > left[0]:
                raise ArchiveFull("the reserve is touched")
            left[0] -= size

        monkeypatch.setattr(Space, "check", check)

    return sqlite_site, has_room_for


def test_what_is_encoded_again_leaves_the_reserve_untouched(filling):
    site, has_room_for = filling
    site.store.keep(image("jls"), SYNTAX_OF["jls"])
    needed = len(site.get(address("jls"), "application/dicom").content)
    for accept in ("application/dicom", DICOM):
        has_room_for(needed - 1)
        found = site.get(address("jls"), accept)
        assert (found.status_code, found.headers["retry-after"]) == (503, "5")
        has_room_for(needed)
        assert site.get(address("jls"), accept).status_code == 200


def test_what_is_inflated_leaves_the_reserve_untouched(filling):
    site, has_room_for = filling
    site.store.keep(image("plain"), DeflatedExplicitVRLittleEndian)
    for path, accept in (("/frames/1", OCTETS), ("/metadata", "application/dicom+json"),
                         ("/bulkdata/7FE00010", OCTETS), ("/rendered", "*/*")):  # fmt: skip
        has_room_for(1000)
        assert site.get(address("plain") + path, accept).status_code == 503, path
        has_room_for(2**20)
        assert site.get(address("plain") + path, accept).status_code == 200, path
