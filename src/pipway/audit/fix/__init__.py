"""Fixes: edits that rules make, put together and carried out.

Rules make them with `edits`; the command line calls `rounds`, `diff` and `apply`.
"""
