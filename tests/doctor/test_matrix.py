"""What each client printed of each failure, collected in the scenarios: `explain` names the cause or says it is hidden.

The logs (logs/SCENARIO.json) are what the clients wrote, with other names and without frames of tracebacks.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipway.doctor.explain import explain, named, succeeded

LOGS = {
    file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(Path(__file__).parent.glob("logs/*"))
}
CASES = [
    pytest.param(scenario, client, id=f"{scenario}-{client.replace(' ', '-')}")
    for scenario, each in LOGS.items()
    for client in each["logs"]
]

#: cause → what the text of some client tells instead, because it holds no more
TOLD_INSTEAD = {
    "block-page": {"project-not-found"},  # pip, uv and Poetry see a page without files
    "captive-portal": {"project-not-found"},
    "index-url-without-simple": {"project-not-found"},  # the address is configuration
    "https-scheme-for-plain-proxy": {"index-not-tls"},  # the same sentence; the proxy's URL is configuration
    "python-too-old": {"version-not-there"},  # pip 25.0 lists only what suits
    "proxy-login-refused": {"proxy-login-required", "proxy-refuses"},  # whether there was a login is configuration
    "stored-login-rejected": {"proxy-refuses"},  # uv: "tunnel error: unsuccessful", whatever the proxy said
    "not-a-proxy": {"proxy-refuses"},
    "proxy-speaks-socks": {"proxy-refuses"},
    "hashes-everywhere": {"hash-not-listed"},  # whether a file or a variable asks for them is configuration
    "index-url-unreadable": {"project-not-found"},  # uv takes it for a folder
    "index-no-upload-time": {"option-unknown"},
    "tls-wrong-name": {"pip-address-over-tls"},  # pip 25.0 does not get that far
}
#: (cause, client) that a client tells nothing of
HIDING = {
    "pip": {
        *("block-page", "captive-portal", "index-down", "index-forbids", "index-rate-limit", "project-not-found"),
        *("index-url-without-simple", "python-too-old"),
    },
    "uv": {"block-page", "captive-portal"},
}


@pytest.mark.parametrize(("scenario", "client"), CASES)
def test_what_is_named(scenario: str, client: str) -> None:
    cause, log = LOGS[scenario]["cause"], LOGS[scenario]["logs"][client]
    text = "\n".join(log["lines"]) + "\n"
    tool, _, version = client.partition(" ")
    found = explain(text, version=version.split(" ")[0])
    assert named(found) == log["named"], [(each.cause.id, each.rank, each.line) for each in found]
    if not log["failed"]:
        assert not found
        assert succeeded(text)
    elif named(found) == "cause-hidden":
        quiet = tool == "pipenv" or (tool == "poetry" and "-v" not in client.split())
        assert quiet or cause in HIDING[tool], "it tells, and nobody listens"
        assert "pipway doctor" in str(found[0].finding.fix)
    elif named(found) != cause:
        assert named(found) in TOLD_INSTEAD[cause]
    if found:
        assert found[0].line in text


@pytest.mark.parametrize("scenario", LOGS)
def test_the_client_of_every_version_is_there(scenario: str) -> None:
    clients = {client.partition(" ")[0] for client in LOGS[scenario]["logs"]}
    assert {"pip", "uv"} <= clients


def test_the_logs_are_of_nobody_in_particular() -> None:
    text = json.dumps(LOGS)
    assert not re.search(r"/work/|/root/|pytest-of|127\.0\.0\.1|localhost", text)
    assert len(LOGS) >= 30
