"""`--online`: questions to one running pipway, and its answers as facts.

`ask` does the asking with a client that it is handed; everything else is pure.
"""
