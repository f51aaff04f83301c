"""Proof that an installer pointed at pipway talks to nobody else, and that nobody but pipway talks to the upstream.

Every connect(2) of the installer and its children is recorded with strace; the upstream keeps its files on another
port, so that a link which leads past pipway would be followed there.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.e2e.clients import Client, Pip, Uv
from tests.e2e.served import serving
from tests.servers.upstream import Upstream

pytestmark = pytest.mark.needs("strace")

_CONNECT = re.compile(r'connect\(\d+, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?"([0-9a-f.:]+)"')
_SENDTO = re.compile(r'sendto\(.*sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?"([0-9a-f.:]+)"')


def contacted(trace: Path) -> set[tuple[str, int]]:
    """Addresses that were connected or sent to, out of strace's record."""
    text = trace.read_text(errors="replace")
    return {(host, int(port)) for pattern in (_CONNECT, _SENDTO) for port, host in pattern.findall(text)}


@pytest.mark.parametrize("client", [Pip("26.*"), Pip("23.3.2"), Uv()], ids=lambda each: each.name)
@pytest.mark.parametrize("form", ["json", "minimal"])
def test_an_installer_contacts_pipway_and_nobody_else(client: Client, form: str, tmp_path: Path) -> None:
    """Pages, files, metadata: all through the one port; upstream sees only pipway's own User-Agent."""
    with Upstream(form=form, files_apart=True).in_thread() as upstream:  # type: ignore[arg-type]
        top = upstream.add_many(12)
        upstream.add_sdist("from-source", "1.0", requires=[top])
        record = tmp_path / "record"
        recording = ["strace", "-f", "-qq", "-s", "0", "-e", "trace=connect,sendto,sendmsg", "-o", str(record)]
        with serving(tmp_path / "data", f"main={upstream.url}") as server:
            outcome = client.install(server.index, ["from-source"], tmp_path / "target", prefix=recording)
            assert outcome.code == 0, outcome
            assert contacted(record) == {server.address}
        agents = {request.header("user-agent").partition("/")[0] for request in upstream.requests}
        assert agents == {"pipway"}
        assert len(upstream.asked("/files/*", method="GET")) >= 12


def test_the_record_would_show_a_bypass(tmp_path: Path) -> None:
    """The judge judged: without pipway the same record names the upstream's two ports."""
    with Upstream(files_apart=True).in_thread() as upstream:
        top = upstream.add_many(2)
        record = tmp_path / "record"
        recording = ["strace", "-f", "-qq", "-s", "0", "-e", "trace=connect,sendto,sendmsg", "-o", str(record)]
        assert Uv().install(upstream.url, [top], tmp_path / "target", prefix=recording).code == 0
        ports = {int(origin.rpartition(":")[2]) for origin in (upstream.origin, upstream.file_origin)}
        assert contacted(record) == {("127.0.0.1", port) for port in ports}
