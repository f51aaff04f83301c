"""Counters from the trace."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipway.trace import Answered, Details, RequestRecord, Trace
from pipway.web.metrics import Metrics, kind_of


def record(target: str = "/simple/demo/", seconds: float = 0.0002, **facts: Any) -> RequestRecord:
    answered = Answered("GET", target, 200, 10, "hit", "pip/26.2")
    return RequestRecord(0.0, seconds, "127.0.0.1", answered._replace(**facts))


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def test_requests_are_counted_from_the_trace() -> None:
    trace = Trace()
    metrics = Metrics(trace)
    for _ in range(3):
        trace.request(record())
    trace.request(record("/files/https/files.example/x.whl", outcome="miss", sent=1000, seconds=2.0))
    trace.flush()
    assert value(metrics, "pipway_requests_total", method="GET", status="200", outcome="hit", kind="page") == 3
    assert value(metrics, "pipway_requests_total", method="GET", status="200", outcome="miss", kind="file") == 1
    assert value(metrics, "pipway_sent_bytes_total", kind="file") == 1000
    assert value(metrics, "pipway_request_seconds_count", kind="page") == 3
    assert value(metrics, "pipway_request_seconds_sum", kind="page") == pytest.approx(0.0006)
    assert value(metrics, "pipway_request_seconds_bucket", kind="page", le="0.0001") == 0
    assert value(metrics, "pipway_request_seconds_bucket", kind="page", le="0.0005") == 3
    assert value(metrics, "pipway_request_seconds_bucket", kind="file", le="1.0") == 0
    assert value(metrics, "pipway_request_seconds_bucket", kind="file", le="5.0") == 1


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/simple/", "list"),
        ("/simple/?format=x", "list"),
        ("/simple/demo/", "page"),
        ("/files/https/files.example/x.whl", "file"),
        ("/files/https/files.example/x.whl.metadata", "metadata"),
        ("/files/https/files.example/x.whl.metadata?a=1", "metadata"),
        ("/files/https/files.example/x.whl?a=.metadata", "file"),
        ("/", "other"),
        ("/health", "other"),
        ("*", "other"),
    ],
)
def test_the_kind_comes_from_the_target(target: str, kind: str) -> None:
    assert kind_of(target) == kind


def test_what_clients_invent_cannot_grow_the_metrics() -> None:
    metrics = Metrics()
    for number in range(5000):
        metrics.requests([record(f"/{number}", method=f"X{number}", outcome=f"o{number}")])
    assert value(metrics, "pipway_requests_total", method="other", status="200", outcome="other", kind="other") == 5000
    assert len(metrics.text()) < 20_000


def test_upstream_requests_and_failures_are_counted() -> None:
    trace = Trace()
    metrics = Metrics(trace)
    trace.emit("upstream.request", origin="https://index.example", target="/simple/demo/", method="GET", reused=True)
    trace.emit("upstream.asked", index="main", kind="page", url="https://index.example/", status=200, seconds=0.1)
    trace.emit("upstream.asked", index="main", kind="page", url="https://index.example/", status=0, seconds=0.1)
    trace.emit("upstream.retry", index="main", error="connection-refused")
    trace.emit("file.mismatch", filename="x.whl", error="Some long text")
    assert value(metrics, "pipway_upstream_requests_total", origin="https://index.example", method="GET") == 1
    assert value(metrics, "pipway_upstream_answers_total", index="main", kind="page", status="200") == 1
    assert value(metrics, "pipway_upstream_answers_total", index="main", kind="page", status="0") == 1
    assert value(metrics, "pipway_upstream_failures_total", code="connection-refused") == 1
    assert value(metrics, "pipway_upstream_failures_total", code="file.mismatch") == 1


def test_the_cache_is_counted() -> None:
    trace = Trace()
    metrics = Metrics(trace)
    trace.emit("page.hit", index="main", project="demo")
    trace.emit("page.hit", index="main", project="demo")
    trace.emit("file.stored", filename="x.whl", size=4096, seconds=0.1)
    trace.emit("blob.quarantined", digest="00")
    assert value(metrics, "pipway_cache_events_total", what="page", event="hit") == 2
    assert value(metrics, "pipway_cache_stored_bytes_total") == 4096
    assert value(metrics, "pipway_events_total", event="blob.quarantined") == 1


def test_event_names_are_bounded_too() -> None:
    metrics = Metrics()
    for number in range(5000):
        metrics.event(f"made.up{number}", {"error": f"code{number}"})
    assert len(metrics.text()) < 100_000


def test_the_process_is_there() -> None:
    names = {name for name, _ in samples(Metrics())}
    assert "process_resident_memory_bytes" in names
    assert "pipway_build_info" in names


def test_two_registries_do_not_share() -> None:
    first, second = Metrics(), Metrics()
    first.requests([record()])
    assert value(first, "pipway_sent_bytes_total", kind="page") == 10
    assert not any(name == "pipway_sent_bytes_total" for name, _ in samples(second))


def test_traffic_is_counted_by_face_tool_outcome_and_route() -> None:
    """The same dimensions as `/live`."""
    metrics = Metrics()
    one = record("/simple/demo/", outcome="miss")
    by_parent = Details(0.1, "http://proxy.example:3128 (PIPWAY_PARENT)")
    direct = Details(0.1, "direct (nothing says otherwise)")
    metrics.requests([record(), record(), one._replace(details=by_parent), one._replace(details=direct)])
    metrics.requests(
        [record("files.example:443", method="CONNECT", outcome="tunnel", client="")._replace(details=direct)]
    )
    metrics.requests([record("a.example:1", method="SOCKS5", status=403, client="")._replace(details=Details(0.1))])
    metrics.requests([record()._replace(details=direct)])
    name = "pipway_traffic_total"
    assert value(metrics, name, face="index", tool="pip", outcome="hit", route="none") == 3
    assert value(metrics, name, face="index", tool="pip", outcome="miss", route="http") == 1
    assert value(metrics, name, face="index", tool="pip", outcome="miss", route="direct") == 1
    assert value(metrics, name, face="forward", tool="other", outcome="tunnel", route="direct") == 1
    assert value(metrics, name, face="socks", tool="other", outcome="refused", route="none") == 1
    assert value(metrics, "pipway_traffic_bytes_total", face="index", tool="pip", outcome="hit", route="none") == 30


def test_dimensions_are_bounded_whatever_clients_send() -> None:
    metrics = Metrics()
    for number in range(3000):
        client, target = f"tool{number}/{number}", f"host{number}.example:{number}"
        one = record(target, method=f"M{number}", outcome=f"o{number}", client=client, status=200 + number % 400)
        metrics.requests([one._replace(details=Details(0.1, f"way{number} (x)"))])
    labels = {labels for name, labels in samples(metrics) if name == "pipway_traffic_total"}
    assert len(labels) <= 5
    assert {dict(each)["tool"] for each in labels} == {dict(each)["face"] for each in labels} == {"other"}
