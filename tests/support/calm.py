"""Associations of tests lose no answer on a busy machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from pynetdicom.association import Association

from dicom_node.transport import Checkpoint


class CalmCheckpoint(Checkpoint):
    """That of an association which nobody but a test has made calm."""


@contextmanager
def calm_associations() -> Iterator[None]:
    """Give every association the mended event at which pynetdicom's reactor waits.

    The node gives its own ones a :class:`Checkpoint`, and they keep it; whoever plays its peers
    has the same fault to fear.
    """
    real = Association.__init__

    def calm(self: Association, *arguments, **keys) -> None:
        real(self, *arguments, **keys)
        self._reactor_checkpoint = CalmCheckpoint()

    Association.__init__ = calm
    try:
        yield
    finally:
        Association.__init__ = real
