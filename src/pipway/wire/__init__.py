"""Bytes to events and back, both roles. Pure: no sockets, files, clock or settings."""
