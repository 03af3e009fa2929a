"""Signatures of bundles: made and checked here, and by the tool of those who wrote the format."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dicom_node import signature
from dicom_node.errors import NotPossible
from dicom_node.signature import FILE, require, sign, standing
from engine.errors import ModelTampered, ModelUnsigned
from engine.task import read_bundle
from tests.support.bundle import write_bundle
from tests.support.signing import flip, make_keys

FILES = ["contract.json", "configs/metadata.json", "configs/inference.json",
         "models/model.safetensors", "card.md"]  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def signed(tmp_path_factory, keys):
    folder = write_bundle(tmp_path_factory.mktemp("models") / "tiny")
    (folder / "card.md").write_text("# A model\n")
    sign(folder, keys.private)
    return folder


@pytest.fixture
def bundle(signed, tmp_path):
    return shutil.copytree(signed, tmp_path / "tiny")


def model_signing(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "model_signing", *map(str, words)],
        capture_output=True,
        check=False,
        text=True,
    )


def test_a_bundle_is_as_it_was_signed_and_the_key_is_named(bundle, keys):
    found = standing(bundle, [keys.public])
    assert (found.state, found.text, len(found.key)) == ("signed", "signed with site.pem", 64)


@pytest.mark.parametrize("name", FILES)
def test_one_bit_of_any_file_is_seen(bundle, keys, name):
    flip(bundle / name)
    found = standing(bundle, [keys.public])
    assert found.state == "tampered"
    assert name in found.text
    with pytest.raises(ModelTampered):
        require(read_bundle_anyway(bundle), [keys.public], signed=False)


def read_bundle_anyway(folder):
    """What was read before somebody changed a file: here, of a sound copy."""
    sound = folder.with_name("sound")
    write_bundle(sound)
    return replace(read_bundle(sound), path=folder)


@pytest.mark.parametrize("name", ["configs/extra.json", ".gitignore", ".git/config", "models/b.pt"])
def test_a_file_that_came_since_is_seen(bundle, keys, name):
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("{}")
    assert standing(bundle, [keys.public]).state == "tampered"


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_went_since_is_seen(bundle, keys, name):
    (bundle / name).unlink()
    found = standing(bundle, [keys.public])
    assert found.state == "tampered"
    assert name in found.text


def test_a_link_is_no_file_of_a_bundle(bundle, keys, tmp_path):
    (bundle / "card.md").rename(tmp_path / "card.md")
    (bundle / "card.md").symlink_to(tmp_path / "card.md")
    assert standing(bundle, [keys.public]).state == "tampered"


def test_a_signature_by_somebody_else_counts_for_nothing(bundle, tmp_path):
    found = standing(bundle, [make_keys(tmp_path, "other").public])
    assert found.state == "unsigned"
    assert "[models] keys has not" in found.text


def test_of_several_keys_the_one_that_signed_is_taken(bundle, keys, tmp_path):
    others = [make_keys(tmp_path, name).public for name in ("a", "b")]
    assert standing(bundle, [others[0], keys.public, others[1]]).state == "signed"


def test_a_signature_that_borrows_the_name_of_a_key_is_seen(bundle, keys, tmp_path):
    """Somebody signs with a key of their own, and writes ours into the file."""
    ours = json.loads((bundle / FILE).read_text())["verificationMaterial"]["publicKey"]["hint"]
    flip(bundle / "card.md")
    sign(bundle, make_keys(tmp_path, "other").private)
    forged = json.loads((bundle / FILE).read_text())
    forged["verificationMaterial"]["publicKey"]["hint"] = ours
    (bundle / FILE).write_text(json.dumps(forged))
    found = standing(bundle, [keys.public])
    assert found.state == "tampered"
    assert "not made with the key that it names" in found.text


@pytest.mark.parametrize("text", ["", "{}", "[1]", "null", '{"verificationMaterial": {}}'])
def test_what_is_no_signature_is_no_absent_one(bundle, keys, text):
    (bundle / FILE).write_text(text)
    assert standing(bundle, [keys.public]).state == "tampered"


def test_a_signature_cut_short_is_tampered(bundle, keys):
    whole = json.loads((bundle / FILE).read_text())
    del whole["dsseEnvelope"]["signatures"]
    (bundle / FILE).write_text(json.dumps(whole))
    assert standing(bundle, [keys.public]).state == "tampered"


def test_without_a_signature_it_is_unsigned_and_refused_only_where_one_is_wanted(bundle, keys):
    (bundle / FILE).unlink()
    assert require(read_bundle(bundle), [keys.public], signed=False).state == "unsigned"
    with pytest.raises(ModelUnsigned, match=r"has no signature\.json; .* have it signed"):
        require(read_bundle(bundle), [keys.public], signed=True)


def test_a_signed_bundle_that_is_not_the_one_that_was_read_is_refused(bundle, keys):
    """Between the start of the node and the job somebody installed another, well signed, in its
    place."""
    before = read_bundle(bundle)
    write_bundle(bundle, version="1.0.1")
    sign(bundle, keys.private)
    with pytest.raises(ModelTampered, match="not the one that was read"):
        require(before, [keys.public], signed=False)


def test_a_key_that_is_none_is_named(bundle, tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("no key")
    with pytest.raises(NotPossible, match=r"bad\.pem: no public key"):
        standing(bundle, [bad])
    with pytest.raises(NotPossible, match=r"cannot be signed .* without a password is wanted"):
        sign(bundle, bad)
    with pytest.raises(ModelUnsigned, match="correct"):
        require(read_bundle(bundle), [bad], signed=False)


def test_signing_again_replaces_what_was_signed(bundle, keys):
    flip(bundle / "card.md", 0)
    sign(bundle, keys.private)
    assert standing(bundle, [keys.public]).state == "signed"
    assert [path.name for path in bundle.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()], ids=["P-384", "P-521"])
def test_other_curves_will_do(bundle, tmp_path, curve):
    keys = make_keys(tmp_path / "keys", curve=curve)
    sign(bundle, keys.private)
    assert standing(bundle, [keys.public]).state == "signed"


def test_the_tool_of_the_format_verifies_what_we_sign(bundle, keys):
    words = ("verify", "key", bundle, "--signature", bundle / FILE, "--public_key", keys.public)
    done = model_signing(*words)
    assert done.returncode == 0, done.stderr
    flip(bundle / "card.md")
    assert model_signing(*words).returncode != 0


def test_we_verify_what_the_tool_of_the_format_signs(bundle, keys):
    (bundle / FILE).unlink()
    done = model_signing(
        "sign", "key", bundle, "--signature", bundle / FILE, "--private_key", keys.private
    )
    assert done.returncode == 0, done.stderr
    assert standing(bundle, [keys.public]).state == "signed"


def test_a_signer_cannot_leave_a_file_out(bundle, keys):
    done = model_signing(
        "sign", "key", bundle, "--signature", bundle / FILE, "--private_key", keys.private,
        "--ignore-paths", bundle / "contract.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = standing(bundle, [keys.public])
    assert found.state == "tampered"
    assert "leaves out contract.json" in found.text


def test_where_the_library_is_not_installed_it_says_so(bundle, keys, monkeypatch):
    monkeypatch.setattr(signature, "find_spec", lambda _: None)
    with pytest.raises(NotPossible, match=r"install dicom-synthesis-node\[engine\]"):
        standing(bundle, [keys.public])
    (bundle / FILE).unlink()
    assert standing(bundle, [keys.public]).state == "unsigned"
