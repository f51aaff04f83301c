"""The client's requests: what is sent, where it goes, whom credentials follow, and what is told about it."""

from __future__ import annotations

import asyncio
import base64

import pytest
import trustme
from tests.contracts.stream import serving
from tests.dial.conftest import Journal, MakeClient, Serve
from tests.servers.black_hole import black_hole
from tests.servers.tiny_http import Exchange, Reply, TinyServer

from pipway.dial.base import Stream, Target
from pipway.dial.direct import Direct
from pipway.dial.http import Client
from pipway.errors import PipwayError, UsageError
from pipway.index.base import HttpClient, HttpResponse

BASIC = "Basic " + base64.b64encode(b"alice:s3cret").decode()


async def hello(exchange: Exchange) -> None:
    """The same small answer to everything."""
    await exchange.answer(Reply(body=b"hello", headers={"X-A": "1"}))


def redirecting(table: dict[str, str], status: int = 302) -> dict[str, Reply]:
    return {path: Reply(status, {"Location": there}, b"moved") for path, there in table.items()}


class Site:
    """Answers from a table of paths; everything else is hello."""

    def __init__(self, replies: dict[str, Reply]) -> None:
        self.replies = replies

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.answer(self.replies.get(exchange.request.path, Reply(body=b"hello")))


def conforms(client: Client) -> HttpClient:
    """mypy checks the structure."""
    return client


async def get(client: Client, url: str, **headers: str) -> bytes:
    response: HttpResponse = await conforms(client).request("GET", url, headers)
    return await response.read(1 << 20)


async def failure(client: Client, url: str, method: str = "GET") -> PipwayError:
    with pytest.raises(PipwayError) as caught:
        await client.request(method, url)
    return caught.value


# -- one request -------------------------------------------------------------------------------------------------------


async def test_request_and_response(client: Client, serve: Serve) -> None:
    server = await serve(hello)
    response = await client.request("GET", f"{server.origin}/a%20b?c=d#e", {"Accept": "x/y", "If-None-Match": '"z"'})
    assert (response.status, response.length, response.url) == (200, 5, f"{server.origin}/a%20b?c=d")
    assert (response.header("X-a"), response.header("none")) == ("1", None)
    assert [piece async for piece in response.chunks()] == [b"hello"]
    (seen,) = server.requests
    assert (seen.method, seen.target) == ("GET", "/a%20b?c=d")
    assert seen.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "pipway/test",
        "accept": "x/y",
        "if-none-match": '"z"',
        "accept-encoding": "gzip, zstd",
    }


async def test_identity_is_asked_for_when_bytes_must_stay_as_they_are(client: Client, serve: Serve) -> None:
    server = await serve(hello)
    response = await client.request("GET", server.origin, decode=False)
    await response.read(10)
    assert server.requests[0].header("accept-encoding") == "identity"


async def test_a_caller_may_name_itself_but_not_frame_the_message(client: Client, serve: Serve) -> None:
    server = await serve(hello)
    await get(client, server.origin, **{"user-agent": "other/1"})
    assert server.requests[0].header("user-agent") == "other/1"
    for name in ("Host", "Connection", "Content-Length", "Transfer-Encoding"):
        with pytest.raises(UsageError):
            await client.request("GET", server.origin, {name: "x"})


async def test_head_has_a_length_and_no_body(client: Client, serve: Serve) -> None:
    server = await serve(hello)
    for _ in range(2):
        response = await client.request("HEAD", server.origin)
        assert (response.length, await response.read(10)) == (5, b"")
    assert server.connections == 1


async def test_post_says_that_it_has_no_content(client: Client, serve: Serve) -> None:
    """RFC 9110 §8.6."""
    server = await serve(hello)
    await (await client.request("POST", server.origin)).read(10)
    assert server.requests[0].header("content-length") == "0"


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        ("http://files.example/", Target("files.example", 80, clear=True), "files.example"),
        ("http://files.example:8080/", Target("files.example", 8080, clear=True), "files.example:8080"),
        ("http://[2001:DB8::1]/", Target("2001:db8::1", 80, clear=True), "[2001:db8::1]"),
        ("http://[::1]:8080/", Target("::1", 8080, clear=True), "[::1]:8080"),
        ("http://bücher.example/", Target("xn--bcher-kva.example", 80, clear=True), "xn--bcher-kva.example"),
    ],
)
async def test_who_is_dialled_and_named(
    make_client: MakeClient, serve: Serve, url: str, target: Target, host: str
) -> None:
    """RFC 9110 §7.2: the Host header has the port only where it is not the scheme's own."""
    server = await serve(hello)
    dialler = Elsewhere(server)
    await get(make_client(dialer=dialler), url)
    assert dialler.asked == [target]
    assert server.requests[0].header("host") == host


class Elsewhere:
    """Takes every target to one server, as a name server of our own would."""

    def __init__(self, server: TinyServer) -> None:
        self._server = server
        self.asked: list[Target] = []

    async def dial(self, target: Target) -> Stream:
        self.asked.append(target)
        return await Direct().dial(Target(self._server.host, self._server.port))


@pytest.mark.parametrize("url", ["files.example/x", "ftp://files.example/", "http://u:s3cret@h:x/", "http://h/ x"])
async def test_an_address_that_cannot_be_used(client: Client, url: str) -> None:
    error = await failure(client, url)
    assert error.code == "bad-url"
    assert "s3cret" not in str(error)


# -- TLS ---------------------------------------------------------------------------------------------------------------


async def test_https(client: Client, serve: Serve, authority: trustme.CA) -> None:
    server = await serve(hello, tls=serving(authority, "127.0.0.1"))
    for _ in range(3):
        assert await get(client, server.origin) == b"hello"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("names", "stranger", "code"),
    [("127.0.0.1", True, "tls-not-trusted"), ("other.example", False, "tls-wrong-name")],
)
async def test_https_with_a_wrong_certificate(
    client: Client, serve: Serve, authority: trustme.CA, journal: Journal, names: str, stranger: bool, code: str
) -> None:
    server = await serve(hello, tls=serving(trustme.CA() if stranger else authority, names))
    assert (await failure(client, server.origin)).code == code
    assert (journal.failures, journal.sent) == ([code], 0)


# -- credentials -------------------------------------------------------------------------------------------------------


async def test_userinfo_becomes_basic_authorization_and_is_seen_nowhere(
    client: Client, serve: Serve, journal: Journal
) -> None:
    server = await serve(hello)
    response = await client.request("GET", f"http://alice:s3cret@127.0.0.1:{server.port}/x?token=t0ken")
    await response.read(10)
    assert server.requests[0].header("authorization") == BASIC
    assert "s3cret" not in response.url
    told = str(journal.events)
    assert journal.sent == 1
    assert not [secret for secret in ("s3cret", "t0ken", BASIC) if secret in told]


async def test_an_explicit_authorization_wins_over_userinfo(client: Client, serve: Serve) -> None:
    server = await serve(hello)
    await get(client, f"http://alice:s3cret@127.0.0.1:{server.port}/", authorization="Bearer x")
    assert server.requests[0].header("authorization") == "Bearer x"


@pytest.mark.parametrize("userinfo", [True, False])
async def test_credentials_do_not_follow_to_another_origin(client: Client, serve: Serve, userinfo: bool) -> None:
    """Another port is another origin; coming back does not bring them back."""
    home = await serve(Site({}))
    other = await serve(Site(redirecting({"/b": f"{home.origin}/c"})))
    home_site = redirecting({"/a": f"http://eve:evil@127.0.0.1:{other.port}/b"})
    first = await serve(Site(home_site))
    headers = {"Cookie": "c", "Range": "bytes=0-"}
    url = f"{first.origin}/a"
    if userinfo:
        url = url.replace("//", "//alice:s3cret@")
    else:
        headers["Authorization"] = BASIC
    response = await client.request("GET", url, headers)
    assert await response.read(10) == b"hello"
    assert first.requests[0].header("authorization") == BASIC
    for request in [*other.requests, *home.requests]:
        assert request.header("authorization") == request.header("cookie") == ""
        assert request.header("range") == "bytes=0-"


async def test_credentials_stay_within_their_origin(client: Client, serve: Serve) -> None:
    server = await serve(Site(redirecting({"/a": "/b"})))
    await get(client, f"http://alice:s3cret@127.0.0.1:{server.port}/a")
    assert [request.header("authorization") for request in server.requests] == [BASIC, BASIC]


# -- redirects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_on_the_same_connection(client: Client, serve: Serve, status: int) -> None:
    server = await serve(Site(redirecting({"/a/x": "../b#frag", "/b": "/c?d"}, status)))
    response = await client.request("GET", f"{server.origin}/a/x")
    assert (response.status, response.url, await response.read(10)) == (200, f"{server.origin}/c?d", b"hello")
    assert [request.target for request in server.requests] == ["/a/x", "/b", "/c?d"]
    assert server.connections == 1


async def test_head_stays_head(client: Client, serve: Serve) -> None:
    server = await serve(Site(redirecting({"/a": "/b"}, 303)))
    response = await client.request("HEAD", f"{server.origin}/a")
    assert (response.status, response.url) == (200, f"{server.origin}/b")
    assert [request.method for request in server.requests] == ["HEAD", "HEAD"]
    await response.aclose()


async def test_other_methods_are_not_redirected(client: Client, serve: Serve) -> None:
    server = await serve(Site(redirecting({"/a": "/b"})))
    response = await client.request("DELETE", f"{server.origin}/a")
    assert (response.status, response.header("location")) == (302, "/b")
    await response.aclose()


@pytest.mark.parametrize("status", [300, 304, 305])
async def test_other_statuses_are_not_redirects(client: Client, serve: Serve, status: int) -> None:
    server = await serve(Site(redirecting({"/a": "/b"}, status)))
    response = await client.request("GET", f"{server.origin}/a")
    assert response.status == status
    await response.aclose()


async def test_a_redirect_without_a_destination_is_an_answer(client: Client, serve: Serve) -> None:
    server = await serve(Site({"/a": Reply(302, {}, b"where?")}))
    response = await client.request("GET", f"{server.origin}/a")
    assert (response.status, await response.read(10)) == (302, b"where?")


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ({"/a": "/a"}, "redirect-loop"),
        ({"/a": "/b", "/b": "/c", "/c": "/b"}, "redirect-loop"),
        ({"/a": "/1", **{f"/{number}": f"/{number + 1}" for number in range(1, 20)}}, "too-many-redirects"),
        ({"/a": "ftp://files.example/"}, "bad-redirect"),
        ({"/a": "http://files.example:x/"}, "bad-redirect"),
        ({"/a": "file:///x"}, "bad-redirect"),
    ],
    ids=["itself", "circle", "endless", "scheme", "port", "file"],
)
async def test_redirects_that_lead_nowhere(
    client: Client, serve: Serve, journal: Journal, table: dict[str, str], code: str
) -> None:
    server = await serve(Site(redirecting(table)))
    error = await failure(client, f"{server.origin}/a")
    assert (error.code, error.http_status) == (code, 502)
    assert journal.failures == [code]
    assert len(server.requests) <= 11


async def test_ten_redirects_are_followed(client: Client, serve: Serve) -> None:
    server = await serve(Site(redirecting({f"/{number}": f"/{number + 1}" for number in range(10)})))
    assert await get(client, f"{server.origin}/0") == b"hello"
    assert (len(server.requests), server.connections) == (11, 1)


async def test_protected_requests_are_not_led_to_unprotected_ones(
    client: Client, serve: Serve, authority: trustme.CA
) -> None:
    plain = await serve(hello)
    server = await serve(Site(redirecting({"/a": plain.origin})), tls=serving(authority, "127.0.0.1"))
    error = await failure(client, f"{server.origin}/a")
    assert error.code == "redirect-downgrade"
    assert plain.requests == []


@pytest.mark.slow
async def test_the_body_of_a_redirect_does_not_hold_anyone_up(client: Client, serve: Serve) -> None:
    async def endless(exchange: Exchange) -> None:
        if exchange.request.path == "/b":
            await hello(exchange)
            return
        await exchange.send(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 1000\r\n\r\nx")
        await exchange.silence()

    server = await serve(endless)
    assert await get(client, f"{server.origin}/a") == b"hello"


# -- what is told ------------------------------------------------------------------------------------------------------


async def test_every_request_is_told_once(client: Client, serve: Serve, journal: Journal) -> None:
    server = await serve(Site(redirecting({"/a": "/b"})))
    await get(client, f"{server.origin}/a?key=x")
    assert journal.facts("upstream.request") == [
        {"method": "GET", "origin": server.origin, "target": "/a", "reused": False},
        {"method": "GET", "origin": server.origin, "target": "/b", "reused": True},
    ]
    responses = journal.facts("upstream.response")
    assert [facts["status"] for facts in responses] == [302, 200]
    assert all(0 <= facts["seconds"] < 5 for facts in responses)
    assert journal.failures == []


async def test_a_failure_to_connect_is_told_and_nothing_was_sent(
    client: Client, journal: Journal, closed_port: int
) -> None:
    error = await failure(client, f"http://alice:s3cret@127.0.0.1:{closed_port}/?t0ken")
    assert (error.code, journal.failures, journal.sent) == ("connection-refused", ["connection-refused"], 0)
    assert "s3cret" not in str(error)


@pytest.mark.slow
async def test_the_connect_limit_covers_the_dialer_and_tls(make_client: MakeClient, serve: Serve) -> None:
    async def mute(exchange: Exchange) -> None:
        await exchange.silence()

    server = await serve(mute)
    with black_hole() as (host, port):
        assert (await failure(make_client(connect=0.1), f"http://{host}:{port}/")).code == "connect-timeout"
    # This server waits for a request's head, the client for its part of the TLS handshake.
    assert (await failure(make_client(connect=0.1), f"https://127.0.0.1:{server.port}/")).code == "connect-timeout"


async def test_a_cancelled_request_leaves_nothing(make_client: MakeClient, serve: Serve, authority: trustme.CA) -> None:
    """At every turn of the loop between the call and the answer; the folder's conftest looks for leftovers."""
    server = await serve(hello, tls=serving(authority, "127.0.0.1"))
    client = make_client(per_origin=1)
    for turns in range(40):
        asking = asyncio.create_task(client.request("GET", server.origin))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        if not asking.cancelled():
            await asking.result().aclose()
    assert await get(client, server.origin) == b"hello"
