"""NTLMv2 messages against MS-NLMP: its published values, and an implementation of our own for the tests."""

from __future__ import annotations

import hashlib
import logging
import struct
import sys

import pytest
from tests.dial.negotiate import nlmp
from tests.dial.negotiate.nlmp import Answer, challenge, pairs

from pipway.dial.credentials.base import Credential
from pipway.dial.negotiate.choose import schemes
from pipway.dial.negotiate.ntlm import nt_hash, ntlm
from pipway.dial.parent import Parent
from pipway.wire.auth.base import Asked, Unusable

PASSWORD = "Straße 12 😀"
CLEAR = Asked("CONNECT", "index.example:443")
ALICE = Credential("CORP\\alice", password=PASSWORD)


def answered(
    credential: Credential = ALICE, to: bytes | None = None, *, spn: str | None = None, asked: Asked = CLEAR
) -> Answer:
    step = ntlm(credential, "proxy.corp.example", spn)(asked)
    to = challenge() if to is None else to
    return Answer(step(None), to, step(to))


class TestPublishedValues:
    """MS-NLMP §4.2.1, §4.2.2.1.2 and §4.2.4: they judge the judge, and the one thing we compute ourselves."""

    HASH = bytes.fromhex("a4f49c406510bdcab6824ee7c30fd852")
    KEY = bytes.fromhex("0c868a403bfd7a93a3001ef22ef02e3f")
    NONCE = bytes.fromhex("0123456789abcdef")
    TEMP = (
        bytes.fromhex("01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000")
        + pairs((2, "Domain".encode("utf-16-le")), (1, "Server".encode("utf-16-le")))
        + bytes(4)
    )

    def test_nt_hash(self) -> None:
        assert nt_hash("Password") == self.HASH
        assert nt_hash("") == bytes.fromhex("31d6cfe0d16ae931b73c59d7e0c089c0")

    def test_ntowf_v2(self) -> None:
        assert nlmp.ntowf_v2(self.HASH, "USER", "Domain") == self.KEY

    def test_proof_and_session_key(self) -> None:
        proof = nlmp.hmac_md5(self.KEY, self.NONCE + self.TEMP)
        assert proof == bytes.fromhex("68cd0ab851e51c96aabc927bebef6a1c")
        assert nlmp.hmac_md5(self.KEY, proof) == bytes.fromhex("8de40ccadbc14a82f15cb0ad0de95ca3")

    def test_rc4(self) -> None:
        key, plain = bytes.fromhex("8de40ccadbc14a82f15cb0ad0de95ca3"), b"\x55" * 16
        assert nlmp.rc4(key, plain) == bytes.fromhex("c5dad2544fc9799094ce1ce90bc9d03e")

    def test_the_challenge_of_the_document(self) -> None:
        published = bytes.fromhex(
            "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef000000000000000024002400440000000600"
            "70170000000f53006500720076006500720002000c0044006f006d00610069006e0001000c00530065007200760065007200"
            "00000000"
        )
        answer = answered(Credential("Domain\\User", password="Password"), published)
        assert answer.proves(self.HASH, "USER", "Domain")
        assert (answer.domain, answer.user) == ("Domain", "User")
        assert answer.info[2] == "Domain".encode("utf-16-le")
        # No timestamp, so an LMv2 response (§3.1.5.1.2), which is NTLMv2's and never LM's.
        assert answer.is_lm_v2(self.HASH, "USER", "Domain")


class TestAnswers:
    def test_a_timestamp_wants_a_mic_and_no_lm_response(self) -> None:
        """§3.1.5.1.2."""
        answer = answered()
        assert answer.proves(nt_hash(PASSWORD), "ALICE", "CORP")
        assert answer.lm == bytes(24)
        assert answer.nt[24:32] == answer.info[nlmp.TIMESTAMP] == nlmp.STAMP
        assert struct.unpack("<I", answer.info[nlmp.FLAGS])[0] & 2
        assert answer.mic_is_right

    def test_the_mic_with_a_version(self) -> None:
        base = challenge(flags=nlmp.USUAL | nlmp.VERSION)
        moved = bytearray(base[:48] + b"\x0a\0\x61\x4a\0\0\0\x0f" + base[48:])
        for at in (16, 44):
            moved[at : at + 4] = (int.from_bytes(moved[at : at + 4], "little") + 8).to_bytes(4, "little")
        answer = answered(to=bytes(moved))
        assert answer.proves(nt_hash(PASSWORD), "ALICE", "CORP")
        assert answer.mic_is_right

    def test_the_servers_pairs_come_back(self) -> None:
        info = answered().info
        assert [info[kind] for kind, _ in nlmp.NAMES] == [value for _, value in nlmp.NAMES]

    @pytest.mark.parametrize(
        ("spn", "sent"),
        [
            (None, "HTTP/proxy.corp.example"),
            ("HTTP/alias.corp.example", "HTTP/alias.corp.example"),
            ("http/alias@CORP.EXAMPLE", "http/alias"),
        ],
    )
    def test_the_service_is_named(self, spn: str | None, sent: str) -> None:
        """MsvAvTargetName, which a server that validates service names compares."""
        assert answered(spn=spn).info[nlmp.TARGET_NAME].decode("utf-16-le").casefold() == sent.casefold()

    def test_channel_bindings(self) -> None:
        """MD5 of gss_channel_bindings_struct (§2.2.2.1): two empty addresses, then the data."""
        channel = b"tls-server-end-point:" + bytes(32)
        bound = answered(asked=Asked("CONNECT", "index.example:443", channel, True)).info[nlmp.BINDINGS]
        assert bound == hashlib.md5(bytes(16) + struct.pack("<I", len(channel)) + channel).digest()
        assert nlmp.BINDINGS not in answered().info

    def test_the_hash_alone_is_enough(self) -> None:
        secret = nt_hash(PASSWORD)
        assert answered(Credential("CORP\\alice", nt_hash=secret)).proves(secret, "ALICE", "CORP")

    @pytest.mark.parametrize(
        ("user", "domain", "name", "upper"),
        [
            ("alice", "", "alice", "ALICE"),
            ("corp\\Alice", "corp", "Alice", "ALICE"),
            ("alice@CORP.EXAMPLE", "", "alice@CORP.EXAMPLE", "ALICE@CORP.EXAMPLE"),
            ("CORP\\weiß", "CORP", "weiß", "WEIß"),  # Windows knows no capital of it
            ("CORP\\zoë.ünal", "CORP", "zoë.ünal", "ZOË.ÜNAL"),
            ("CORP\\ﬁona", "CORP", "ﬁona", "ﬁONA"),
            ("CORP\\😀lice", "CORP", "😀lice", "😀LICE"),
        ],
    )
    def test_names(self, user: str, domain: str, name: str, upper: str) -> None:
        """The name and the domain as they were written; upper-cased in the hash alone, and only the name (§3.3.2)."""
        answer = answered(Credential(user, password=PASSWORD))
        assert (answer.domain, answer.user) == (domain, name)
        assert answer.proves(nt_hash(PASSWORD), upper, domain)

    def test_a_password_that_looks_like_two_hashes(self) -> None:
        looks = "0" * 32 + ":" + "1" * 32
        assert nt_hash(looks) != b"\x11" * 16

    def test_without_target_info(self) -> None:
        assert answered(to=challenge(b"")).proves(nt_hash(PASSWORD), "ALICE", "CORP")

    def test_no_two_answers_are_alike(self) -> None:
        assert answered().message != answered().message

    def test_nothing_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            answered()
        assert caplog.text == ""


def without(message: bytes, at: int, value: bytes) -> bytes:
    return message[:at] + value + message[at + len(value) :]


GOOD = challenge()


class TestBadChallenges:
    @pytest.mark.parametrize(
        "bad",
        [
            b"",
            b"NTLMSSP\0",
            GOOD[:47],
            b"NTLMSSQ" + GOOD[7:],
            without(GOOD, 8, struct.pack("<I", 1)),
            without(GOOD, 8, struct.pack("<I", 3)),
            without(GOOD, 8, struct.pack("<I", 77)),
            without(GOOD, 44, struct.pack("<I", len(GOOD))),
            without(GOOD, 44, b"\xff\xff\xff\xff"),
            without(GOOD, 40, b"\xff\xff"),
            without(GOOD, 16, b"\xff\xff\xff\x7f"),
            GOOD[:-6],
            challenge(nlmp.pairs((nlmp.TIMESTAMP, b"123"))),
            challenge(nlmp.pairs((nlmp.FLAGS, b"1"))),
            challenge(nlmp.pairs((nlmp.NB_DOMAIN, b"odd"))),
            challenge(struct.pack("<HH", nlmp.NB_DOMAIN, 400)[:3]),
            b"\x60\x28\x06\x06\x2b\x06\x01\x05\x05\x02" + GOOD,
        ],
    )
    def test_is_said_to_be_one(self, bad: bytes) -> None:
        """Nothing is proven to it: a logon that must fail would be counted."""
        with pytest.raises(Unusable, match="challenge is malformed"):
            answered(to=bad)

    def test_cut_anywhere(self) -> None:
        for end in range(len(GOOD)):
            with pytest.raises(Unusable, match="challenge is malformed"):
                answered(to=GOOD[:end])

    def test_any_byte_may_be_wrong(self) -> None:
        """It answers or refuses, and never falls over."""
        for at in range(len(GOOD)):
            for value in (0, 0x7F, 0xFF):
                bad = without(GOOD, at, bytes([value]))
                step = ntlm(ALICE, "proxy")(CLEAR)
                step(None)
                try:
                    assert step(bad).startswith(b"NTLMSSP\0\x03")
                except Unusable as error:
                    assert "NTLM" in error.why

    def test_a_name_that_does_not_fit_its_alphabet(self) -> None:
        old = challenge(flags=(nlmp.USUAL | nlmp.OEM) & ~nlmp.UNICODE)
        assert answered(to=old).proves(nt_hash(PASSWORD), "ALICE", "CORP")
        with pytest.raises(Unusable, match="characters that its NTLM cannot take"):
            answered(Credential("CORP\\жанна", password=PASSWORD), old)

    def test_a_broken_name(self) -> None:
        with pytest.raises(Unusable, match="characters that its NTLM cannot take"):
            answered(Credential("al\udce9ce", password=PASSWORD))

    def test_a_third_message(self) -> None:
        step = ntlm(ALICE, "proxy")(CLEAR)
        step(None)
        step(GOOD)
        with pytest.raises(Unusable, match="goes on"):
            step(GOOD)


class TestVersion1:
    @pytest.mark.parametrize("level", ["0", "1", "2"])
    def test_is_never_sent(self, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LM_COMPAT_LEVEL", level)
        with pytest.raises(Unusable, match="only NTLMv1 would be possible"):
            answered()

    @pytest.mark.parametrize("level", ["high", "7", ""])
    def test_a_level_that_is_none(self, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LM_COMPAT_LEVEL", level)
        with pytest.raises(Unusable, match="NTLM cannot begin") as caught:
            answered()
        assert "LM_COMPAT_LEVEL" in caught.value.fix


class TestWithoutPyspnego:
    @pytest.mark.parametrize("missing", ["spnego", "spnego.exceptions", "spnego._ntlm", "spnego._ntlm_raw.md4"])
    def test_says_what_to_install(self, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(Unusable, match="NTLM needs pyspnego, which cannot be loaded") as caught:
            answered()
        assert caught.value.fix == "pip install --force-reinstall pyspnego"

    def test_the_rest_works(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "spnego", None)
        known = schemes(Parent("http", "proxy", 8080, named=True), ALICE)
        assert next(known["basic"].login(CLEAR)).startswith("Basic ")
        with pytest.raises(Unusable):
            next(known["ntlm"].login(CLEAR))


def test_without_a_secret() -> None:
    with pytest.raises(Unusable, match="needs the password or its NT hash"):
        answered(Credential("alice"))
