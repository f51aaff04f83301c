"""One port: whoever connects, the first byte decides what it speaks."""
