"""The project's page: what it says, and each way in which it does not come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.doctor.probes.asked import case
from tests.servers import rude
from tests.servers.rude import Behaviour
from tests.servers.upstream import Upstream

from pipway.doctor.base import Facts, Status
from pipway.doctor.probes.index import PROBE

BLOCKED = b"<html><head><title>Access denied</title></head><body>by category</body></html>"


@pytest.mark.parametrize("form", ["json", "html", "minimal"])
async def test_a_page_is_kept_for_the_steps_after(form: str, tmp_path: Path) -> None:
    async with Upstream(form=form) as upstream:  # type: ignore[arg-type]
        upstream.add_wheel("parcel", "1.0")
        facts = Facts()
        result = await PROBE.run(case(upstream.url, tmp_path), facts)
    assert result.status is Status.WORKS, result
    assert "parcel-1.0" in facts.page
    assert facts.page_url.endswith("/simple/parcel/")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (rude.failing(503), "index-down"),
        (rude.answering(429, Retry_After="7"), "index-rate-limit"),
        (rude.answering(401), "index-wants-login"),
        (rude.answering(403), "index-forbids"),
        (rude.circling(), "index-redirects"),
        (rude.answering(200, BLOCKED, Content_Type="text/html"), "block-page"),
        (rude.html_for_json(), "block-page"),
        (rude.truncated(after=20), "index-breaks"),
        (rude.stalling(after=20), "index-stalls"),
        (rude.silent(), "index-stalls"),
        (rude.resetting(after=-1), "index-breaks"),
    ],
)
async def test_each_failure_has_its_name(behaviour: Behaviour, cause: str, tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        upstream.behave("/simple/*", behaviour)
        result = await PROBE.run(case(upstream.url, tmp_path, patience=0.4), Facts())
    assert result.status is Status.FAILS
    assert [each.id for each in result.findings] == [cause]


async def test_the_reason_phrase_is_shown(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.behave("*", rude.raw(b"HTTP/1.1 403 Ask the librarian\r\nContent-Length: 0\r\n\r\n"))
        result = await PROBE.run(case(upstream.url, tmp_path), Facts())
    assert "Ask the librarian" in result.findings[0].what


async def test_an_address_without_simple_is_corrected(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        result = await PROBE.run(case(upstream.origin, tmp_path), Facts())
        assert [each.id for each in result.findings] == ["index-url-without-simple"]
        assert result.findings[0].fix is not None
        assert upstream.url in result.findings[0].fix.commands[0]


async def test_a_misspelt_name_is_told_with_the_one_that_is_there(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        asked = case(upstream.url, tmp_path, command="pip install parcell", project="parcell")
        result = await PROBE.run(asked, Facts())
    assert [each.id for each in result.findings] == ["project-not-found"]
    assert result.findings[0].fix is not None
    assert result.findings[0].fix.commands == ("pip install parcel",)


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ("pip install 'parcel>=2'", "python-too-old"),
        ("pip install 'parcel>=9'", "version-not-there"),
        ("pip install 'parcel<2'", None),
        ("pip install parcel --uploaded-prior-to 2025-01-01T00:00:00Z", None),
    ],
)
async def test_the_page_is_compared_with_what_is_wanted(command: str, cause: str | None, tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        upstream.add_wheel("parcel", "2.0", requires_python=">=3.99")
        result = await PROBE.run(case(upstream.url, tmp_path, command=command), Facts())
    assert [each.id for each in result.findings] == ([cause] if cause else [])


async def test_upload_times_that_pip_does_not_read(tmp_path: Path) -> None:
    async with Upstream(form="minimal") as upstream:
        upstream.add_wheel("parcel", "1.0")
        asked = case(upstream.url, tmp_path, environ={"PIP_UPLOADED_PRIOR_TO": "2025-01-01T00:00:00Z"})
        result = await PROBE.run(asked, Facts())
    assert [each.id for each in result.findings] == ["index-no-upload-time"]
    assert "PIP_UPLOADED_PRIOR_TO" in result.findings[0].what


async def test_a_login_goes_to_nobody_whose_certificate_was_not_judged(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.behave("*", rude.answering(401))
        index = upstream.url.replace("//", "//alice:geheim@")
        result = await PROBE.run(case(index, tmp_path), Facts())
        assert not any(request.header("authorization") for request in upstream.requests)
    assert "geheim" not in str(result)


async def test_an_index_that_lacks_a_project_nobody_asked_for_is_not_broken(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        asked = case(upstream.url, tmp_path, project="pip")
        named = await PROBE.run(asked, Facts())
        assumed = await PROBE.run(replace(asked, assumed=True), Facts())
        wrong = await PROBE.run(replace(asked, assumed=True, index=upstream.origin), Facts())
    assert [each.id for each in named.findings] == ["project-not-found"]
    assert (assumed.status, assumed.findings) == (Status.SKIPPED, ())
    assert "pipway doctor PROJECT" in assumed.says
    assert wrong.status is Status.SKIPPED  # neither address has that project: nobody knows which is right


async def test_an_address_without_simple_is_corrected_whatever_the_project(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("pip", "26.3")
        asked = case(upstream.origin, tmp_path, project="pip")
        result = await PROBE.run(replace(asked, assumed=True), Facts())
    assert [each.id for each in result.findings] == ["index-url-without-simple"]


async def test_a_limit_is_told_before_it_is_reached(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        body = b'<!DOCTYPE html><a href="parcel-1.0-py3-none-any.whl">parcel-1.0-py3-none-any.whl</a>'
        limited = rude.answering(200, body, Content_Type="text/html", RateLimit_Remaining="3")
        upstream.behave("/simple/*", limited)
        result = await PROBE.run(case(upstream.url, tmp_path), Facts())
    assert "3 requests left" in result.says


async def test_a_version_that_is_not_there_is_told_with_the_command_for_the_one_that_is(tmp_path: Path) -> None:
    async with Upstream() as upstream:
        upstream.add_wheel("parcel", "1.0")
        result = await PROBE.run(case(upstream.url, tmp_path, command="pip install 'parcel>=7'"), Facts())
    (found,) = result.findings
    assert found.fix is not None
    assert found.fix.commands == ("pip install parcel==1.0",)
