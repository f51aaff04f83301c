"""Parents, routes and what belongs to them: what people write, what is refused, what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipway.settings import load
from pipway.settings.values import UPSTREAMS
from pipway.settings.ways import COMMAND, LOGINS, NETWORKS, PARENTS, PATHS, ROUTES, TARGETS, TEXT, WORDS, Hop

FOLDER = Path("/folder")
PROXY = "http://CORP%5Calice@proxy.example:8080"


def hops(*ways: tuple[str, ...]) -> tuple[tuple[Hop, ...], ...]:
    return tuple(tuple(Hop(url) for url in way) for way in ways)


@pytest.mark.parametrize("raw", [PROXY, [PROXY], f" {PROXY} ,"])
def test_one_parent(raw: Any) -> None:
    assert PARENTS.read(raw, FOLDER) == (Hop(PROXY),)


def test_several_parents() -> None:
    assert PARENTS.read(f"{PROXY},socks5h://other.example:1080", FOLDER) == (
        Hop(PROXY),
        Hop("socks5h://other.example:1080"),
    )


def test_a_password_is_not_shown() -> None:
    found = PARENTS.read("http://alice:s3cret@proxy.example:8080", FOLDER)
    assert "s3cret" not in f"{PARENTS.show(found)}{found!r}"
    routes = ROUTES.read([{"match": "*", "via": "http://alice:s3cret@proxy.example:8080"}], FOLDER)
    assert "s3cret" not in f"{ROUTES.show(routes)}{routes!r}"
    assert ROUTES.show(routes) == ["* via http://[hidden]@proxy.example:8080"]


def test_a_route_with_ways_chains_and_options() -> None:
    (route,) = ROUTES.read(
        [
            {
                "match": ["*.corp.example", "10.0.0.0/8"],
                "via": ["direct", ["socks5://jump.example:1080", {"url": PROXY, "spn": "HTTP/p", "ca": "root.pem"}]],
                "prefer": "fastest",
            }
        ],
        FOLDER,
    )
    assert route.match == ("*.corp.example", "10.0.0.0/8")
    assert route.fastest
    direct, (jump, proxy) = route.via
    assert direct == (Hop("direct"),)
    assert jump == Hop("socks5://jump.example:1080")
    assert (proxy.url, dict(proxy.options)) == (PROXY, {"spn": "HTTP/p", "ca": FOLDER / "root.pem"})


def test_routes_in_a_variable_are_json() -> None:
    settings = load(environ={"PIPWAY_ROUTES": '[{"match": "*", "via": ["direct"]}]'})
    assert settings.routes[0].via == hops(("direct",))


def test_routes_in_a_file_are_tables(tmp_path: Path) -> None:
    file = tmp_path / "pipway.toml"
    file.write_text('[[route]]\nmatch = "*.example"\nvia = "refuse"\n\n[[route]]\nmatch = "*"\nvia = ["direct"]\n')
    settings = load(config=file, environ={})
    assert [route.via for route in settings.routes] == [hops(("refuse",)), hops(("direct",))]
    assert settings.origins["routes"] == f"{file}:1"


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        (PARENTS, "direct", "route"),
        (PARENTS, 8080, "list"),
        (PARENTS, [8080], "URL"),
        (PARENTS, [PROXY] * 65, "64"),
        (ROUTES, [{"match": "*"}], "match and via"),
        (ROUTES, [{"match": "*", "via": []}], "empty"),
        (ROUTES, [{"match": [], "via": "direct"}], "empty"),
        (ROUTES, [{"match": "*", "via": "direct", "prefer": "luck"}], "prefer"),
        (ROUTES, [{"match": "*", "via": [["direct", PROXY]]}], "alone"),
        (ROUTES, [{"match": "*", "via": [{"url": PROXY, "password": "s3cret"}]}], "not right here"),
        (ROUTES, [{"match": "*", "via": [{"url": "direct", "spn": "x"}]}], "no options"),
        (ROUTES, "not json", "JSON"),
        (LOGINS, "ntlm,lanman", "some of"),
        (LOGINS, "ntlm,ntlm", "once"),
        (TEXT, "two\nlines", "printable"),
        (PATHS, [""], "paths"),
        (COMMAND, 'tool "open', "quotes"),
    ],
)
def test_what_is_refused(kind: Any, raw: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        kind.read(raw, FOLDER)
    assert "s3cret" not in str(caught.value)


def test_words_files_and_commands() -> None:
    assert LOGINS.read("Digest, basic", FOLDER) == ("digest", "basic")
    assert PATHS.read("a.pem,/b.pem", FOLDER) == (FOLDER / "a.pem", Path("/b.pem"))
    assert COMMAND.read("secret-tool lookup 'the proxy'", FOLDER) == ("secret-tool", "lookup", "the proxy")


def test_an_upstream_has_files_of_its_own() -> None:
    (upstream,) = UPSTREAMS.read([{"url": "https://index.example/simple/", "ca": "corp.pem"}], FOLDER)
    assert (upstream.ca, upstream.client_certificate) == (FOLDER / "corp.pem", None)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (NETWORKS, "10.0.0.0/8, private,192.0.2.7,2001:db8::/32"),
        (TARGETS, "localhost:8080,git.example:22,*.corp.example,*:8443,[::1]:8080,10.0.0.0/8:443,2001:db8::7"),
        (WORDS, "pipway,pipway.corp.example"),
    ],
)
def test_who_and_where_to(kind: Any, raw: str) -> None:
    words = tuple(word.strip() for word in raw.split(","))
    assert kind.read(raw, FOLDER) == kind.read(list(words), FOLDER) == words
    assert kind.show(words) == list(words)


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        (NETWORKS, "corp.example", "none of"),
        (NETWORKS, "10.0.0.0/99", "none of"),
        (TARGETS, "git.example:0", "HOST:PORT"),
        (TARGETS, "git.example:65536", "HOST:PORT"),
        (TARGETS, "https://git.example", "HOST:PORT"),
        (TARGETS, "alice@git.example", "HOST:PORT"),
        (WORDS, "pipway example", "names"),
        (WORDS, [7], "names"),
    ],
)
def test_what_is_no_target(kind: Any, raw: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        kind.read(raw, FOLDER)
