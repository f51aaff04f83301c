"""What settings make of interception: whose authority, for which hosts, and what stays opaque."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipway import interception
from pipway.errors import Unavailable, UsageError
from pipway.index.hosts import IndexHosts
from pipway.server.ca import Authority
from pipway.settings import Settings, load
from pipway.trace import Trace
from pipway.wire.answer import Answer, Prepared, Request

INDEX = "https://index.example/simple/"


def settings(tmp_path: Path, **values: Any) -> Settings:
    """Those of a server on a folder of the test's own; names with two underscores for the dot."""
    known = {name.replace("__", "."): value for name, value in values.items()}
    return load(environ={}, arguments={"data": str(tmp_path), **known})


class Scouted:
    """An upstream whose only page teaches one host."""

    name = "main"

    def __init__(self, hosts: IndexHosts, *, fails: bool = False) -> None:
        self.hosts = hosts
        self.fails = fails
        self.asked = 0
        self.events: list[str] = []

    @property
    def parts(self) -> Sequence[Any]:
        return (self,)

    async def page(self, name: str, known: Any = None) -> Any:
        self.asked += 1
        if self.fails:
            raise Unavailable("down", "nobody there")
        self.hosts.learn("https://files.example/")
        return type("Reply", (), {"page": type("Page", (), {"files": (1,)})})

    async def listing(self, conditions: Any = None) -> Any:
        raise Unavailable("down", "nobody there")


async def made(values: Settings, *, fails: bool = False) -> tuple[Authority, IndexHosts, Scouted]:
    hosts = await interception.hosts_of(values, [("main", INDEX)])
    upstream = Scouted(hosts, fails=fails)
    trace = Trace()
    trace.listen(lambda name, facts: upstream.events.append(name))
    authority = await interception.authority_for(values, hosts, upstream, trace)  # type: ignore[arg-type]
    return authority, hosts, upstream


async def page(request: Request, origin: str) -> Answer | None:
    return Prepared(200, b"") if request.path == "/simple/" else None


def built(values: Settings, hosts: IndexHosts, authority: Authority | None) -> Any:
    return interception.build(values, hosts, authority, page, Trace())


async def test_the_authority_speaks_for_index_and_file_hosts(tmp_path: Path) -> None:
    """One look at a page says where the files are, once in its life."""
    authority, hosts, upstream = await made(settings(tmp_path))
    assert authority.current is not None
    assert authority.current.names == ("index.example", "files.example")
    wants = built(settings(tmp_path), hosts, authority).wants
    assert wants("index.example", 443)
    assert wants("files.example", 443)
    assert not wants("files.example", 8443)
    assert not wants("below.files.example", 443), "covered, but nobody's host"
    assert (upstream.asked, upstream.events) == (1, [])
    (tmp_path / "hosts").unlink()
    authority, hosts, again = await made(settings(tmp_path))
    assert again.asked == 0
    assert built(settings(tmp_path), hosts, authority).wants("files.example", 443), "the certificate says so"


async def test_made_while_the_upstream_is_down_it_covers_the_index_alone(tmp_path: Path) -> None:
    """And what pages teach later waits for a person."""
    authority, hosts, upstream = await made(settings(tmp_path), fails=True)
    assert upstream.events == ["intercept.incomplete"]
    hosts.learn("https://files.example/")
    assert not built(settings(tmp_path), hosts, authority).wants("files.example", 443)
    authority.prepare(interception.wanted(settings(tmp_path), hosts))
    authority.replace([])
    assert built(settings(tmp_path), hosts, authority).wants("files.example", 443)


async def test_hosts_of_the_user(tmp_path: Path) -> None:
    """With and without a port; addresses in brackets or bare."""
    values = settings(tmp_path, intercept__hosts="More.example, odd.example:8443, [2001:db8::1]:444, 2001:db8::2")
    authority, hosts, _ = await made(values)
    wants = built(values, hosts, authority).wants
    for host, port in (
        ("more.example", 443), ("odd.example", 8443), ("2001:db8::1", 444), ("2001:db8::2", 443),
    ):  # fmt: skip
        assert wants(host, port), host
    assert not wants("odd.example", 443)


@pytest.mark.parametrize("host", ["*.example", "10.0.0.0/8"])
async def test_an_authority_names_its_hosts(tmp_path: Path, host: str) -> None:
    """A pattern would be one clear error instead of an authority for half the world."""
    with pytest.raises(UsageError) as caught:
        await interception.hosts_of(settings(tmp_path, intercept__hosts=host), [])
    assert host in caught.value.what


@pytest.mark.parametrize(
    ("pattern", "passes"),
    [
        ("files.example", True),
        ("FILES.*", True),
        ("files.example:443", True),
        ("files.example:80", False),
        ("x", False),
    ],
)
async def test_what_a_person_excepted(tmp_path: Path, pattern: str, passes: bool) -> None:
    """It is not looked into; without a port the authority does not even name it."""
    values = settings(tmp_path, intercept__pass_through=pattern)
    authority, hosts, _ = await made(values)
    assert built(values, hosts, authority).wants("files.example", 443) is not passes
    assert authority.covers("files.example") is (not passes or pattern.endswith(":443"))


async def test_off_it_answers_absolute_form_alone(tmp_path: Path) -> None:
    """No authority is made."""
    hosts = await interception.hosts_of(settings(tmp_path), [("main", INDEX)])
    off = built(settings(tmp_path), hosts, None)
    assert not off.wants("index.example", 443)
    assert (await off.answer(Request("GET", b"/simple/", "/simple/", "", ()), "https://index.example")).status == 200
    assert not (tmp_path / "ca").exists()


@pytest.mark.parametrize("origin", ["http://deb.example", "http://index.example", "https://index.example:8443"])
async def test_no_index_is_asked_for_a_file_of_another_site(tmp_path: Path, origin: str) -> None:
    """Its name may be that of a project: apt's files look so, and must come also while the index is down."""
    asked: list[str] = []

    async def index(request: Request, origin: str) -> Answer | None:
        asked.append(request.path)
        raise Unavailable("down", "nobody there")

    values = settings(tmp_path)
    hosts = await interception.hosts_of(values, [("main", INDEX)])
    made = interception.build(values, hosts, None, index, Trace())
    file = Request("GET", b"/pool/leaf-1.deb", "/pool/leaf-1.deb", "", ())
    assert await made.answer(file, origin) is None
    assert not asked
    with pytest.raises(Unavailable):
        await made.answer(file, "https://index.example")


async def test_offline_nothing_is_sent_on_to_an_index(tmp_path: Path) -> None:
    """What is no index's is the proxy's business."""
    values = settings(tmp_path, offline="true")
    hosts = await interception.hosts_of(values, [("main", INDEX)])
    offline = built(values, hosts, None)
    asked = Request("GET", b"/pypi/x/json", "/pypi/x/json", "", ())
    answer = await offline.answer(asked, "https://index.example")
    assert answer.status == 503
    assert b"offline" in answer.head
    assert await offline.answer(asked, "http://deb.example") is None
