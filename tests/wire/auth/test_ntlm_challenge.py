"""NTLM challenges as pyspnego makes them, and as nobody should."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import spnego
from hypothesis import given
from hypothesis import strategies as st
from tests.servers.counting_proxy import ntlm_users

from pipway.wire.auth.ntlm_challenge import HELLO, NtlmChallenge, read_challenge


def test_a_real_challenge_tells_its_names_and_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ntlm_users(tmp_path, monkeypatch, "CORP", "alice", "right horse")
    server = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    found = read_challenge(base64.b64encode(server.step(HELLO) or b"").decode())
    assert found is not None
    assert found.domain
    assert found.time is not None
    assert abs(datetime.now(UTC) - found.time) < timedelta(minutes=1)


def challenge(pairs: bytes, target: bytes = b"") -> str:
    head = b"NTLMSSP\0\x02\0\0\0"
    fields = len(target).to_bytes(2, "little") * 2 + (48).to_bytes(4, "little")
    info = len(pairs).to_bytes(2, "little") * 2 + (48 + len(target)).to_bytes(4, "little")
    flags = b"\x01\x02\x81\xa2"
    return base64.b64encode(head + fields + flags + b"c" * 8 + b"\0" * 8 + info + target + pairs).decode()


def pair(kind: int, text: str) -> bytes:
    data = text.encode("utf-16-le")
    return kind.to_bytes(2, "little") + len(data).to_bytes(2, "little") + data


def test_names_are_read_by_their_kind() -> None:
    pairs = pair(2, "CORP") + pair(1, "SRV") + pair(4, "corp.example") + pair(3, "srv.corp.example") + b"\0\0\0\0"
    assert read_challenge(challenge(pairs)) == NtlmChallenge("CORP", "SRV", "corp.example", "srv.corp.example")


def test_the_target_name_stands_in_for_the_domain() -> None:
    found = read_challenge(challenge(b"\0\0\0\0", "CORP".encode("utf-16-le")))
    assert found == NtlmChallenge("CORP")


@pytest.mark.parametrize("token", ["", "!", "AAAA", base64.b64encode(HELLO).decode()])
def test_what_is_no_challenge_is_none(token: str) -> None:
    assert read_challenge(token) is None


@given(st.binary(max_size=200))
def test_rubbish_never_raises(data: bytes) -> None:
    read_challenge(base64.b64encode(b"NTLMSSP\0\x02\0\0\0" + data).decode())
