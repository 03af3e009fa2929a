"""Arrays in, arrays out: no socket, no database, no clock.

What enters: the files of a series, or volumes, and a task. What leaves: a synthetic volume on the
source's grid with a record of what ran. The public calls are in :mod:`engine.pipeline` and
:mod:`engine.models`; importing this package imports neither, so that what only listens stays light.
"""

__all__: list[str] = []
