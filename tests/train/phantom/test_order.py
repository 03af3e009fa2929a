import pytest

from train.errors import RecipeInvalid
from train.phantom import LABELS, Order


@pytest.mark.parametrize("target", LABELS)
def test_any_contrast_may_be_ordered_of_a_head(target):
    assert Order(sources=("T1",), target=target).target == target


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sources": ("T3",)}, "no phantom shows T3; there are T1, T2"),
        ({"target": "US"}, "no phantom shows US"),
        ({"sources": ()}, "one or more different ones are wanted"),
        ({"sources": ("T1", "T1")}, "one or more different ones are wanted"),
        ({"anatomy": "knee"}, "no phantom of anatomy 'knee'; there are head, spine"),
        ({"anatomy": "spine", "target": "PT"}, "uptake is known of heads"),
        ({"scans": 0}, "scans 0"),
        ({"spacing_mm": 0.1}, r"spacing 0.1 mm"),
        ({"shift_mm": -1.0}, r"shift -1.0 mm"),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_wanted(changes, text):
    with pytest.raises(RecipeInvalid, match=text):
        Order(**changes)
