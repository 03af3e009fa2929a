"""Networks over volumes: a normalised volume and a network in, the network's volume out."""

from engine.generate.slices import generate_slices

__all__ = ["generate_slices"]
