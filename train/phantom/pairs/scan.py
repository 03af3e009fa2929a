"""One scan of a subject: its sources, its target, and what is known of every voxel."""

from dataclasses import asdict
from typing import Any

import numpy as np

from train.errors import DataInvalid
from train.pair import Pair
from train.phantom import spine
from train.phantom.order import Order
from train.phantom.pairs.frozen import RECIPE_SHA256
from train.phantom.pairs.session import Session, acquisitions
from train.phantom.regions import places_of
from train.phantom.scanner import Protocol, draw_protocol, grid_of, most_common
from train.phantom.subject import Subject

__all__ = ["scan_pair"]


def scan_pair(subject: Subject, index: int, order: Order, protocol: Protocol | None = None) -> Pair:
    """Return scan ``index`` of a subject with its truth; same arguments, same pair.

    Parameters
    ----------
    subject : Subject
        Of the order's anatomy.
    index : int
        Each scan has protocols of its own.
    order : Order
        What goes in and what is to be made.
    protocol : Protocol, optional
        Of the first source; drawn where it is not given.

    Raises
    ------
    DataInvalid
        When the subject is of another anatomy.
    """
    if subject.anatomy != order.anatomy:
        text = f"subject {subject.seed} is a {subject.anatomy}, a {order.anatomy} is ordered"
        raise DataInvalid(f"{text}; draw the one that is wanted")
    rng = np.random.default_rng([subject.seed, 1, index])
    if protocol is None:
        draw = spine.draw_protocol if order.anatomy == "spine" else draw_protocol
        protocol = draw(order.sources[0], rng)
    grid = grid_of(protocol, subject.placement)
    images = acquisitions(order, protocol, rng)
    volumes, inside = Session(subject, protocol, grid, rng).measure(images)
    about: dict[str, Any] = {
        **subject.facts,
        "subject": subject.seed,
        "scan": index,
        "labels": list(order.sources),
        "makes": order.target,
        "anatomy": order.anatomy,
        "recipe": RECIPE_SHA256,
        "protocol": asdict(protocol),
        "timings": [one.told() for one in images],
        "strata": {**subject.facts["strata"], **_strata(protocol)},
    }
    if "PT" in (*order.sources, order.target):
        about["places"] = places_of(grid, subject.placement)
    axes, thickness = subject.body.axes, protocol.thickness_mm
    return Pair(
        sources=tuple(volumes[:-1]),
        target=volumes[-1],
        body=inside > 0.5,
        tissue=most_common(subject.tissue, axes, subject.placement, grid, thickness),
        about=about,
    )


def _strata(protocol: Protocol) -> dict[str, str]:
    strata = {"plane": protocol.plane, "sequence": protocol.name}
    return strata if protocol.sequence is None else {**strata, "field": f"{protocol.field_t:g} T"}
