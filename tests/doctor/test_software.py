"""Which software answers, by the heads that real proxies and web servers send."""

from __future__ import annotations

import pytest

from pipway.doctor.software import software, web_server
from pipway.wire.responses import Head


def head(status: int, reason: str = "", **fields: str) -> Head:
    lines = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in fields.items())
    return Head(status, reason, "1.1", lines, 0)


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        (head(407, server="squid/6.12"), "squid/6.12"),
        (head(403, server="nginx", x_squid_error="ERR_ACCESS_DENIED 0"), "squid"),
        (head(200, via="1.1 proxy.example (squid/5.7)"), "squid/5.7"),
        (head(407, server="tinyproxy/1.11.1"), "tinyproxy/1.11.1"),
        (head(403, via="1.1 gate, 1.0 other"), "1.1 gate"),
        (head(502, "pipway: alice was rejected"), "pipway"),
        (head(405, server="nginx"), ""),
        (head(200), ""),
    ],
)
def test_it_is_named_as_it_names_itself(seen: Head, name: str) -> None:
    assert software(seen) == name


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_who_does_not_understand_connect_is_a_web_server(status: int) -> None:
    assert web_server(head(status, server="nginx"), clear=False)
    assert not web_server(head(status, server="squid/6.12"), clear=False)
    assert not web_server(head(status, via="1.1 gate"), clear=False)
    assert not web_server(head(status, server="nginx"), clear=True), "that is the index's answer, sent on"


def test_a_tunnel_and_a_refusal_are_a_proxys() -> None:
    assert not web_server(head(200), clear=False)
    assert not web_server(head(403), clear=False)
    assert not web_server(head(407), clear=False)
    assert web_server(head(200, content_type="text/html"), clear=False)
