import hashlib
import json
import re

import pytest
import torch
from safetensors.torch import save

from engine.errors import ModelMissing, ModelTampered
from engine.models import build
from engine.task import read_bundle
from engine.weights import load_into, read
from tests.support.bundle import SIZES


def written(folder, content: bytes) -> tuple:
    """Bytes as weights with their true hash."""
    path = folder / "some-model" / "models" / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_the_tensors_that_were_written_are_read(bundle_folder):
    bundle = read_bundle(bundle_folder)
    tensors = read(bundle.weights_path, bundle.weights_sha256)
    network = load_into(build("hlsnc_gan", sizes=SIZES), tensors)
    assert not network.training
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, tensors[name], rtol=0, atol=0)


@pytest.mark.parametrize("where", [0, 100, -1])
def test_one_changed_byte_is_tampering(bundle_folder, where):
    bundle = read_bundle(bundle_folder)
    content = bytearray(bundle.weights_path.read_bytes())
    content[where] ^= 1
    bundle.weights_path.write_bytes(content)
    with pytest.raises(
        ModelTampered, match=r"the SHA-256 of weights .*, the bundle names .*put the file back"
    ):
        read(bundle.weights_path, bundle.weights_sha256)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"\0", lambda _: b""])
def test_weights_cut_off_or_longer_are_tampering(bundle_folder, change):
    bundle = read_bundle(bundle_folder)
    bundle.weights_path.write_bytes(change(bundle.weights_path.read_bytes()))
    with pytest.raises(ModelTampered, match="the SHA-256 of weights"):
        read(bundle.weights_path, bundle.weights_sha256)


def test_the_hash_is_not_taken_from_the_file_but_from_the_contract(bundle_folder):
    contract = json.loads((bundle_folder / "contract.json").read_text())
    contract["weights"]["sha256"] = "0" * 64
    (bundle_folder / "contract.json").write_text(json.dumps(contract))
    bundle = read_bundle(bundle_folder)
    with pytest.raises(ModelTampered, match="the bundle names 0000000000000000…"):
        read(bundle.weights_path, bundle.weights_sha256)


def test_absent_weights_name_the_bundle_to_put_back(bundle_folder):
    bundle = read_bundle(bundle_folder)
    bundle.weights_path.unlink()
    with pytest.raises(ModelMissing, match="put the bundle tiny back"):
        read(bundle.weights_path, bundle.weights_sha256)


def test_a_folder_in_place_of_weights_is_missing_weights(bundle_folder):
    bundle = read_bundle(bundle_folder)
    bundle.weights_path.unlink()
    bundle.weights_path.mkdir()
    with pytest.raises(ModelMissing, match="Is a directory"):
        read(bundle.weights_path, bundle.weights_sha256)


WHOLE = save({"a": torch.ones(8)})


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"\xff" * 64, WHOLE[:-4], WHOLE[:20], b"\x80\x04K\x01."]
)
def test_what_is_no_safetensors_file_is_refused_even_where_its_hash_is_right(tmp_path, content):
    with pytest.raises(ModelTampered, match="not a safetensors file"):
        read(*written(tmp_path, content))


@pytest.mark.parametrize(
    "sizes", [{"width": 8, "blocks": 1}, {"width": 4, "blocks": 2}, {"width": 4, "blocks": 1,
              "channels_in": 2}]
)  # fmt: skip
def test_the_weights_of_another_network_are_refused(sizes):
    tensors = build("hlsnc_gan", sizes=sizes).state_dict()
    with pytest.raises(ModelTampered, match="those of another network"):
        load_into(build("hlsnc_gan", sizes=SIZES), dict(tensors))


def test_what_differs_is_said_in_one_line():
    tensors = dict(build("hlsnc_gan", sizes={"width": 8, "blocks": 2}).state_dict())
    del tensors["encode.0.bias"]
    with pytest.raises(ModelTampered) as refused:
        load_into(build("hlsnc_gan", sizes=SIZES), tensors)
    said = str(refused.value)
    assert "\n" not in said
    assert len(said) < 400  # the first of each kind, and how many
    assert re.search(r"1 of its \d+ tensors lack, first encode\.0\.bias", said)
    assert re.search(r"\d+ tensors are not its own, first body\.1\.", said)
    assert re.search(r"another shape, first body\.0\S* \(32,\), \(16,\) is wanted", said)


@pytest.mark.parametrize("change", ["less", "more"])
def test_every_tensor_and_no_other_is_wanted(change):
    tensors = dict(build("hlsnc_gan", sizes=SIZES).state_dict())
    if change == "less":
        del tensors["encode.0.bias"]
    else:
        tensors["encode.99.bias"] = torch.zeros(1)
    with pytest.raises(ModelTampered, match=r"encode\.\d+\.bias"):
        load_into(build("hlsnc_gan", sizes=SIZES), tensors)
