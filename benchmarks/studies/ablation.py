"""The papers' own ablations at reduced width: which order is reproduced, and which is not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.variant import (
    Variant,
    by_subject,
    figures,
    held_out,
    last_losses,
    learned,
    made_of,
    split_of,
)
from train.config import Recipe, read_recipe
from train.data import Prepared, Shelf
from train.metrics import bootstrap

CONF = Path("conf/train")
CONSTANT = "one constant"


@dataclass(frozen=True)
class Ablation:
    """One paper's comparison.

    Parameters
    ----------
    recipe : str
        What it is learned from.
    claims : tuple of str
        Names of variants, the best first, as the paper orders them; empty where it has no figure.
    where : str
        In the paper.
    variants : mapping
        Name to what differs in [learning]; sizes and settings are added to the recipe's own.
    common : mapping
        What all of them have that the recipe has not; sizes and settings are added to the recipe's.
    by : {"psnr", "ssim"}
        The figure that the paper orders them by.
    """

    recipe: str
    claims: tuple[str, ...]
    where: str
    variants: Mapping[str, Mapping[str, Any]]
    common: Mapping[str, Any]
    by: str = "psnr"


ABLATIONS: Mapping[str, Ablation] = {
    "hlsnc_gan": Ablation(
        "hlsnc-head-ct",
        (),
        "the losses as meant against the losses as printed; the paper has no figure for this",
        {"paper": {"preset": "paper"}, "literal": {"preset": "literal"}},
        {"settings": {"adversary_width": 16}, "batch": 1},
    ),
    "calf_gan": Ablation(
        "calf-spine-stir",
        ("FE + MCF", "MCF", "FE", "baseline"),
        "its ablation: SSIM .639 (FE + MCF), .625 (MCF), .606 (FE), .598 (baseline)",
        {
            "FE + MCF": {},
            "MCF": {"sizes": {"guidance": False}},
            "FE": {"sizes": {"mcf": False}},
            "baseline": {"sizes": {"guidance": False, "mcf": False}},
        },
        {},
        by="ssim",  # its PSNR is not to be trusted: it looks like that of wrapped 8-bit integers
    ),
    "mdaunet3d": Ablation(
        "mdaunet-head-ct",
        ("full", "one input", "one output", "not relativistic", "one resolution judged"),
        "its ablation: PSNR 30.00 (full), 28.94, 27.47, 27.69 (not relativistic), 27.19 (judge)",
        {
            "full": {},
            "one input": {"sizes": {"multi_input": False}},
            "one output": {"sizes": {"multi_output": False}},
            "not relativistic": {"settings": {"form": "entropy"}},
            "one resolution judged": {"settings": {"multi_resolution": False}},
        },
        {},
    ),
    "pcsa_gan": Ablation(
        "pcsa-brain-pet",
        ("attention at 4", "attention at 16"),
        "Table 1: PSNR 29.65 (4), 28.75 (16); without attention it has no figure",
        {
            "attention at 4": {"sizes": {"attention": 4}},
            "attention at 16": {"sizes": {"attention": 16}},
            "no attention": {"sizes": {"attention": 0}},
        },
        {"settings": {"learning_rate": 3e-4}},  # at the recipe's, 1e-3, two of three end at 0
    ),
}


def variants(ablation: Ablation, base: Recipe, steps: int) -> Iterator[tuple[str, Variant]]:
    """Yield the variants by name."""
    for name, changes in ablation.variants.items():
        changed: dict[str, Any] = {"steps": steps}
        for key, value in chain(ablation.common.items(), changes.items()):
            before = changed.get(key, getattr(base.learning, key))
            changed[key] = {**before, **value} if isinstance(value, Mapping) else value
        if "preset" in changes:  # another preset brings settings of its own
            changed["settings"] = dict(ablation.common.get("settings", {}))
        slug = f"{ablation.recipe}-{name}".replace(" ", "-").replace("+", "and")
        yield name, Variant.of(slug, base, **changed)


def recipe_of(name: str) -> Recipe:
    """Return the shipped recipe that a paper's variants differ from."""
    return read_recipe(CONF / f"{ABLATIONS[name].recipe}.toml")


def study(name: str, base: Recipe, data: Path, work: Path, steps: int) -> Mapping[str, Any]:
    """Learn every variant of one paper; return its figures, and whether its order is ours.

    One variant is better than another where the interval of their difference, subject beside
    subject, is clear of 0. One that is no better than a constant has not learned, and says nothing
    of what sets it apart.
    """
    ablation = ABLATIONS[name]
    split = split_of(base, data)
    pairs, shelf = held_out(base, data, split.test), Shelf(data)
    even = constant_of(held_out(base, data, split.validation))
    scores = {CONSTANT: [figures(np.full_like(one.target, even), one, base) for one in pairs]}
    ended = {}
    for label, variant in variants(ablation, base, steps):
        generator = learned(variant, shelf, work, split)
        threads = base.learning.threads
        made = [made_of(generator, pair, threads=threads) for pair in pairs]
        scores[label] = [figures(one, pair, base) for one, pair in zip(made, pairs, strict=True)]
        ended[label] = last_losses(variant, work)
    values = {
        label: {key: by_subject(pairs, found, key) for key in ("mae", "psnr", "ssim")}
        for label, found in scores.items()
    }
    return {
        "updates": steps,
        "subjects": len({pair.subject for pair in pairs}),
        "paper": ablation.where,
        "ordered_by": ablation.by,
        "ended_with": ended,
        **verdict(ablation, values),
        "figures": {
            label: {key: bootstrap(found).as_dict() for key, found in one.items()}
            for label, one in values.items()
        },
    }


def constant_of(pairs: Sequence[Prepared]) -> np.float32:
    """Return the one value that is nearest to the truth of subjects that are only looked at."""
    return np.float32(np.median(np.concatenate([one.target[one.inside > 0] for one in pairs])))


def verdict(
    ablation: Ablation, values: Mapping[str, Mapping[str, Sequence[float]]]
) -> Mapping[str, Any]:
    """Return our order, which variants have learned, and each step of the paper's order."""

    def gain(first: str, second: str, key: str) -> dict[str, float]:
        return bootstrap(list(np.subtract(values[first][key], values[second][key]))).as_dict()

    by, claims = ablation.by, ablation.claims
    ours = sorted(ablation.variants, key=lambda label: -float(np.mean(values[label][by])))
    lost = [label for label in ours if gain(CONSTANT, label, "mae")["low"] <= 0]
    steps = [{"better": a, "worse": b, "by": gain(a, b, by)} for a, b in pairwise(claims)]
    first = [gain(claims[0], other, by)["low"] > 0 for other in claims[1:]]
    comparable = bool(claims) and not set(lost) & set(claims)
    return {
        "paper_order": list(claims),
        "our_order": ours,
        "not_learned": lost,
        "steps": steps,
        "best_is_the_papers": comparable and all(first),
        "order_is_the_papers": comparable and all(one["by"]["low"] > 0 for one in steps),
    }
