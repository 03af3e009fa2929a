import json
from dataclasses import FrozenInstanceError
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.provenance import PIPELINE_VERSION, ModelIdentity, digest_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


def test_the_digest_is_that_of_the_canonical_text():
    text = rb'{"a":[1,2],"b":"\u00e4"}'
    assert digest_of({"b": "ä", "a": [1, 2]}) == sha256(text).hexdigest()


@given(values=MAPPINGS)
def test_the_order_of_keys_does_not_matter(values):
    turned = dict(reversed(list(values.items())))
    assert digest_of(values) == digest_of(turned) == digest_of(json.loads(json.dumps(values)))


@given(one=MAPPINGS, other=MAPPINGS)
def test_other_values_have_another_digest(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest_of(one) == digest_of(other)) is same


def test_what_json_does_not_hold_has_no_digest():
    with pytest.raises(TypeError, match="not JSON serializable"):
        digest_of({"a": object()})


def test_a_model_cannot_become_another_one():
    model = ModelIdentity("head", "1.0.0", "sha256:0", "0", "nothing")
    with pytest.raises(FrozenInstanceError):
        model.version = "2.0.0"


def test_the_pipeline_has_a_version():
    assert PIPELINE_VERSION >= 1
