"""Learning: phantoms and prepared subjects in, a bundle out that :mod:`engine` runs.

It uses the engine's own preprocessing and networks, and has no copy of either.
"""

__all__: list[str] = []
