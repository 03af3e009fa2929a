"""The crash matrix: every commit and every change of the disk is a moment at which a node dies."""
