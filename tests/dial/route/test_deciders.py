"""Who decides, in which order, with which reason: routes, parents, variables, the system."""

from __future__ import annotations

import pytest

from pipway.dial.base import Target
from pipway.dial.parent import Parent
from pipway.dial.route.environment import Environment
from pipway.dial.route.no_proxy import NoProxy
from pipway.dial.route.plan import DIRECT, Plan, Way
from pipway.dial.route.table import Parents, Route, Routes, route_pattern
from pipway.errors import UsageError

FILES, CLEAR = Target("files.example", 443), Target("files.example", 80, clear=True)
ONE = Way((Parent("http", "one.example", 8080, named=True),))
TWO = Way((Parent("http", "two.example", 8080, named=True),))


def route(*patterns: str, ways: tuple[Way, ...] = (ONE,), fastest: bool = False) -> Route:
    return Route(tuple(map(route_pattern, patterns)), ways, fastest)


async def test_the_first_route_that_matches_decides() -> None:
    routes = Routes(
        [route("=files.example", ways=(DIRECT,)), route("*.example", fastest=True), route("bad.test", ways=())],
        source="pipway.toml:3",
    )
    assert await routes.decide(FILES) == Plan((DIRECT,), "route 1 (=files.example) in pipway.toml:3")
    assert await routes.decide(Target("sub.files.example", 443)) == Plan(
        (ONE,), "route 2 (*.example) in pipway.toml:3", True
    )
    assert await routes.decide(Target("bad.test", 443)) == Plan((), "route 3 (bad.test) in pipway.toml:3")
    assert await routes.decide(Target("elsewhere.test", 443)) is None


def test_a_pattern_that_means_nothing_is_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        route_pattern("http://files.example/")
    assert caught.value.code == "bad-route"


async def test_parents_hold_for_everything_but_the_exceptions() -> None:
    parents = Parents([ONE, TWO], NoProxy("localhost,127.0.0.0/8"), source="PIPWAY_PARENT", excepted_by="no_proxy")
    assert await parents.decide(FILES) == Plan((ONE, TWO), "PIPWAY_PARENT")
    assert await parents.decide(Target("127.0.0.1", 80)) == Plan((DIRECT,), "excepted by 127.0.0.0/8 in no_proxy")


async def way_of(environ: dict[str, str], target: Target) -> str:
    plan = await Environment(environ).decide(target)
    return "" if plan is None else f"{plan.ways[0]} {plan.reason}"


async def test_variables_by_scheme_and_case() -> None:
    both = {"http_proxy": "http://a.example:1", "HTTPS_PROXY": "b.example:2", "ALL_PROXY": "socks5h://c.example"}
    assert await way_of(both, CLEAR) == "http://a.example:1 http_proxy"
    assert await way_of(both, FILES) == "http://b.example:2 HTTPS_PROXY"
    assert await way_of({"all_proxy": "socks5h://c.example"}, FILES) == "socks5h://c.example:1080 all_proxy"
    assert (
        await way_of({"https_proxy": "x.example:1", "HTTPS_PROXY": "y.example:1"}, FILES)
        == "http://x.example:1 https_proxy"
    )
    assert await way_of({"https_proxy": "", "HTTPS_PROXY": "y.example:1"}, FILES) == "", (
        "set to nothing switches it off"
    )
    assert await way_of({}, FILES) == ""


async def test_http_proxy_of_a_cgi_request_is_not_ours() -> None:
    """A client's "Proxy:" header becomes HTTP_PROXY there."""
    assert await way_of({"HTTP_PROXY": "http://evil.example:1", "REQUEST_METHOD": "GET"}, CLEAR) == ""


async def test_no_proxy_of_the_environment() -> None:
    environ = {"https_proxy": "a.example:1", "NO_PROXY": ".example"}
    assert await way_of(environ, FILES) == "direct excepted by .example in NO_PROXY"


def test_both_cases_that_differ_are_remarked_on() -> None:
    assert "differ" in Environment({"https_proxy": "a.example:1", "HTTPS_PROXY": "b.example:1"}).remarks[0]


def test_a_broken_variable_is_named_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        Environment({"https_proxy": "http://CORP\\alice:s3cret@proxy.example:8080"})
    assert "https_proxy" in caught.value.what
    assert "%5C" in caught.value.fix
    assert "s3cret" not in str(caught.value)


def test_secrets_in_variables_are_for_the_credentials() -> None:
    (url,) = Environment({"https_proxy": "http://alice:s3cret@proxy.example:8080"}).urls
    assert (url.user, url.password) == ("alice", "s3cret")
    assert "s3cret" not in repr(url)
