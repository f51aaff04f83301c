"""Single byte ranges as RFC 9110 §14 has them, for the test upstream's files."""

from __future__ import annotations

import re

from tests.servers.tiny_http import Recorded, Reply


def ranged(request: Recorded, reply: Reply) -> Reply:
    """The part of a whole 200 reply that was asked for; the whole when the condition fails or ranges are several."""
    reply.headers["Accept-Ranges"] = "bytes"
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.header("range").replace(" ", ""))
    condition = request.header("if-range")
    validators = (reply.headers.get("ETag"), reply.headers.get("Last-Modified"))
    if request.method != "GET" or asked is None or asked[0] == "bytes=-":
        return reply
    if condition and condition not in validators:  # §13.1.5: a failed If-Range means "send it all"
        return reply
    size = len(reply.body)
    if not asked[1]:  # suffix: the last N bytes
        start, end = max(0, size - int(asked[2])), size - 1
    else:
        start, end = int(asked[1]), min(int(asked[2] or size - 1), size - 1)
    if start >= size or start > end:
        return Reply(416, {"Content-Range": f"bytes */{size}"})
    headers = reply.headers | {"Content-Range": f"bytes {start}-{end}/{size}"}
    return Reply(206, headers, reply.body[start : end + 1])
