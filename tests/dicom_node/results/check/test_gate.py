"""The gate: what a builder may get wrong is planted into good series, and none of it leaves."""

from copy import deepcopy
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.sequence import Sequence

from dicom_node.errors import OutputInvalid
from dicom_node.results import Plane, check_series, encode, make_series
from dicom_node.results.check import FORBIDDEN, WITH_VALUE
from dicom_node.results.copy import IDENTITY
from dicom_node.results.iod import CT, MR, PET
from engine.postprocess import quantise
from engine.volume import FrameRef, Grid
from tests.dicom_node.results.check.mutations import Mutation, written
from tests.dicom_node.results.conftest import as_kind
from tests.dicom_node.results.kinds import japanese

KINDS = {"CT": CT, "STIR": MR, "PT": PET}


@pytest.fixture(scope="module")
def making(small):
    return small()


@pytest.fixture(scope="module")
def good(making):
    return encoded(making)


def encoded(making):
    return [encode(ds) for ds in make_series(making).datasets]


def changed(content, change):
    """Return a file with ``change`` made to its data set."""
    ds = dcmread(BytesIO(content))
    change(ds)
    return written(ds)


def planted(good, change, index=0):
    """Return the series with ``change`` made to one slice."""
    return [*good[:index], changed(good[index], change), *good[index + 1 :]]


@pytest.fixture(scope="module")
def of_kind(making):
    """Return, by kind, what a result was made of, and its files."""
    made = {label: as_kind(making, label) for label in KINDS}
    return {label: (one, encoded(one)) for label, one in made.items()}


@pytest.mark.parametrize("label", KINDS)
def test_a_good_series_passes(label, of_kind):
    making, good = of_kind[label]
    check_series(good, making)


def wanted(iod):
    return sorted({*WITH_VALUE, *IDENTITY, *iod.with_value, *iod.present} - {"SOPClassUID"})


@pytest.mark.parametrize(
    ("label", "word"), [(label, word) for label, iod in KINDS.items() for word in wanted(iod)]
)
def test_what_must_be_there_is_missed(label, word, of_kind):
    making, good = of_kind[label]
    with pytest.raises(OutputInvalid, match=f"{word} is absent"):
        check_series(planted(good, lambda ds: delattr(ds, word)), making)


@pytest.mark.parametrize(
    ("label", "word"),
    [(label, word) for label, iod in KINDS.items() for word in (*FORBIDDEN, *iod.forbidden)],
)
def test_what_must_not_be_there_is_seen(label, word, of_kind):
    def plant(ds):
        kinds = {"SQ": Sequence([deepcopy(ds.DerivationCodeSequence[0])]), "UI": "1.2.3", "FD": 1.0}
        setattr(ds, word, kinds.get(dictionary_VR(tag_for_keyword(word)), "1"))

    making, good = of_kind[label]
    with pytest.raises(OutputInvalid, match=f"{word} must not be there"):
        check_series(planted(good, plant), making)


def swapped_pixels(good):
    first, second = (dcmread(BytesIO(one)) for one in good[1:3])
    first.PixelData, second.PixelData = second.PixelData, first.PixelData
    return [good[0], written(first), written(second), *good[3:]]


def place_of_another(good):
    other = dcmread(BytesIO(good[2])).ImagePositionPatient
    return planted(good, lambda ds: setattr(ds, "ImagePositionPatient", other), 1)


def flipped(word):
    def flip(ds):
        getattr(ds, word)[0] = -getattr(ds, word)[0]

    return lambda good: [changed(one, flip) for one in good]


SPOILT = {
    "slices whose pixels are swapped": (swapped_pixels, "slice 2 of 4: PixelData is not what"),
    "a slice at the place of another": (
        place_of_another,
        r"slice 2 of 4: ImagePositionPatient is .*, .* is wanted",
    ),
    "rows that run the other way": (flipped("ImageOrientationPatient"), "ImageOrientationPatient"),
    "positions on the other side": (flipped("ImagePositionPatient"), "ImagePositionPatient is"),
    "a slice too few": (lambda good: good[:-1], "there are 3 objects for 4 slices"),
    "a slice too many": (lambda good: [*good, good[-1]], "there are 5 objects for 4 slices"),
    "a slice twice": (lambda good: [good[0], good[0], *good[2:]], "SOPInstanceUID is"),
    "slices in another order": (lambda good: good[::-1], "InstanceNumber is 4, 1 is wanted"),
    "a slice that is cut off": (lambda good: [good[0], good[1][:1000], *good[2:]], "slice 2 of 4"),
    "a slice of nothing": (lambda good: [b"", *good[1:]], "slice 1 of 4: it cannot be read back"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of a file that ends too soon
@pytest.mark.parametrize("what", SPOILT)
def test_slices_that_do_not_belong_so_are_refused(what, good, making):
    spoil, said = SPOILT[what]
    with pytest.raises(OutputInvalid, match=said):
        check_series(spoil(good), making)


def of_patient(making, **values):
    source = making.sources[0]
    header = deepcopy(source.header)
    for word, value in values.items():
        setattr(header, word, value)
    return replace(making, sources=[replace(source, header=header)])


def with_source(making, **values):
    return replace(making, sources=[replace(making.sources[0], **values)])


def with_model(making, **values):
    model = replace(making.synthesis.provenance.model, **values)
    provenance = replace(making.synthesis.provenance, model=model)
    return replace(making, synthesis=replace(making.synthesis, provenance=provenance))


def elsewhere(making):
    refs = [replace(ref, sop_instance_uid=f"1.2.3.{n}") for n, ref in
            enumerate(making.sources[0].frames)]  # fmt: skip
    return with_source(making, frames=refs)


def moved(making):
    planes = [replace(one, position_mm=tuple(np.add(one.position_mm, (0, 0, 10)))) for one in
              making.sources[0].planes]  # fmt: skip
    return with_source(making, planes=planes)


BUILT = {
    "another patient": (lambda m: of_patient(m, PatientName="B^A"), "PatientName is not the sou"),
    "another patient's number": (lambda m: of_patient(m, PatientID="7"), "PatientID is not the so"),
    "another study": (lambda m: of_patient(m, StudyInstanceUID="1.2.3"), "StudyInstanceUID is not"),
    "another frame of reference": (
        lambda m: of_patient(m, FrameOfReferenceUID="1.2.3"),
        "FrameOfReferenceUID is not the source's",
    ),
    "another source series": (
        lambda m: of_patient(m, SeriesInstanceUID="1.2.3"),
        r"ReferencedSeriesSequence\[1\].SeriesInstanceUID is 1.2.3, 2.25.* is wanted",
    ),
    "another job": (lambda m: replace(m, job_key="2.25.8"), "SeriesInstanceUID is .* is wanted"),
    "another node": (
        lambda m: replace(m, site=replace(m.site, node_uid="2.25.9")),
        "InstanceCreatorUID is 2.25.9, 2.25.101 is wanted",
    ),
    "another qualification": (
        lambda m: replace(m, site=replace(m.site, qualification="PRODUCT")),
        "ContentQualification is PRODUCT, RESEARCH is wanted",
    ),
    "another day": (
        lambda m: replace(m, created_at=m.created_at.replace(day=3)),
        "SeriesDate is 20260103, 20260102 is wanted",
    ),
    "another model": (lambda m: with_model(m, digest="sha256:other"), "DeviceUID is"),
    "other weights": (lambda m: with_model(m, weights="0" * 64), "SoftwareVersions is"),
    "another kind": (lambda m: as_kind(m, "STIR"), "EchoTime must not be there; .* and .. more"),
    "references to what is not in the source": (
        elsewhere,
        r"ReferencedInstanceSequence\[1\].ReferencedSOPInstanceUID is 1.2.3.0",
    ),
    "a source turned round": (
        lambda m: with_source(m, planes=m.sources[0].planes[::-1]),
        "ImagePositionPatient is",
    ),
    "a source moved": (moved, "ImagePositionPatient is"),
}


@pytest.mark.parametrize("what", BUILT)
def test_a_series_built_of_something_else_is_refused(what, making):
    build_of, said = BUILT[what]
    with pytest.raises(OutputInvalid, match=said):
        check_series(encoded(build_of(making)), making)


def with_pixels(making, **values):
    stored = replace(making.synthesis.stored, **values)
    return replace(making, synthesis=replace(making.synthesis, stored=stored))


def unseen(making):
    inside = making.synthesis.inside.copy()
    inside[0, 0, 0] = False
    return replace(making, synthesis=replace(making.synthesis, inside=inside))


def with_affine(making, change):
    """Change the affine of the volume alone, and not where its slices are written."""
    grid = making.synthesis.volume.grid
    affine = grid.affine.copy()
    change(affine)
    volume = replace(making.synthesis.volume, grid=Grid(grid.shape, affine))
    return replace(making, synthesis=replace(making.synthesis, volume=volume))


def tilted(making):
    def lean(affine):
        affine[2, 2] += 0.1

    return with_affine(making, lean)


def moved(making, *by_mm):
    def shift(affine):
        affine[:3, 3] += by_mm

    return with_affine(making, shift)


def two_sources(making, **values):
    other = of_patient(making, **values).sources[0]
    return replace(making, sources=[*making.sources, other])


MADE = {
    "sources of two patients": (lambda m: two_sources(m, PatientID="7"), "differ in PatientID"),
    "sources of two studies": (
        lambda m: two_sources(m, StudyInstanceUID="1.2.3"),
        "the sources differ in StudyInstanceUID",
    ),
    "a compressed source": (
        lambda m: of_patient(m, LossyImageCompression="01"),
        "the source's LossyImageCompression is 01",
    ),
    "a synthetic source": (lambda m: of_patient(m, SyntheticData="YES"), "SyntheticData is YES"),
    "burnt in": (lambda m: of_patient(m, BurnedInAnnotation="YES"), "BurnedInAnnotation is YES"),
    "a header of none of the slices": (elsewhere, "header is that of none of its slices"),
    "a slice of the source missing": (
        lambda m: with_source(m, planes=m.sources[0].planes[1:]),
        "4 slices were made of 3 of the source",
    ),
    "places missing": (
        lambda m: with_source(m, planes=m.sources[0].planes[1:]),
        "a source has 4 slices at 3 places",
    ),
    "a volume turned round": (
        lambda m: with_source(m, planes=m.sources[0].planes[::-1]),
        "the volume's slice 1 lies 30.00 mm from the source's",
    ),
    "a volume beside its slices": (
        lambda m: moved(m, 0.5, 0, 0),
        "the volume's slice 1 lies 0.50 mm from the source's",
    ),
    "a volume that leans": (tilted, "orientation or pixel spacing is not the volume's: 1.20 mm"),
    "another task": (lambda m: replace(m, task=replace(m.task, name="x")), "ct_from_mr made it, x"),
    "a model that is not the task's": (lambda m: with_model(m, version="9"), "is not the task's"),
    "no weights": (lambda m: with_model(m, weights=""), "provenance has no weights"),
    "no origin": (lambda m: with_model(m, learned_from=""), "provenance has no learned_from"),
    "a qualification of its own": (
        lambda m: replace(m, site=replace(m.site, qualification="CLINICAL")),
        "ContentQualification CLINICAL is none of the standard's",
    ),
    "another offset": (
        lambda m: with_pixels(m, intercept=0.0),
        "rescale that was used is 1.0, 0.0",
    ),
    "13 bits": (
        lambda m: with_pixels(m, pixels=m.synthesis.stored.pixels + np.uint16(4096)),
        "0 to 4095 is wanted",
    ),
    "pixels of another volume": (
        lambda m: with_pixels(m, pixels=m.synthesis.stored.pixels[::-1]),
        "the pixels are not the volume that was judged, rounded",
    ),
    "a value off by one": (
        lambda m: with_pixels(m, pixels=np.minimum(m.synthesis.stored.pixels + np.uint16(1), 4095)),
        "the pixels are not the volume that was judged, rounded",
    ),
    "signed pixels": (
        lambda m: with_pixels(m, pixels=m.synthesis.stored.pixels.astype(np.int16)),
        "pixels are int16, uint16 is wanted",
    ),
    "a slice less stored": (
        lambda m: with_pixels(m, pixels=m.synthesis.stored.pixels[1:]),
        "voxels were made",
    ),
    "nothing set apart": (unseen, "is not set apart by a Pixel Padding Value"),
    "padding in the image": (
        lambda m: with_pixels(m, padding=int(m.synthesis.stored.pixels[0, 0, 0])),
        "the Pixel Padding Value is not that of what the source did not see",
    ),
}


@pytest.mark.parametrize("what", MADE)
def test_what_is_wrong_before_it_is_written_is_refused(what, making):
    """The gate is told the same as the builder: it has to see it without another to compare."""
    spoil, said = MADE[what]
    spoilt = spoil(making)
    files = [b""] * len(spoilt.synthesis.stored.pixels)
    with pytest.raises(OutputInvalid, match=f"what was made: .*{said}"):
        check_series(files, spoilt)


def test_uptake_where_nothing_was_seen_is_refused(making):
    """PET has no value that is set apart for it: what is stored there is what was made there."""
    pet = as_kind(making, "PT")
    inside = np.ones_like(pet.synthesis.inside)
    inside[0, :4] = False
    sound = replace(pet, synthesis=replace(pet.synthesis, inside=inside))
    assert check_series(encoded(sound), sound) is None
    pixels = sound.synthesis.stored.pixels.copy()
    pixels[0, :4] = 20_000
    spoilt = with_pixels(sound, pixels=pixels)
    with pytest.raises(OutputInvalid, match="not the volume that was judged, rounded"):
        check_series(encoded(spoilt), spoilt)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_rounded_in_single_precision_is_what_was_judged(kind, making):
    """Values half way between two stored ones go either way."""
    made, rng = as_kind(making, kind), np.random.default_rng(5)
    volume = made.synthesis.volume
    for greatest in (0.9, 1.1, 1.7, 2.0):
        steps = rng.integers(1, 32767, volume.shape) + 0.5
        voxels = np.minimum(steps * (greatest / 32767), greatest).astype(np.float32)
        voxels[0, 0, 0] = greatest
        stored = quantise(kind, voxels, made.synthesis.inside, high=2.0)
        synthesis = replace(made.synthesis, volume=volume.with_voxels(voxels), stored=stored)
        wanted = replace(made, synthesis=synthesis)
        assert check_series(encoded(wanted), wanted) is None


@pytest.mark.parametrize("word", ["SYNTHETIC", "NOT ACQUIRED", "tiny"])
def test_words_that_leave_out_what_they_are_for_are_refused(word, making, monkeypatch):
    for name in ("described", "comments_of", "what_was_done"):
        before = getattr(__import__("dicom_node.results.words", fromlist=[name]), name)
        monkeypatch.setattr(
            f"dicom_node.results.check.marks.{name}",
            lambda making, before=before: before(making).replace(word, "…"),
        )
    with pytest.raises(OutputInvalid, match=r"(Description|Comments) does not say"):
        check_series(encoded(making), making)


def test_of_the_source_no_value_is_shown(small):
    making = small(japanese)
    other = of_patient(making, PatientName="Yamada^Hanako=山田^花子", StudyID="SECRET")
    with pytest.raises(OutputInvalid) as caught:
        check_series(encoded(other), making)
    said = str(caught.value)
    assert "PatientName is not the source's; StudyID is not the source's" in said
    assert not any(name in said for name in ("Yamada", "山田", "SECRET"))


def test_a_long_text_is_shown_where_it_differs(good, making):
    def change(ds):
        ds.DerivationDescription = ds.DerivationDescription.replace("bundle sha", "bundle Sha")

    with pytest.raises(OutputInvalid) as caught:
        check_series([changed(one, change) for one in good], making)
    assert "bundle Sha256:" in str(caught.value)
    assert len(str(caught.value)) < 250


def test_many_faults_are_counted_and_not_told(good, making):
    def strip(ds):
        for word in WITH_VALUE[20:40]:
            if word in ds:
                delattr(ds, word)

    with pytest.raises(OutputInvalid, match=r"; and \d+ more\. Nothing of the series leaves"):
        check_series(planted(good, strip), making)


def test_a_slice_that_is_written_otherwise_than_the_first_is_seen(good, making):
    with pytest.raises(OutputInvalid, match="PixelSpacing is written otherwise than in slice 1"):
        check_series(
            planted(good, lambda ds: setattr(ds, "PixelSpacing", ["6.00", "6.00"]), 2), making
        )


def test_of_slices_that_are_equally_near_any_may_be_named(small):
    """A slice between two of the source: which of both a builder names, rounding decides."""
    making = small(slices=18)
    first = making.sources[0]
    between = [
        replace(one, position_mm=tuple(np.add(one.position_mm, (0, 0, 5.0))))
        for one in first.planes
    ]
    refs = [FrameRef(ref.sop_class_uid, f"{ref.sop_instance_uid}.1") for ref in first.frames]
    header = deepcopy(first.header)
    header.SOPInstanceUID, header.SeriesInstanceUID = refs[0].sop_instance_uid, "1.2.3"
    other = replace(first, label="T2", planes=between, frames=refs, header=header)
    both = replace(making, sources=[first, other])
    good = encoded(both)
    check_series(good, both)
    named = [
        item.ReferencedSOPInstanceUID for item in dcmread(BytesIO(good[8])).SourceImageSequence
    ]
    assert named[0] == first.frames[8].sop_instance_uid
    assert named[1:] == [ref.sop_instance_uid for ref in refs[:16]]

    def name_others(ds, by):
        for item, ref in zip(ds.SourceImageSequence[1:], refs[by:], strict=False):
            item.ReferencedSOPInstanceUID = ref.sop_instance_uid

    check_series(planted(good, lambda ds: name_others(ds, 0), 8), both)
    with pytest.raises(OutputInvalid, match="SourceImageSequence"):
        check_series(planted(good, lambda ds: name_others(ds, 2), 8), both)


def test_planes_are_the_same_where_a_usual_slice_shows_no_difference():
    plane = Plane((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (1.0, 1.0))
    assert plane.is_at(replace(plane, position_mm=(0.009, 0.0, 0.0)))
    assert not plane.is_at(replace(plane, position_mm=(0.011, 0.0, 0.0)))
    assert not plane.is_at(replace(plane, orientation=(1.0, 1e-4, 0.0, 0.0, 1.0, 0.0)))
    assert not plane.is_at(replace(plane, spacing_mm=(1.0, 1.0001)))


def test_a_mutation_says_what_it_does(good):
    """What the mutation suite reports of one that passes has to be found again."""
    one = Mutation(((0x00082112, 0),), 0x00081155, "removed", lambda ds, tag: ds.pop(tag))
    assert str(one) == "SourceImageSequence[1].ReferencedSOPInstanceUID: removed"
    (item,) = dcmread(BytesIO(one.on(good[0]))).SourceImageSequence
    assert "ReferencedSOPInstanceUID" not in item
