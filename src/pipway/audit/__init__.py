"""Finds insecure and fragile index configuration in a tree of files or on this machine, and mends what can be mended.

It reads files and never the network: `collect` turns them into facts, `rules` look at facts, `formats` show findings.
"""
