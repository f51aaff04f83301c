"""Who may use the server and what it reaches: every spelling of a closed address ends in the same refusal."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipway.access import Access, is_loopback_host
from pipway.dial.addresses import IpAddress, judge
from pipway.dial.route.table import route_pattern
from pipway.errors import LoginNeeded, Refused, UsageError
from pipway.tokens import Tokens, read_tokens

LAN = "192.0.2.7"


@dataclass(frozen=True)
class Caller:
    peer: str = "127.0.0.1"
    login: str | None = field(default=None, repr=False)


def tokens(*names: str) -> tuple[Tokens, dict[str, str]]:
    """Tokens for these names, and what they are."""
    made, found = Tokens({}), {}
    for name in names:
        made, found[name] = made.added(name)
    return made, found


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def refusal(access: Access, host: str, port: int = 443) -> str:
    """The code of the refusal, "" when there is none."""
    try:
        access.allow(host, port)
    except Refused as error:
        assert error.what
        assert error.why or error.fix
        return error.code
    return ""


def everything(**more: object) -> Access:
    return Access(**more)  # type: ignore[arg-type]


CLOSED = [
    *("127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "0.1.2.3", "::", "169.254.169.254", "169.254.170.2", "fe80::1"),
    *("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "ff02::1", "255.255.255.255"),
    *("240.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"),
    *("64:ff9b::169.254.169.254", "::ffff:0:127.0.0.1"),
]
OPEN = ["192.0.2.7", "10.1.2.3", "192.168.1.1", "2001:db8::7", "fd12::1", "100.64.0.1", "::ffff:192.0.2.7"]


# What is closed.


@pytest.mark.parametrize("text", CLOSED)
def test_closed_addresses_are_refused_by_name_and_by_address(text: str) -> None:
    access = everything()
    assert refusal(access, text) == "address-forbidden"
    assert judge(text, lambda address: access.rule(address, 443)) is not None
    assert judge(text, access.rule) is not None


@pytest.mark.parametrize("text", OPEN)
def test_other_addresses_are_nobodys_business_on_loopback(text: str) -> None:
    """Private networks too: a proxy for this machine reaches what this machine reaches."""
    access = everything()
    assert refusal(access, text) == ""
    assert judge(text, lambda address: access.rule(address, 443)) is None


def spellings(address: ipaddress.IPv4Address) -> st.SearchStrategy[str]:
    """An IPv4 address as people hide it."""
    octets = list(address.packed)
    forms = st.sampled_from([str, hex, lambda number: f"0{number:o}", lambda number: f"0X{number:X}"])

    def numbers(count: int, spell: list[object]) -> str:
        parts = [*octets[: count - 1], int.from_bytes(bytes(octets[count - 1 :]))]
        return ".".join(each(part) for each, part in zip(spell, parts, strict=False))  # type: ignore[operator]

    plain = st.builds(numbers, st.integers(1, 4), st.lists(forms, min_size=4, max_size=4))
    carried = st.sampled_from(["::ffff:{}", "[::ffff:{}]", "::{}", "64:ff9b::{}", "[::ffff:{}%25lo]", "::ffff:{}%lo"])
    wide = st.just("".join(chr(ord(digit) + 0xFEE0) if digit.isdigit() else "。" for digit in str(address)))
    dressed = st.one_of(plain, wide, st.just(str(address)), carried.map(lambda form: form.format(address)))
    twists = st.sampled_from(
        [
            str,
            lambda text: text + ".",
            lambda text: quote(text, safe="").replace(".", "%2e"),
            lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
            lambda text: "".join(f"%25{byte:02x}" for byte in text.encode()),
            lambda text: text + "%eth0",
            str.upper,
        ]
    )
    return st.builds(lambda text, twist: twist(text), dressed, twists)


CLOSED_V4 = [
    ipaddress.IPv4Address(text) for text in CLOSED if ":" not in text
]  # fmt: skip


@pytest.mark.slow
@given(st.sampled_from(CLOSED_V4).flatmap(spellings), st.sampled_from([80, 443, 3141, 22]))
@example("2130706433", 443)
@example("0177.1", 80)
@example("0xa9fea9fe", 80)
def test_every_spelling_ends_in_the_same_refusal(text: str, port: int) -> None:
    """Decimal, octal, hexadecimal, mapped, encoded, wide, with a final dot or a zone."""
    assert refusal(everything(), text, port) == "address-forbidden"
    assert refusal(everything(allow=("*:22", "*:3141", "0.0.0.0/0:443")), text, port) == "address-forbidden"


@given(st.ip_addresses().flatmap(lambda address: spellings(address) if address.version == 4 else st.just(str(address))))
def test_a_spelling_is_plain_or_refused(text: str) -> None:
    """What a parent proxy might read otherwise than we do is never handed to it."""
    found = refusal(everything(), text)
    assert found in {"", "address-forbidden", "odd-host"}
    if not found:
        ipaddress.ip_address(text.strip("[]"))


@given(st.text(max_size=80), st.integers(1, 65535))
def test_nothing_breaks_it(text: str, port: int) -> None:
    for access in (everything(), Access(listen=LAN, allow_from=("private",))):
        assert refusal(access, text, port) in {"", "address-forbidden", "odd-host", "port-forbidden", "host-forbidden"}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "ip6-localhost",
            "localhost.localdomain",
            "local%68ost",
        ),
        *("metadata.google.internal", "Metadata.Google.Internal.", "instance-data", "ｌocalhost"),
    ],
)
def test_names_that_mean_this_machine_wherever_they_are_looked_up(name: str) -> None:
    """A parent proxy would look them up, and reach itself."""
    assert refusal(everything(), name) == "address-forbidden"


def test_names_are_not_looked_up() -> None:
    assert refusal(everything(), "files.example") == ""
    assert refusal(everything(), "FILES.example.") == ""


@given(st.ip_addresses())
def test_the_rule_never_opens_what_the_standard_library_calls_local(address: IpAddress) -> None:
    closed = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    if closed:
        assert everything().rule(address, 443) is not None


# The server itself.


def test_the_listener_is_never_dialled() -> None:
    access = everything(allow=("127.0.0.1:3141", "localhost:3141", "localhost:8080"))
    access.bound([("127.0.0.1", 3141)])
    for host in ("127.0.0.1", "::ffff:127.0.0.1", "0x7f.1", "localhost"):
        assert refusal(access, host, 3141) == "address-forbidden", host
    assert access.rule(ipaddress.ip_address("127.0.0.1"), 3141) == "it is this server itself"
    assert refusal(access, "localhost", 8080) == ""


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
def test_a_listener_on_all_addresses_is_known_under_each(bound: str) -> None:
    own = ipaddress.ip_address(LAN)
    access = Access(listen=bound, allow_from=("private",), allow=(f"{LAN}:3141",), is_own=lambda each: each == own)
    access.bound([(bound, 3141)])
    assert refusal(access, LAN, 3141) == "address-forbidden"
    assert refusal(access, f"::ffff:{LAN}", 3141) == "address-forbidden"
    assert access.rule(own, 3141) is not None
    assert access.rule(own, 443) is None
    assert access.rule(ipaddress.ip_address("192.0.2.8"), 3141) is None


# What is opened.


@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("localhost:8080", "localhost", 8080, "127.0.0.1"),
        ("localhost:8080", "127.0.0.1", 8080, "127.0.0.1"),
        ("localhost:8080", "::1", 8080, "::1"),
        ("127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1"),
        ("127.0.0.1:8080", "::ffff:127.0.0.1", 8080, "::ffff:127.0.0.1"),
        ("[::1]:8080", "::1", 8080, "::1"),
        ("127.0.0.0/8:8080", "127.0.0.9", 8080, "127.0.0.9"),
        ("localhost", "localhost", 80, "127.0.0.1"),
    ],
)
def test_a_loopback_service_can_be_opened(entry: str, host: str, port: int, address: str) -> None:
    access = everything(allow=(entry,))
    assert refusal(access, host, port) == ""
    assert judge(address, lambda each: access.rule(each, port)) is None
    assert judge(address, lambda each: access.rule(each, 9)) is not None
    assert judge(address, access.rule) is not None, "without a port nothing is opened"
    assert refusal(access, host, 9) == "address-forbidden"
    assert refusal(access, "169.254.169.254", port) == "address-forbidden"


def test_one_open_loopback_address_opens_no_other() -> None:
    access = everything(allow=("127.0.0.2:8080",))
    assert refusal(access, "127.0.0.2", 8080) == ""
    assert refusal(access, "127.0.0.1", 8080) == "address-forbidden"
    assert access.rule(ipaddress.ip_address("::1"), 8080) is not None


@pytest.mark.parametrize("entry", ["*", "*:8080", "0.0.0.0/0:8080", "::/0", "files.example:8080"])
def test_nothing_else_opens_loopback(entry: str) -> None:
    """However wide; also not a name that someone lets lead there."""
    access = everything(allow=(entry,))
    assert refusal(access, "127.0.0.1", 8080) == "address-forbidden"
    assert access.rule(ipaddress.ip_address("127.0.0.1"), 8080) is not None


@pytest.mark.parametrize("entry", ["169.254.169.254:80", "fe80::1", "[fd00:ec2::254]:80", "0.0.0.0:80", "224.0.0.1"])
def test_what_stays_closed_for_good_is_said_at_the_start(entry: str) -> None:
    with pytest.raises(UsageError) as caught:
        everything(allow=(entry,))
    assert caught.value.code == "closed-for-good"


@pytest.mark.parametrize("entry", ["", "http://git.example", "git.example:0", "<local>", "a b", "git.example:99999"])
def test_an_entry_that_means_nothing_is_said_at_the_start(entry: str) -> None:
    with pytest.raises(UsageError) as caught:
        everything(allow=(entry,))
    assert caught.value.code == "bad-forward-allow"


# Ports and hosts.


@pytest.mark.parametrize(
    ("allow", "host", "port", "code"),
    [
        ((), "files.example", 443, ""),
        ((), "files.example", 80, ""),
        ((), "files.example", 22, "port-forbidden"),
        ((), "files.example", 25, "port-forbidden"),
        (("git.example:22",), "git.example", 22, ""),
        (("git.example:22",), "GIT.example.", 22, ""),
        (("git.example:22",), "a.git.example", 22, "port-forbidden"),
        (("git.example:22",), "files.example", 22, "port-forbidden"),
        (("*.corp.example:8443",), "a.corp.example", 8443, ""),
        (("*:8443",), "files.example", 8443, ""),
        (("10.0.0.0/8:22",), "10.1.2.3", 22, ""),
        (("10.0.0.0/8:22",), "11.1.2.3", 22, "port-forbidden"),
    ],
)
def test_ports(allow: tuple[str, ...], host: str, port: int, code: str) -> None:
    """443 and 80, more by `forward.allow`."""
    assert refusal(everything(allow=allow), host, port) == code


def for_others(**more: object) -> Access:
    """A server that others use too."""
    known = {("index.example", 443), ("files.example", 8443)}
    given: dict[str, object] = {
        "listen": "0.0.0.0",
        "allow_from": ("10.0.0.0/8",),
        "indexes": lambda host, port: (host, port) in known,
        "routed": (route_pattern("*.corp.example"), route_pattern("build.example:8080"), route_pattern("*")),
        "allow": ("git.example",),
    }
    return Access(**(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "port", "code"),
    [
        ("index.example", 443, ""),
        ("INDEX.example.", 443, ""),
        ("files.example", 8443, ""),
        ("files.example", 443, "host-forbidden"),
        ("a.corp.example", 443, ""),
        ("a.corp.example", 8080, "port-forbidden"),
        ("build.example", 8080, ""),
        ("git.example", 443, ""),
        ("git.example", 22, "port-forbidden"),
        ("evil.example", 443, "host-forbidden"),
        ("192.0.2.7", 443, "host-forbidden"),
        ("10.0.0.1", 80, "host-forbidden"),
        ("127.0.0.1", 80, "address-forbidden"),
    ],
)
def test_others_reach_indexes_and_what_a_route_names(host: str, port: int, code: str) -> None:
    """A route for `*` names nobody."""
    assert refusal(for_others(), host, port) == code


def test_reach_can_be_chosen() -> None:
    assert refusal(for_others(reach="everything"), "evil.example") == ""
    assert refusal(everything(reach="indexes"), "evil.example") == "host-forbidden"
    assert refusal(everything(reach="auto"), "evil.example") == ""


def test_every_refusal_says_how_to_change_it() -> None:
    for host, port, word in (
        ("evil.example", 443, "forward.allow"),
        ("git.example", 22, "PIPWAY_FORWARD_ALLOW=git.example:22"),
    ):
        with pytest.raises(Refused) as caught:
            for_others().allow(host, port)
        assert word in caught.value.fix


# Who.


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST", "[::1]", "::ffff:127.0.0.1"]
)
def test_loopback_asks_nobody(host: str) -> None:
    access = Access(listen=host)
    access.admit(Caller())
    access.enter(None)
    assert access.greets_all
    assert not access.asks_login


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "pipway.example", "", "*", "localhost.example"])
def test_for_others_it_wants_to_know_whom(host: str) -> None:
    """It refuses to start, and says the fix."""
    assert not is_loopback_host(host)
    with pytest.raises(UsageError) as caught:
        Access(listen=host)
    assert caught.value.code == "open-to-everyone"
    assert "access.tokens_file" in caught.value.fix
    assert "access.allow_from" in caught.value.fix
    with pytest.raises(UsageError, match="for everybody"):
        Access(listen=host, tokens=Tokens({}))
    Access(listen=host, allow_from=("10.0.0.0/8",))
    Access(listen=host, tokens=tokens("ci")[0])


@pytest.mark.parametrize(
    ("peer", "let_in"),
    [
        *(("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("2001:db8::7", True), ("127.0.0.1", True), ("::1", True)),
        *(("192.0.2.7", False), ("11.1.2.3", False), ("", False), ("nonsense", False), ("::ffff:11.1.2.3", False)),
    ],
)
def test_an_address_list(peer: str, let_in: bool) -> None:
    """This machine itself is always on it."""
    access = Access(listen="0.0.0.0", allow_from=("10.0.0.0/8", "2001:db8::/32"))
    assert not access.greets_all
    assert access.greets(peer) == let_in
    if let_in:
        access.admit(Caller(peer))
    else:
        with pytest.raises(Refused) as caught:
            access.admit(Caller(peer))
        assert caught.value.code == "stranger"


def test_private_is_a_word() -> None:
    access = Access(listen="0.0.0.0", allow_from=("private",))
    assert [access.greets(peer) for peer in ("10.1.1.1", "172.20.0.1", "192.168.9.9", "fd12::1", "8.8.8.8")] == [
        *(True, True, True, True, False)
    ]


def test_a_list_that_cannot_be_read_is_said_at_the_start() -> None:
    with pytest.raises(UsageError, match=r"access\.allow_from"):
        Access(allow_from=("corp.example",))


def test_tokens_are_wanted_from_everybody() -> None:
    """From loopback too: other users of the machine live there."""
    made, known = tokens("ci", "alice")
    access = Access(listen="0.0.0.0", tokens=made)
    assert access.asks_login
    for login in (basic("ci", known["ci"]), basic("__token__", known["alice"]), basic(known["ci"], ""),
                  f"Bearer {known['ci']}", f"basic {basic('x', known['ci'])[6:]}"):  # fmt: skip
        access.admit(Caller("192.0.2.7", login))
        access.enter(login)
        assert access.proven(login)
    wrong = [
        None,
        "",
        "Basic",
        "Basic !",
        basic("ci", "wrong"),
        basic("ci", ""),
        "Bearer",
        "NTLM abc",
        "Bearer x" * 999,
    ]
    for shown in (*wrong, basic("ci", known["ci"] + "x"), f"Digest {known['ci']}"):
        assert not access.proven(shown)
        with pytest.raises(LoginNeeded) as proxy:
            access.admit(Caller("127.0.0.1", shown))
        with pytest.raises(LoginNeeded) as origin:
            access.enter(shown)
        assert (proxy.value.status, origin.value.status) == (407, 401)
        assert known["ci"] not in str(proxy.value)


def test_a_list_and_tokens_are_both_wanted() -> None:
    made, known = tokens("ci")
    access = Access(listen="0.0.0.0", tokens=made, allow_from=("10.0.0.0/8",))
    with pytest.raises(Refused, match="may not use"):
        access.admit(Caller("192.0.2.7", basic("ci", known["ci"])))
    with pytest.raises(LoginNeeded):
        access.admit(Caller("10.0.0.1"))


@given(st.text(max_size=200))
def test_no_login_breaks_it(login: str) -> None:
    made, _ = tokens("ci")
    assert not Access(tokens=made).proven(login)
    assert not Access(tokens=made).proven(f"Basic {login}")
    assert not Access().proven(login)


# Tokens at rest.


def test_tokens_are_kept_as_hashes() -> None:
    made, known = tokens("ci", "alice")
    text = made.text()
    assert not any(token in f"{text}{made!r}" for token in known.values())
    again = read_tokens(text)
    assert again.names == ["ci", "alice"]
    assert again.owner(basic("x", known["alice"])) == "alice"
    assert len(set(known.values())) == 2
    assert all(len(token) >= 32 for token in known.values())


def test_an_empty_secret_is_nobodys() -> None:
    """Even if somebody wrote its hash into the file."""
    empty = read_tokens("ci sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n")
    assert [empty.owner(login) for login in (None, "", "Bearer ", basic("", ""))] == [None] * 4


def test_a_token_can_be_taken_away() -> None:
    made, known = tokens("ci", "alice")
    left = made.without("ci")
    assert left.owner(basic("ci", known["ci"])) is None
    assert left.owner(basic("ci", known["alice"])) == "alice"
    for change in (lambda: left.without("ci"), lambda: made.added("ci"), lambda: made.added("a b")):
        with pytest.raises(UsageError):
            change()


@pytest.mark.parametrize(
    "line", ["ci", "ci plain-token", "ci sha256:abc", "ci sha256:" + "0" * 64 + " x", "c:i sha256:" + "0" * 64]
)
def test_a_broken_file_is_refused_and_not_repeated(line: str) -> None:
    """Somebody may have written the token itself into it."""
    with pytest.raises(UsageError) as caught:
        read_tokens(f"# comment\n\n{line}\n")
    assert "line 3" in caught.value.what
    assert "plain-token" not in str(caught.value)


def test_a_name_stands_once() -> None:
    line = "ci sha256:" + "0" * 64
    with pytest.raises(UsageError, match="line 2"):
        read_tokens(f"{line}\n{line}\n")
