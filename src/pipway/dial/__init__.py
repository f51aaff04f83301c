"""Open a byte stream to host:port through whatever is in the way; HTTP on top of it."""
