"""The functions of a PAC file, by the examples of Netscape's and Microsoft's documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest

from pipway.dial.pac.engine import Engine

NAMES = {
    "www.corp.example": ["10.1.2.3"],
    "six.corp.example": ["2001:db8::7"],
    "both.corp.example": ["2001:db8::8", "10.9.9.9"],
}
NOW = datetime(2026, 11, 21, 14, 30, 15)  # a Saturday, local time


async def lookup(host: str) -> Sequence[str]:
    if host not in NAMES:
        raise OSError("unknown")
    return NAMES[host]


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    text = "function FindProxyForURL(url, host) { return String(eval(host)); }"
    made = Engine(text, lookup=lookup, mine=["2001:db8::1", "192.168.7.8"], time=lambda: NOW.timestamp())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("isPlainHostName('www')", "true"),
        ("isPlainHostName('www.netscape.example')", "false"),
        ("dnsDomainIs('www.netscape.example', '.netscape.example')", "true"),
        ("dnsDomainIs('WWW.Netscape.example', '.netscape.EXAMPLE')", "true"),
        ("dnsDomainIs('www', '.netscape.example')", "false"),
        ("localHostOrDomainIs('www.netscape.example', 'www.netscape.example')", "true"),
        ("localHostOrDomainIs('www', 'www.netscape.example')", "true"),
        ("localHostOrDomainIs('www.mcom.example', 'www.netscape.example')", "false"),
        ("localHostOrDomainIs('home.netscape.example', 'www.netscape.example')", "false"),
        ("isResolvable('www.corp.example')", "true"),
        ("isResolvable('bogus.domain.foobar')", "false"),
        ("isResolvable('six.corp.example')", "false"),
        ("isResolvableEx('six.corp.example')", "true"),
        ("dnsResolve('www.corp.example')", "10.1.2.3"),
        ("dnsResolve('10.0.0.1')", "10.0.0.1"),
        ("dnsResolve('nowhere.example')", "null"),
        ("dnsResolveEx('both.corp.example')", "2001:db8::8;10.9.9.9"),
        ("dnsResolveEx('nowhere.example')", ""),
        ("isInNet('198.95.249.79', '198.95.249.79', '255.255.255.255')", "true"),
        ("isInNet('198.95.6.7', '198.95.0.0', '255.255.0.0')", "true"),
        ("isInNet('www.corp.example', '10.0.0.0', '255.0.0.0')", "true"),
        ("isInNet('nowhere.example', '10.0.0.0', '255.0.0.0')", "false"),
        ("isInNet('10.0.0.1', 'rubbish', '255.0.0.0')", "false"),
        ("isInNetEx('six.corp.example', '2001:db8::/32')", "true"),
        ("isInNetEx('10.1.2.3', '10.0.0.0/8')", "true"),
        ("isInNetEx('10.1.2.3', '11.0.0.0/8')", "false"),
        ("isInNetEx('10.1.2.3', '0.0.0.0/0')", "true"),
        ("isInNetEx('10.1.2.3', '10.0.0.0')", "false"),
        ("myIpAddress()", "192.168.7.8"),
        ("myIpAddressEx()", "2001:db8::1;192.168.7.8"),
        ("dnsDomainLevels('www')", "0"),
        ("dnsDomainLevels('www.netscape.example')", "2"),
        ("shExpMatch('http://home.example/people/ari/index.html', '*/ari/*')", "true"),
        ("shExpMatch('http://home.example/people/montulli/index.html', '*/ari/*')", "false"),
        ("shExpMatch('a.b', 'a?b')", "true"),
        ("shExpMatch('axb', 'a.b')", "false"),
        ("shExpMatch('a(b)[c]', 'a(b)[c]')", "true"),
        ("sortIpAddressList('10.2.3.9;2001:4898:28:3:201:2ff:feea:fc14;::1;10.1.1.1')",
         "::1;2001:4898:28:3:201:2ff:feea:fc14;10.1.1.1;10.2.3.9"),
        ("sortIpAddressList('10.1.1.1;rubbish')", ""),
        ("getClientVersion()", "1.0"),
        ("weekdayRange('SAT')", "true"),
        ("weekdayRange('MON', 'FRI')", "false"),
        ("weekdayRange('FRI', 'MON')", "true"),
        ("weekdayRange('XXX')", "false"),
        ("dateRange(21)", "true"),
        ("dateRange(1)", "false"),
        ("dateRange('NOV')", "true"),
        ("dateRange(2026)", "true"),
        ("dateRange(20, 22)", "true"),
        ("dateRange(21, 'NOV')", "true"),
        ("dateRange(24, 'DEC')", "false"),
        ("dateRange(24, 'NOV')", "false"),
        ("dateRange(1, 'JAN')", "false"),
        ("dateRange(21, 'NOV', 2026)", "true"),
        ("dateRange(21, 'NOV', 1995)", "false"),
        ("dateRange('NOV', 2026)", "true"),
        ("dateRange('OCT', 1995, 'MAR', 2030)", "true"),
        ("dateRange('JAN', 'MAR')", "false"),
        ("dateRange('OCT', 'FEB')", "true"),
        ("dateRange(1, 'JUN', 15, 'AUG')", "false"),
        ("dateRange(1, 'JUN', 1995, 15, 'AUG', 2030)", "true"),
        ("dateRange(1995, 1997)", "false"),
        ("timeRange(14)", "true"),
        ("timeRange(9, 17)", "true"),
        ("timeRange(18, 9)", "false"),
        ("timeRange(14, 0, 14, 30)", "true"),
        ("timeRange(14, 30, 16, 23, 0, 0)", "false"),
        ("timeRange(14, 30, 0, 14, 30, 20)", "true"),
        ("alert('nothing happens')", "undefined"),
    ],
)  # fmt: skip
async def test_function(engine: Engine, expression: str, value: str) -> None:
    assert await engine.find("https://files.example/", expression) == value
