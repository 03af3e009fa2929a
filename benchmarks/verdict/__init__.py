"""Candidates that must not be promoted, and candidates that must, held to one gate file."""
