"""pipway: one small server between Python installers and every package index."""

__version__ = "0.1.0"
