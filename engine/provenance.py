"""What ran, with which numbers and hashes: enough to say, years later, how an image was made."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PIPELINE_VERSION", "ModelIdentity", "Provenance", "digest_of"]

PIPELINE_VERSION = 2
"""Raised with every change of what the engine computes: it is part of a job's identity."""


def digest_of(values: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of ``values`` as canonical JSON: sorted keys, no spaces."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model: one changed byte of its bundle is another digest, hence another model."""

    name: str
    version: str
    digest: str
    """``sha256:`` and 64 hex digits over the bundle: see :attr:`engine.task.Bundle.identity`."""
    weights: str
    """SHA-256 (hex) of the weights file."""
    learned_from: str
    """What the weights were learned on, in the words that go into every object made."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """One run of the engine.

    Parameters
    ----------
    task, system : str
        The task, and the network that ran (a name of :mod:`engine.models`).
    model : ModelIdentity
        The weights.
    steps : tuple of mapping
        Each preprocessing step in order, with the numbers it was applied with.
    generation : mapping
        How the network went over the volume.
    device, batch, software :
        Where it ran; the batch changes no result and is recorded for speed alone.
    lacked : tuple of str
        What found no room in memory before it ran so, a sentence each; mostly nothing.
    pipeline_version : int
        :data:`PIPELINE_VERSION` of the engine that ran.
    where : mapping
        The device in full: see :meth:`engine.device.Device.record`.
    """

    task: str
    system: str
    model: ModelIdentity
    steps: tuple[Mapping[str, Any], ...]
    generation: Mapping[str, Any]
    device: str
    batch: int
    software: Mapping[str, str]
    pipeline_version: int
    lacked: tuple[str, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
