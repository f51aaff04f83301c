"""Whom outbound connections believe: the machine's roots, and what a person adds to them."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from tests.contracts.stream import serving

from pipway.dial.base import Target
from pipway.dial.direct import Direct
from pipway.dial.trust import client_context
from pipway.errors import Unavailable, UsageError


async def handshake(context: ssl.SSLContext, authority: trustme.CA) -> str | None:
    """The protocol agreed on with a server of this authority."""
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=serving(authority, "files.example")
    )
    try:
        stream = await Direct().dial(Target("127.0.0.1", server.sockets[0].getsockname()[1]))
        try:
            return (await stream.start_tls(context, "files.example")).info.alpn
        finally:
            await stream.aclose()
    finally:
        server.close()
        await server.wait_closed()


async def test_the_machines_roots_are_there_and_do_not_include_strangers(authority: trustme.CA) -> None:
    context = client_context()
    assert context.cert_store_stats()["x509_ca"] > 0
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    with pytest.raises(Unavailable) as caught:
        await handshake(context, authority)
    assert caught.value.code == "tls-not-trusted"


async def test_an_extra_root_is_added_and_http_1_offered(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = client_context(extra_ca=tmp_path / "ca.pem")
    assert context.cert_store_stats()["x509_ca"] > client_context().cert_store_stats()["x509_ca"]
    assert await handshake(context, authority) == "http/1.1"


@pytest.mark.parametrize("text", [None, "", "not a certificate"])
def test_a_file_that_holds_no_certificate_is_one_clear_error(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        client_context(extra_ca=path)
    assert caught.value.code == "bad-ca-file"
    assert str(path) in caught.value.what


def test_old_protocols_are_not_offered() -> None:
    assert client_context().minimum_version >= ssl.TLSVersion.TLSv1_2
