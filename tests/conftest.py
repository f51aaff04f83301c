"""What holds for every test: an environment in which this machine's own configuration plays no part."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.lab.secrets import leaked

pytest_plugins = ["tests.lab.fixtures"]

#: Beginnings of variables that lead installers, TLS or pipway itself somewhere else than the test says.
_MISLEADING = (
    *("PIP_", "UV_", "POETRY_", "PIPWAY_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSLKEYLOGFILE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FORCE_COLOR"),
)

#: What `make check` asks for: fewer examples of each property.
settings.register_profile("quick", max_examples=15)

_SKIP = os.environ.get("PIPWAY_TEST_SKIP", "")

_E2E = Path(__file__).parent / "e2e"


@pytest.fixture(scope="session")
def machine_environment() -> dict[str, str]:
    """The environment as it was: tests marked `live` need its certificate authorities to reach the real index."""
    return dict(os.environ)


@pytest.fixture(autouse=True)
def clean_environment(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    machine_environment: dict[str, str],
) -> None:
    """Take misleading variables away, and the user's own pipway folders and keyring with them.

    Not in tests/e2e, where every child process gets an environment made for it (tests.e2e.lab).
    """
    if request.path.is_relative_to(_E2E):
        return
    for name in machine_environment:
        if name.upper().startswith(_MISLEADING):
            monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    # When it may choose by itself, the keyring library runs a compiler and linkers (find_library): once for 10 s.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.hookimpl(tryfirst=True)  # before -m is obeyed
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what `make check` leaves out, and keep the tests of one xdist_group on one worker.

    Tests that run on two event loops run on the one that users have in `make check`, on both in `make test`.
    pytest-xdist 3.8 appends a test's group to `_nodeid`, which pytest 9.2 does not read any more: every worker would
    start servers of its own. Append it where it is read.
    """
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and "asyncio" in callspec.id.split("-"):
            item.add_marker("slow")
    if not config.getoption("loadgroup", False):
        return
    for item in items:
        group = item.get_closest_marker("xdist_group")
        if group is not None and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = type(item.id).parse(f"{item.nodeid}@{group.args[0]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that prints or logs a password of the lab, or the hash of one, has failed."""
    report = yield
    if report.passed and leaked(report.capstdout + report.capstderr + report.caplog):
        report.outcome, report.longrepr = "failed", f"{item.nodeid} printed a secret of the lab"
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A missing component is a failure; only PIPWAY_TEST_SKIP=name,… turns it into a skip.

    Components are the programs of `needs` marks and the word "live" for the real index.
    """
    excused = {name.strip() for name in _SKIP.split(",") if name.strip()}
    components = {str(name) for mark in item.iter_markers("needs") for name in mark.args}
    missing = {name for name in components if shutil.which(name) is None}
    if item.get_closest_marker("live"):
        components.add("live")
    if components & excused:
        pytest.skip(f"PIPWAY_TEST_SKIP names {', '.join(sorted(components & excused))}")
    if missing:
        pytest.fail(f"{', '.join(sorted(missing))} not found: `make system` installs packages.apt", pytrace=False)
