"""What is kept: blobs named by their SHA-256, and the catalog of what we know about them and about pages.

Events: `blob.quarantined` (digest), `catalog.rebuilt` (aside: where the corrupt file was put).
"""
