"""Logging in to a proxy (RFC 9110 §11) as values: challenges in, header fields out; no sockets, no clock."""
