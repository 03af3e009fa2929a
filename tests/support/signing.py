"""Keys that bundles are signed with, as a site makes them."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Keys:
    """A pair of an elliptic curve, in PEM."""

    private: Path
    public: Path


def make_keys(folder: Path, name: str = "site", curve: ec.EllipticCurve | None = None) -> Keys:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    folder.mkdir(parents=True, exist_ok=True)
    keys = Keys(folder / f"{name}.key", folder / f"{name}.pem")
    keys.private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    keys.public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return keys


def flip(path: Path, at: int = -1) -> None:
    """Change one bit of a file; its size stays."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
