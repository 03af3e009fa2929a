"""What a result says of itself in words, for every kind of result and of source."""

from dataclasses import replace

import pytest
from pydicom.dataset import Dataset

from dicom_node.results.words import mark, what_was_done
from engine.task import LABELS_MADE, LABELS_TAKEN
from tests.dicom_node.results.conftest import as_kind

SOURCES = [*((label,) for label in LABELS_TAKEN), ("T1", "T2"), ("CT", "T1"), ("T1", "CBCT", "PT")]
OF_ITS_OWN = {"CT": {"CT", "CBCT"}, "PT": {"PT"}}
SAID = {"CT": "no X-rays were used", "PT": "no tracer was given"}


def made_from(making, makes, sources, model=None):
    """Return the result as if it were ``makes``, made from ``sources`` by a model of that name."""
    one = as_kind(making, makes)
    provenance = one.synthesis.provenance
    identity = replace(provenance.model, name=model or provenance.model.name)
    synthesis = replace(one.synthesis, provenance=replace(provenance, model=identity))
    first = making.sources[0]
    return replace(
        one, sources=[replace(first, label=label) for label in sources], synthesis=synthesis
    )


def marked(making) -> Dataset:
    ds = Dataset()
    mark(ds, making)
    return ds


@pytest.mark.parametrize("sources", SOURCES, ids="+".join)
@pytest.mark.parametrize("makes", LABELS_MADE)
def test_every_result_of_every_source_has_its_words(making, makes, sources):
    one = made_from(making, makes, sources)
    said, ds = what_was_done(one), marked(one)
    assert said.startswith(f"Synthetic {'PET' if makes == 'PT' else makes}, made by machine")
    assert SAID.get(makes, "no sequence was run for it") in said
    assert (" but the source's" in said) == bool(OF_ITS_OWN.get(makes, set()) & set(sources))
    assert "SYNTHETIC" in ds.SeriesDescription
    assert "NOT ACQUIRED" in ds.ImageComments


def test_sources_of_several_kinds_are_named_once(making):
    one = made_from(making, "T2", ("CT", "T1"))
    assert "made by machine learning from CT and T1; no sequence" in what_was_done(one)
    assert "Derived from CT and T1 by machine learning" in marked(one).ImageComments
    assert marked(one).SeriesDescription.startswith("sT2 from CT+T1 (SYNTHETIC")


def test_results_of_two_models_are_told_apart(making):
    one, other = (marked(made_from(making, "CT", ("T1",), model)) for model in ("quick", "fine"))
    assert one.SeriesDescription == "sCT from T1w MR (SYNTHETIC, RESEARCH, quick)"
    assert other.SeriesDescription == "sCT from T1w MR (SYNTHETIC, RESEARCH, fine)"
    assert " by machine learning, model quick 1.0.0. " in one.ImageComments


@pytest.mark.parametrize(("letters", "named"), [(25, True), (26, False)])
def test_a_name_that_is_too_long_stands_in_the_comments_alone(making, letters, named):
    name = "m" * letters
    ds = marked(made_from(making, "CT", ("T1",), name))
    assert len(ds.SeriesDescription) == (64 if named else 37)
    assert ds.SeriesDescription.endswith(f", {name})" if named else "RESEARCH)")
    assert f"model {name} 1.0.0" in ds.ImageComments
