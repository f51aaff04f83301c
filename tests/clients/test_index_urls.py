"""PW705: index URLs that cannot be right."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from pipway.clients.index_urls import suspicious
from pipway.findings import Place, Severity

HOST = urlsplit(PYPI_SIMPLE_ENDPOINT).netloc


@pytest.mark.parametrize(
    ("url", "meant", "severity"),
    [
        (f"https://{HOST}", PYPI_SIMPLE_ENDPOINT, Severity.HIGH),
        (f"http://{HOST}/pypi/", PYPI_SIMPLE_ENDPOINT, Severity.HIGH),
        ("https://n.example/repository/x", "https://n.example/repository/x/simple/", Severity.HIGH),
        (
            "https://a.example/artifactory/pypi-all",
            "https://a.example/artifactory/api/pypi/pypi-all/simple/",
            Severity.HIGH,
        ),
        (
            "https://a.example/artifactory/api/pypi/x/",
            "https://a.example/artifactory/api/pypi/x/simple/",
            Severity.HIGH,
        ),
        ("http://127.0.0.1:3141/", "http://127.0.0.1:3141/simple/", Severity.LOW),
    ],
)
def test_without_simple(url: str, meant: str, severity: Severity) -> None:
    (one,) = suspicious(url, "index-url", Place("PIP_INDEX_URL"))
    assert (one.id, one.severity) == ("PW705", severity)
    assert one.fix is not None
    assert one.fix.text == f"write {meant}"
    assert one.fix.safe == (HOST in url)
    assert list(suspicious(meant, "index-url", Place("x"))) == []


@pytest.mark.parametrize(
    "url",
    [
        PYPI_SIMPLE_ENDPOINT,
        PYPI_SIMPLE_ENDPOINT.rstrip("/"),
        "https://n.example/repository/x/simple",
        "https://a.example/artifactory/api/pypi/x/simple",
        "https://w.example/whl/cpu",
        "file:///wheels",
        "https://[broken",
    ],
)
def test_nothing_to_say(url: str) -> None:
    assert list(suspicious(url, "index-url", Place("x"))) == []


@pytest.mark.parametrize("url", ['"https://a.example/simple"', "https://a.example/simple  # ours"])
def test_what_does_not_belong(url: str) -> None:
    assert [one.severity for one in suspicious(url, "index-url", Place("x"))] == [Severity.HIGH]
