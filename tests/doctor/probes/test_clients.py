"""The last step: real installers get a small file, set up as they are here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.doctor.proxied import case as proxied
from tests.servers import rude
from tests.servers.upstream import Upstream

from pipway.clients.base import Effective, Installed, Setting, Surroundings
from pipway.doctor.base import Case, Facts, Status, Subject
from pipway.doctor.probes import clients
from pipway.doctor.probes.clients import PROBE
from pipway.doctor.trial import command

PIP = Installed("pip", (sys.executable, "-m", "pip"), "26.0")
UV = Installed("uv", (str(Path(sys.executable).parent / "uv"),), "0.13")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    made.add_wheel("parcel", "1.0")
    with made.in_thread():
        yield made


def case(upstream: Upstream, folder: Path, installed: Installed, more: dict[str, str]) -> Case:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    environ |= {"PIP_INDEX_URL": upstream.url, "UV_DEFAULT_INDEX": upstream.url, "PIP_RETRIES": "0", **more}
    surroundings = Surroundings(environ, folder, folder)
    effective = {Setting.INDEX: Effective(Setting.INDEX, (upstream.url,))}
    return Case(surroundings, Subject(installed.name, installed, effective), (), upstream.url, "parcel")


@pytest.mark.slow
@pytest.mark.parametrize("installed", [PIP, UV], ids=lambda each: each.name)
async def test_a_file_is_got_and_nothing_stays_behind(upstream: Upstream, tmp_path: Path, installed: Installed) -> None:
    result = await PROBE.run(case(upstream, tmp_path, installed, {"TMPDIR": str(tmp_path)}), Facts(page="seen"))
    assert result.status is Status.WORKS, result
    assert "got parcel" in result.says
    assert not list(tmp_path.glob("pipway-doctor-*"))


@pytest.mark.slow
@pytest.mark.parametrize("installed", [PIP, UV], ids=lambda each: each.name)
async def test_the_index_that_a_person_named_is_asked(upstream: Upstream, tmp_path: Path, installed: Installed) -> None:
    dead = "http://127.0.0.1:9/simple/"
    made = case(upstream, tmp_path, installed, {"PIP_INDEX_URL": dead, "UV_DEFAULT_INDEX": dead})
    configured = {Setting.INDEX: Effective(Setting.INDEX, (dead,))}
    result = await PROBE.run(replace(made, subject=replace(made.subject, effective=configured)), Facts(page="seen"))
    assert result.status is Status.WORKS, result


@pytest.mark.slow
async def test_what_the_installer_prints_is_explained(upstream: Upstream, tmp_path: Path) -> None:
    dead = {"PIP_PROXY": "http://127.0.0.1:9", "PIP_INDEX_URL": "https://index.example/simple/"}
    result = await PROBE.run(case(upstream, tmp_path, PIP, dead), Facts(page="seen"))
    assert result.status is Status.FAILS
    assert result.findings


@pytest.mark.slow
async def test_another_installer_that_fails_is_a_remark(upstream: Upstream, tmp_path: Path) -> None:
    made = case(upstream, tmp_path, PIP, {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/", "UV_HTTP_RETRIES": "0"})
    made = replace(made, others=(Subject("uv", UV, {}),))
    result = await PROBE.run(made, Facts(page="seen"))
    assert result.status is Status.REMARK, result
    assert result.findings[0].what.startswith("uv: ")


@pytest.mark.slow
async def test_nothing_of_the_project_is_run(upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "pip.py").write_text("open('ran', 'w')")
    result = await PROBE.run(case(upstream, tmp_path, PIP, {}), Facts(page="seen"))
    assert result.status is Status.WORKS, result
    assert not (tmp_path / "ran").exists()


def _script(folder: Path, text: str) -> Installed:
    script = folder / "pip"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return Installed("pip", (str(script),), "26.0")


@pytest.mark.slow
async def test_a_large_file_that_is_still_coming_is_no_failure(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_SECONDS", 0.5)
    slow = _script(tmp_path, "touch $TMPDIR/unpacked; echo '  Downloading parcel.whl (2.5 GB)'; exec sleep 60")
    result = await PROBE.run(case(upstream, tmp_path, slow, {"TMPDIR": str(tmp_path / "tmp")}), Facts(page="seen"))
    assert (result.status, result.findings[0].id) == (Status.REMARK, "client-fails")
    assert not list(tmp_path.rglob("unpacked"))
    hanging = _script(tmp_path, "echo 'Collecting parcel'; exec sleep 60")
    assert (await PROBE.run(case(upstream, tmp_path, hanging, {}), Facts(page="seen"))).status is Status.FAILS


@pytest.mark.parametrize(
    ("setting", "url", "run"),
    [
        (Setting.PROXY, "http://alice:typo@127.0.0.1:9", False),
        (Setting.INDEX, "http://alice:typo@127.0.0.1:9/simple/", False),
        (Setting.EXTRA_INDEXES, "http://alice:typo@127.0.0.1:9/simple/", False),
        (Setting.EXTRA_INDEXES, "http://127.0.0.1:9/simple/", True),
    ],
)
async def test_another_installer_logs_on_with_no_secret_of_its_own(
    upstream: Upstream, tmp_path: Path, setting: Setting, url: str, run: bool
) -> None:
    mine = _script(tmp_path, "exit 0")
    (tmp_path / "other").mkdir()
    other = _script(tmp_path / "other", f"touch {tmp_path}/ran")
    made = case(upstream, tmp_path, mine, {})
    made = replace(made, others=(Subject("uv", other, {setting: Effective(setting, (url,))}),))
    result = await PROBE.run(made, Facts(page="seen"))
    assert (tmp_path / "ran").exists() is run
    assert ("its login for 127.0.0.1:9 is not proven" in result.says) is not run
    assert "typo" not in result.says


async def test_a_login_that_an_extra_index_refuses_is_sent_once(tmp_path: Path) -> None:
    mine = _script(tmp_path, f"echo >> {tmp_path}/ran")
    async with Upstream() as strict:
        strict.behave("*", rude.answering(401))
        extra = strict.url.replace("//", "//alice:typo@")
        effective = {Setting.EXTRA_INDEXES: Effective(Setting.EXTRA_INDEXES, (extra,))}
        for _ in range(2):
            made = replace(proxied(tmp_path, "", index=strict.url), subject=Subject("pip", mine, effective))
            result = await PROBE.run(made, Facts(page="seen"))
            assert "was refused" in result.says
        assert len([each for each in strict.requests if each.header("authorization")]) == 1
    assert not (tmp_path / "ran").exists()


async def test_without_a_page_nothing_is_run(upstream: Upstream, tmp_path: Path) -> None:
    assert (await PROBE.run(case(upstream, tmp_path, PIP, {}), Facts())).status is Status.SKIPPED


def test_of_the_command_only_what_concerns_the_network_is_kept() -> None:
    words = [
        "pip",
        "install",
        "--target",
        "x",
        "--proxy",
        "http://p:1",
        "-i",
        "https://index.example/simple",
        "--pre",
        "a",
    ]
    made = command(Subject("pip", PIP, {}), PIP, words, "parcel", "folder")
    kept = ["--dest", "folder", "--proxy", "http://p:1", "-i", "https://index.example/simple", "parcel"]
    assert made[made.index("--dest") :] == kept
