"""Rules for addresses: what an IPv6 address carries is judged too, and what was judged is what is dialled."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.dialer import echo, listening
from tests.dial.test_direct import ANYWHERE, address, answering

from pipway.dial.addresses import IpAddress, carried, judge
from pipway.dial.direct import Direct
from pipway.errors import Refused

IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)


def no_local(address: IpAddress) -> str | None:
    """What a rule of the access policy may look like."""
    if address.is_loopback or address.is_link_local or address.is_unspecified:
        return "local addresses are closed"
    return None


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "169.254.169.254",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",  # RFC 4291 §2.5.5.2
        "::ffff:169.254.169.254",
        "::127.0.0.1",  # RFC 4291 §2.5.5.1
        "::ffff:0:127.0.0.1",  # RFC 7915
        "64:ff9b::127.0.0.1",  # RFC 6052
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",  # RFC 8215
        "64:ff9b:1:7f00:0:100::",  # /48 of RFC 6052 §2.2
        "64:ff9b:1:aa7f:0:1::",  # /56
        "64:ff9b:1:aabb:7f:0:100:0",  # /64
        "2002:7f00:1::",  # RFC 3056
        "2002:a9fe:a9fe::1",
        "2001:0:102:304::80ff:fffe",  # RFC 4380: the client's address inverted
        "2001:0:7f00:1::",
        "2001:db8::5efe:7f00:1",  # RFC 5214
        "2001:db8::200:5efe:a9fe:a9fe",
    ],
)
def test_every_form_of_a_local_address_is_seen_through(text: str) -> None:
    reason = judge(text, no_local)
    assert reason is not None
    assert "local addresses are closed" in reason


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "2002:c000:201::"]
)
def test_others_pass(text: str) -> None:
    assert judge(text, no_local) is None


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.1", "1.2.3.4.5", "::1::"])
def test_what_is_no_address_never_passes(text: str) -> None:
    assert judge(text, lambda _: None) is not None


@given(IPV4)
def test_a_carrier_is_judged_for_what_it_carries(inner: ipaddress.IPv4Address) -> None:
    bits = int(inner)
    carriers = [
        *(int(ipaddress.IPv6Address(prefix)) | bits for prefix in ("::ffff:0:0", "64:ff9b::", "::ffff:0:0:0")),
        0x2002 << 112 | bits << 80,
        0x20010000 << 96 | (~bits & 0xFFFFFFFF),
        0x20010DB8 << 96 | 0x5EFE << 32 | bits,
    ]
    for carrier in carriers:
        found = ipaddress.IPv6Address(carrier)
        assert inner in carried(found)
        assert judge(str(found), lambda address: "no" if address == inner else None) is not None


@given(IPV6)
def test_only_carriers_carry_and_no_address_breaks_it(address: ipaddress.IPv6Address) -> None:
    found = list(carried(address))
    assert all(inner.version == 4 for inner in found)
    known = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if known is not None:
        assert known in found


@given(IPV4)
def test_an_ipv4_address_carries_nothing(address: ipaddress.IPv4Address) -> None:
    assert list(carried(address)) == []


@given(st.one_of(IPV4, IPV6))
def test_a_rule_without_objections_lets_everything_pass(address: IpAddress) -> None:
    assert judge(str(address), lambda _: None) is None


async def test_refused_addresses_are_left_out() -> None:
    async with listening(echo, "127.0.0.1") as target:
        resolve = answering([address("127.0.0.2", target.port), address("127.0.0.1", target.port)])
        stream = await Direct(resolve=resolve, allow=lambda ip, _: "no" if str(ip) == "127.0.0.2" else None).dial(
            ANYWHERE
        )
        assert stream.info.peer == "127.0.0.1"
        await stream.aclose()


async def test_all_refused_names_the_rule_and_dials_nothing() -> None:
    connections = 0

    async def count(*_: object) -> None:
        nonlocal connections
        connections += 1

    async with listening(count) as target:
        resolve = answering([address("127.0.0.1", target.port), address("::ffff:127.0.0.1", target.port)])
        with pytest.raises(Refused) as caught:
            await Direct(resolve=resolve, allow=lambda ip, _: no_local(ip)).dial(ANYWHERE)
    assert caught.value.code == "address-forbidden"
    assert "files.example:443" in caught.value.what
    assert caught.value.why == "local addresses are closed"
    assert caught.value.fix
    assert connections == 0


async def test_the_rule_is_told_the_port_that_is_dialled() -> None:
    """Of the address, whatever the target says: one loopback service may be open and all others closed."""
    async with listening(echo) as target:
        resolve = answering([address("127.0.0.1", target.port)])
        seen: list[tuple[str, int]] = []

        def rule(ip: IpAddress, port: int) -> str | None:
            seen.append((str(ip), port))
            return None

        stream = await Direct(resolve=resolve, allow=rule).dial(ANYWHERE)
        await stream.aclose()
    assert seen == [("127.0.0.1", target.port)]


async def test_without_a_rule_loopback_is_legitimate() -> None:
    async with listening(echo) as target:
        stream = await Direct(resolve=answering([address("127.0.0.1", target.port)])).dial(ANYWHERE)
        await stream.aclose()
