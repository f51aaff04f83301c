"""What `pipway run` says at the end, from events and from two readings of metrics."""

from __future__ import annotations

from pipway.cli.tally import Tally, between, refusal
from pipway.trace import Answered, Details, RequestRecord


def record(target: str, sent: int, outcome: str = "hit", status: int = 200) -> RequestRecord:
    return RequestRecord(1.0, 0.1, "127.0.0.1", Answered("GET", target, status, sent, outcome, "pip/26.0"))


WHEEL = "/files/https/files.example/a/My_Pkg-1.0-py3-none-any.whl"


def test_what_was_fetched_ahead_came_over_the_network_once() -> None:
    """A prefetched file is a hit to the server, and was no hit for the person."""
    tally = Tally()
    tally.event("page.miss", {"index": "main", "project": "my-pkg"})
    tally.event("file.miss", {"filename": "My_Pkg-1.0-py3-none-any.whl"})
    tally.event("metadata.fetched", {"filename": "My_Pkg-1.0-py3-none-any.whl"})
    for _ in range(4):
        tally.event("upstream.request", {"method": "GET"})
    tally.answered([record("/simple/My.Pkg/", 100, "miss"), record(WHEEL, 1000), record(WHEEL + ".metadata", 10)])
    assert (tally.requests, tally.hits, tally.from_cache, tally.from_network, tally.upstream) == (3, 0, 0, 1110, 4)
    tally.answered([record("/simple/my-pkg/", 100), record(WHEEL, 1000, "stale")])
    assert (tally.requests, tally.hits, tally.from_cache, tally.from_network) == (5, 2, 1100, 1110)
    assert tally.lines() == [
        "5 requests, 2 hits; 1.1 kB from the cache, 1.1 kB from the network; 4 requests sent upstream"
    ]


def test_what_upstream_said_had_not_changed_is_a_hit() -> None:
    tally = Tally()
    tally.event("page.revalidated", {"project": "a", "changed": False})
    tally.event("page.revalidated", {"project": "b", "changed": True})
    tally.event("metadata.backfilled", {"filename": "c-1-py3-none-any.whl", "via": "store"})
    tally.answered(
        [record("/simple/a/", 1), record("/simple/b/", 1), record("/files/x/c-1-py3-none-any.whl.metadata", 1)]
    )
    assert (tally.hits, tally.from_cache, tally.from_network) == (2, 2, 1)


def test_refusals_have_their_reasons_and_no_secret() -> None:
    tally = Tally()
    reason = "pipway: cannot connect to http://alice:s3cret@index.example"
    refused = record("/simple/a/", 99, "error", 503)._replace(details=Details(0.1, "", reason))
    tally.answered([refused, refused])
    tally.answered([record("/simple/b/", 9, "other", 404), record("files.example:25", 0, "error", 403)])
    first, *rest = tally.lines()
    assert first.endswith("; 3 refused or failed:")
    assert rest == [
        "  503 /simple/a/: cannot connect to http://[hidden]@index.example (2 times)",
        "  403 files.example:25",
    ]


def test_no_refusal_moves_the_cursor() -> None:
    """Another program may answer at the server's address."""
    assert refusal(403, "a\x1b[2J.example:443", "pipway: no\rway") == "403 a?[2J.example:443: no?way"


def test_many_refusals_stay_few_lines() -> None:
    tally = Tally()
    tally.answered([record(f"/simple/p{number}/", 0, "error", 503) for number in range(1000)])
    assert len(tally.lines()) == 7
    assert len(tally.refused) == 200


def test_nothing_came() -> None:
    """Probes of our own are not the command's."""
    tally = Tally()
    tally.answered([record("/health", 10, "other"), record("/metrics", 10, "other")])
    assert tally.lines() == ["no request came through pipway"]


def test_between_two_readings() -> None:
    before = {"requests": 10, "requests:hit": 5, "requests:refused": 1, "bytes": 100, "bytes:hit": 100}
    after = {
        "requests": 17, "requests:hit": 8, "requests:stale": 1, "requests:refused": 2, "requests:miss": 2,
        "bytes": 6200, "bytes:hit": 2100, "bytes:stale": 1000, "bytes:refused": 100, "upstream": 1,
    }  # fmt: skip
    assert between(before, after) == [
        "7 requests, 4 hits; 3.0 kB from the cache, 3.0 kB from the network; 1 request sent upstream; "
        "1 refused or failed (of all clients of the running server)"
    ]
