"""The signature of a bundle, as OpenSSF model signing has it, with local keys: no net is asked.

``signature.json`` lies in the bundle's folder, stands outside what it signs, and covers every other
file there. The library is loaded where a signature is made or checked: it brings much with it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from dicom_node.errors import NotPossible
from engine.errors import ModelTampered, ModelUnsigned
from engine.task import Bundle, read_bundle

__all__ = ["FILE", "Standing", "counts", "require", "sign", "standing"]

FILE = "signature.json"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the signature of a bundle is worth here.

    Parameters
    ----------
    state : {"signed", "unsigned", "tampered"}
        ``unsigned``: there is no signature, or none by a key that is trusted here.
    text : str
        Why, in a sentence.
    key : str
        SHA-256 (hex) of the public key whose signature holds; empty for none.
    """

    state: Literal["signed", "unsigned", "tampered"]
    text: str
    key: str = ""


def standing(folder: Path, keys: Sequence[Path]) -> Standing:
    """Check a bundle's signature against the keys that are trusted.

    Every file of the folder but ``signature.json`` has to be as it was signed, and none may have
    come or gone: a link is no file of the folder and is refused.

    Parameters
    ----------
    folder : Path
        The bundle.
    keys : sequence of Path
        Public keys, PEM: elliptic curves P-256, P-384, P-521.

    Raises
    ------
    NotPossible
        When a key is none, or the library is not installed.
    """
    if not (folder / FILE).is_file():
        return Standing("unsigned", f"bundle {folder.name} has no {FILE}")
    if keys:
        _need_library()
    hint = _signer(folder)
    if hint is None:
        return Standing("tampered", f"{folder.name}: {FILE} is no signature of a model; {_REMEDY}")
    trusted = {_hint(key): key for key in keys}
    if hint not in trusted:
        text = f"bundle {folder.name} is signed with key {hint[:16]}…, which [models] keys has not"
        return Standing("unsigned", text)
    if wrong := _wrong(folder, trusted[hint]):
        return Standing("tampered", f"bundle {folder.name} is not as it was signed: {wrong}")
    return Standing("signed", f"signed with {trusted[hint].name}", hint)


def require(bundle: Bundle, keys: Sequence[Path], *, signed: bool) -> Standing:
    """Check a bundle before its weights are loaded, and that it still is what was planned with.

    Parameters
    ----------
    signed : bool
        Whether one without a signature that counts here is refused, too.

    Raises
    ------
    ModelTampered, ModelUnsigned
    """
    try:
        found = standing(bundle.path, keys)
    except NotPossible as exc:
        raise ModelUnsigned(str(exc)) from exc
    if found.state == "tampered":
        raise ModelTampered(found.text)
    if found.state == "unsigned" and signed:
        text = "[models] require_signature wants a signature that counts; have it signed"
        raise ModelUnsigned(f"{found.text}; {text}, or name its key")
    if found.state == "signed" and read_bundle(bundle.path).digest != bundle.digest:
        raise ModelTampered(
            f"bundle {bundle.path.name} is not the one that was read when the node started; "
            "install it under a version of its own, and start the node again"
        )
    return found


def sign(folder: Path, key: Path) -> None:
    """Sign every file of a bundle; what was signed before is replaced.

    Parameters
    ----------
    key : Path
        A private key, PEM, not encrypted: elliptic curves P-256, P-384, P-521.

    Raises
    ------
    NotPossible
        When the key is none, or a file cannot be read or written.
    """
    _need_library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from model_signing import hashing, signing

    config = signing.Config().set_hashing_config(
        hashing.Config().set_ignored_paths(paths=[FILE], ignore_git_paths=False)
    )
    part = folder.with_name(f".{folder.name}.{FILE}")  # outside of what is being signed
    try:
        config.use_elliptic_key_signer(private_key=key).sign(folder, part)
        part.replace(folder / FILE)
    except (OSError, TypeError, ValueError, UnsupportedAlgorithm) as exc:
        part.unlink(missing_ok=True)
        text = f"bundle {folder.name} cannot be signed with {key}: {_plain(exc)}; an elliptic"
        raise NotPossible(f"{text} curve's private key without a password is wanted") from exc


def counts(key: Path, keys: Sequence[Path]) -> bool:
    """Whether what a private key signs is signed by a key that is trusted.

    Parameters
    ----------
    key : Path
        As :func:`sign` has it.
    keys : sequence of Path
        As :func:`standing` has it.

    Raises
    ------
    NotPossible
        When one of them is no key.
    """
    _need_library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, TypeError, ValueError, UnsupportedAlgorithm) as exc:
        text = f"{key}: {_plain(exc)}; an elliptic curve's private key without a password"
        raise NotPossible(f"{text} is wanted") from exc
    return _hint_of(private.public_key()) in map(_hint, keys)


def _need_library() -> None:
    """Say so where the library is not: what only listens and sends is installed without it."""
    if find_spec("model_signing") is None:
        text = "signatures are made and checked where models run: there is no engine in this"
        raise NotPossible(f"{text} installation; install dicom-synthesis-node[engine]")


def _wrong(folder: Path, key: Path) -> str:
    """Return what of a bundle is not as the holder of ``key`` signed it; empty for nothing."""
    from cryptography.exceptions import InvalidSignature
    from model_signing import hashing, verifying

    ours = hashing.Config().set_ignored_paths(paths=[FILE], ignore_git_paths=False)
    config = verifying.Config().set_hashing_config(ours)
    try:
        config.use_elliptic_key_verifier(public_key=key).verify(folder, folder / FILE)
        if more := _left_out(folder):
            return f"its signature leaves out {', '.join(more)}; {_REMEDY}"
    except InvalidSignature:
        return f"{FILE} was not made with the key that it names; {_REMEDY}"
    except (KeyError, OSError, TypeError, ValueError) as exc:
        return f"{_plain(exc)}; {_REMEDY}"
    return ""


_REMEDY = "put it back from its source, or install it as a version of its own"


def _left_out(folder: Path) -> list[str]:
    """Return the files that a signature, which holds, does not speak of: a signer may skip some."""
    payload = json.loads(_decoded(json.loads((folder / FILE).read_bytes())))
    named = {one["name"] for one in payload["predicate"]["resources"]}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return sorted(there - named - {FILE})


def _decoded(signature: Mapping[str, Mapping[str, str]]) -> bytes:
    from base64 import b64decode

    return b64decode(signature["dsseEnvelope"]["payload"])


def _signer(folder: Path) -> str | None:
    """Return which key a signature says that it was made with; None where it is no signature."""
    try:
        hint = json.loads((folder / FILE).read_bytes())["verificationMaterial"]["publicKey"]["hint"]
    except (KeyError, OSError, RecursionError, TypeError, ValueError):
        return None
    return hint if isinstance(hint, str) else None


def _hint(key: Path) -> str:
    """Return what a signature names a key by: the SHA-256 (hex) of its PEM."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        public = serialization.load_pem_public_key(key.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as exc:
        text = f"{key}: no public key in PEM ({_plain(exc)}); correct [models] keys in node.toml"
        raise NotPossible(text) from exc
    return _hint_of(public)


def _hint_of(public: Any) -> str:
    from cryptography.hazmat.primitives import serialization

    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(pem).hexdigest()


def _plain(exc: Exception) -> str:
    return " ".join(str(exc).split())
