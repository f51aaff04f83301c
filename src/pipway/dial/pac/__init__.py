"""Proxy auto-configuration files: fetched, run under limits, and their answers turned into ways out."""
