"""RFC 9110 §11.6.1: what a parent offers is understood however it is written, and nothing makes the reader raise."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipway.wire.auth.base import Challenge
from pipway.wire.auth.challenges import parse_challenges

BLOB = "oRQwEqADCgEBoQsGCSqGSIb3EgECAg=="

CASES: dict[str, tuple[list[str], list[Challenge]]] = {
    "several fields keep their order": (["NTLM", "Negotiate"], [Challenge("ntlm"), Challenge("negotiate")]),
    "comma-joined": (["Negotiate, NTLM"], [Challenge("negotiate"), Challenge("ntlm")]),
    "empty elements": ([" , NTLM ,, "], [Challenge("ntlm")]),
    "case": (["nTlM", "BASIC Realm=x"], [Challenge("ntlm"), Challenge("basic", params={"realm": "x"})]),
    "token68": (["NTLM TlRMTVNTUAAC+/=="], [Challenge("ntlm", "TlRMTVNTUAAC+/==")]),
    "token68 without padding": (["Negotiate abc"], [Challenge("negotiate", "abc")]),
    "a SPNEGO token under NTLM": ([f"NTLM {BLOB}"], [Challenge("ntlm", BLOB)]),  # px#29
    "token68 in a list": (
        [f'Negotiate {BLOB},Basic realm="x", NTLM'],
        [Challenge("negotiate", BLOB), Challenge("basic", params={"realm": "x"}), Challenge("ntlm")],
    ),
    "commas, equals and escapes in quotes": (
        [r'Basic realm="a, NTLM b=\"c\\", charset="UTF-8"'],
        [Challenge("basic", params={"realm": r'a, NTLM b="c\ '.strip(), "charset": "UTF-8"})],
    ),
    "spaces around the equals sign": (
        ['Digest realm = "x" , nonce= "y",qop="auth,auth-int",stale=FALSE'],
        [Challenge("digest", params={"realm": "x", "nonce": "y", "qop": "auth,auth-int", "stale": "FALSE"})],
    ),
    "two of one scheme": (
        ["Digest nonce=a, algorithm=SHA-256, Digest nonce=b, algorithm=MD5"],
        [
            Challenge("digest", params={"nonce": "a", "algorithm": "SHA-256"}),
            Challenge("digest", params={"nonce": "b", "algorithm": "MD5"}),
        ],
    ),
    "a tab": (["Basic\trealm=x"], [Challenge("basic", params={"realm": "x"})]),
    "the first of two values": (["Basic realm=x, realm=y"], [Challenge("basic", params={"realm": "x"})]),
    "nothing": (["", " ", ",,,"], []),
    "garbage before": (['"???", NTLM'], [Challenge("ntlm")]),
}


@pytest.mark.parametrize("name", CASES)
def test_offers_are_read(name: str) -> None:
    fields, expected = CASES[name]
    assert list(parse_challenges(fields)) == expected


def test_a_quotation_without_end_hides_nothing_that_follows() -> None:
    found = parse_challenges(['Basic realm="open, NTLM', "Negotiate"])
    assert [challenge.scheme for challenge in found] == ["basic", "ntlm", "negotiate"]


def test_counts_and_lengths_are_bounded() -> None:
    assert len(parse_challenges(["NTLM"] * 1000)) == 32
    assert len(parse_challenges([", ".join(["NTLM"] * 1000)])) == 32
    assert parse_challenges(["NTLM " + "a" * 200_000, "Negotiate"]) == (Challenge("negotiate"),)
    many = parse_challenges(["Digest " + ", ".join(f"p{number}=1" for number in range(1000))])
    assert len(many) == 1
    assert len(many[0].params) == 64


def test_long_tokens_are_read_whole() -> None:
    assert parse_challenges(["Negotiate " + "a" * 65536])[0].token == "a" * 65536


@given(st.lists(st.text(max_size=200), max_size=5))
def test_arbitrary_text_never_raises(fields: list[str]) -> None:
    parse_challenges(fields)


@given(st.lists(st.text(alphabet='NTLMdigest=",\\ \t/+~', max_size=200), max_size=5))
def test_text_that_looks_like_challenges_never_raises(fields: list[str]) -> None:
    for challenge in parse_challenges(fields):
        assert challenge.scheme == challenge.scheme.lower() != ""


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=50))
def test_quoting_is_undone(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_challenges([f'Basic realm="{escaped}", x=1, NTLM']) == (
        Challenge("basic", params={"realm": value, "x": "1"}),
        Challenge("ntlm"),
    )


def test_a_token_is_not_shown() -> None:
    assert "c2VjcmV0" not in repr(parse_challenges(["NTLM c2VjcmV0"]))


@pytest.mark.parametrize(
    "text",
    [
        "Basic x=y, realm=" + " " * 130_000 + ",",
        "Basic realm" + " " * 130_000 + "x",
        "NTLM " + "A" * 130_000 + "!",
        "NTLM " + "A" * 65_000 + " " * 65_000 + "!",
        'Digest a="' + "\\x" * 65_000,
    ],
)
def test_long_nonsense_is_read_in_no_time(text: str) -> None:
    """A parent's answer is read on the event loop: what takes the square of its length would stop everybody."""
    began = time.perf_counter()
    parse_challenges([text])
    assert time.perf_counter() - began < 1


def test_the_name_of_a_scheme_is_short() -> None:
    """It is shown to people, in a reason phrase and in the log."""
    assert parse_challenges(["A" * 41 + " x=y, NTLM"]) == (Challenge("ntlm"),)
