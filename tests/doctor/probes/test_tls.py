"""The certificate of the index, as each installer on this machine would judge it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.servers.certificates import Issued, issue, serving
from tests.servers.rude import mute_port

from pipway.clients.base import Effective, Entry, Installed, Setting, Surroundings
from pipway.doctor.base import Case, Facts, Result, Status, Subject, Suspicion
from pipway.doctor.probes.tls import PROBE
from pipway.findings import Finding, Place, Severity

DAY = timedelta(days=1)
ROOT = issue("Example Inspection Root", authority=True)
LEAF = issue("localhost", ROOT, names=["localhost"])
Server = Callable[..., "asyncio.Task[None]"]


@asynccontextmanager
async def shown(*chain: Issued, cut: bool = False, plain: bool = False) -> AsyncIterator[str]:
    """An index that shows these; its URL."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if plain:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        elif not cut:
            await reader.read(1)
        else:
            await reader.read(1)
        writer.close()

    context = None if cut or plain else serving(*chain)
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/simple/"


def subject(name: str, version: str, *entries: tuple[str, str], shadows: tuple[tuple[str, str], ...] = ()) -> Subject:
    said = tuple(Entry(Setting.CA, path, "environment", Place(key), key) for key, path in entries)
    behind = tuple(Entry(Setting.CA, path, "environment", Place(key), key) for key, path in shadows)
    effective = {Setting.CA: Effective(Setting.CA, tuple(each.value for each in said), said, behind)}
    return Subject(name, Installed(name, ("/nowhere/program",), version, "3.11"), effective)


def case(folder: Path, url: str, asked: Subject, *others: Subject, environ: dict[str, str] | None = None) -> Case:
    empty = folder / "root"
    empty.mkdir(exist_ok=True)
    surroundings = Surroundings({"HOME": str(folder), **(environ or {})}, folder, folder, root=empty)
    return Case(surroundings, asked, others, url, "parcel", command=("pip install parcel",), patience=2)


def pem(folder: Path, *roots: Issued, name: str = "root.pem") -> str:
    file = folder / name
    file.write_text("".join(each.pem for each in roots))
    return str(file)


async def examined(made: Case, facts: Facts | None = None) -> Result:
    return await PROBE.run(made, facts or Facts())


def commands(finding: Finding) -> str:
    assert finding.fix is not None
    return "\n".join(finding.fix.commands)


async def test_an_index_without_tls_is_not_judged(tmp_path: Path) -> None:
    result = await examined(case(tmp_path, "http://localhost:9/simple/", subject("pip", "26.3")))
    assert result.status is Status.SKIPPED


async def test_what_is_believed_works_and_says_who_answers_for_it(tmp_path: Path) -> None:
    async with shown(LEAF) as url:
        facts = Facts()
        named = subject("pip", "26.3", ("PIP_CERT", pem(tmp_path, ROOT)))
        result = await examined(case(tmp_path, url, named, subject("uv", "0.13.8")), facts)
    assert result.status is Status.REMARK, result  # uv has not been told
    assert "believed by pip (" in result.says
    assert "uv (" not in result.says
    assert "Example Inspection Root (Example Ltd)" in result.says
    assert "no public authority" in result.says
    assert facts.chain == (LEAF.der,)


@pytest.mark.parametrize(("tool", "variable"), [("pip", "PIP_CERT"), ("uv", "SSL_CERT_FILE"), ("poetry", "REQUESTS")])
async def test_an_unknown_root_is_named_with_the_variable_of_the_tool(tmp_path: Path, tool: str, variable: str) -> None:
    async with shown(LEAF) as url:
        result = await examined(case(tmp_path, url, subject(tool, "1.0")))
    assert result.status is Status.FAILS
    assert result.findings[0].id == "tls-unknown-root"
    assert "Example Inspection Root" in result.findings[0].what
    assert f"export {variable}" in commands(result.findings[0])
    assert " CA > " in commands(result.findings[0])  # the file is for a person to get


async def test_a_root_that_the_server_sends_is_no_proof(tmp_path: Path) -> None:
    async with shown(LEAF, ROOT) as url:
        result = await examined(case(tmp_path, url, subject("pip", "26.3")))
    fix = result.findings[0].fix
    assert fix is not None
    assert "proves nothing" in fix.text
    assert "compare the fingerprint" in fix.text


async def test_a_root_that_a_person_gave_is_found_and_named(tmp_path: Path) -> None:
    given = tmp_path / "given.pem"
    given.write_text(ROOT.pem)
    async with shown(LEAF) as url:
        result = await examined(replace(case(tmp_path, url, subject("uv", "0.13.8")), ca=(given,)))
    assert str(given) in commands(result.findings[0])


async def test_where_the_system_knows_the_root_uv_is_told_to_ask_it(tmp_path: Path) -> None:
    made = case(tmp_path, "", subject("uv", "0.13.8"))
    bundle = tmp_path / "root/etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(ROOT.pem)
    async with shown(LEAF) as url:
        result = await examined(replace(made, index=url))
        poetry = await examined(replace(made, index=url, subject=subject("poetry", "2.2")))
    assert commands(result.findings[0]) == "export UV_SYSTEM_CERTS=1"
    assert commands(poetry.findings[0]) == f"export REQUESTS_CA_BUNDLE={bundle}"


@pytest.mark.parametrize(
    ("asked", "variable", "cause"),
    [
        (subject("pip", "26.3"), "REQUESTS_CA_BUNDLE", "ca-variable-lost"),
        (subject("pip", "23.3.2"), "SSL_CERT_FILE", "ca-variable-not-read"),
        (subject("uv", "0.13.8"), "REQUESTS_CA_BUNDLE", "ca-variable-not-read"),
    ],
)
async def test_a_variable_that_has_the_root_and_is_not_read(
    tmp_path: Path, asked: Subject, variable: str, cause: str
) -> None:
    environ = {variable: pem(tmp_path, ROOT)}
    doubt = Suspicion(Finding(cause, Severity.HIGH, "perhaps"), frozenset({"tls"}))
    async with shown(LEAF) as url:
        facts = Facts(suspicions=[doubt])
        result = await examined(case(tmp_path, url, asked, environ=environ), facts)
    assert result.findings[0].id == cause
    assert f'="${variable}"' in commands(result.findings[0])
    assert facts.suspicions == []  # what was suspected is known now


@pytest.mark.parametrize("content", [None, "", "no certificate"])
async def test_a_file_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "broken.pem"
    if content is not None:
        file.write_text(content)
    async with shown(LEAF) as url:
        result = await examined(case(tmp_path, url, subject("uv", "0.13.8", ("SSL_CERT_FILE", str(file)))))
    assert result.findings[0].id == "ca-file-unusable"
    assert str(file) in result.findings[0].what


async def test_a_broken_file_that_nobody_needs_is_taken_away(tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": pem(tmp_path, ROOT)}
    behind = (("SSL_CERT_FILE", environ["SSL_CERT_FILE"]),)
    asked = subject("pip", "26.3", ("PIP_CERT", "/nowhere/ca.pem"), shadows=behind)
    async with shown(LEAF) as url:
        result = await examined(case(tmp_path, url, asked, environ=environ))
    assert commands(result.findings[0]) == "unset PIP_CERT"


async def test_dates_names_and_rules(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ended = issue("localhost", ROOT, names=["localhost"], begins=now - 9 * DAY, ends=now - DAY)
    early = issue("localhost", ROOT, names=["localhost"], begins=now + DAY)
    named = issue("other.example", ROOT, names=["other.example"])
    claims = issue("localhost", ROOT, names=["localhost"], authority=True)
    for leaf, cause in (
        (ended, "tls-expired"),
        (early, "tls-not-yet-valid"),
        (named, "tls-wrong-name"),
        (claims, "tls-unfit"),
    ):
        async with shown(leaf) as url:
            asked = subject("uv", "0.13.8", ("SSL_CERT_FILE", pem(tmp_path, ROOT)))
            result = await examined(case(tmp_path, url, asked))
        assert [each.id for each in result.findings] == [cause]


async def test_a_hole_in_the_chain_is_told_from_an_unknown_authority(tmp_path: Path) -> None:
    issuing = issue("Example Issuing", ROOT, authority=True)
    leaf = issue("localhost", issuing, names=["localhost"])
    async with shown(leaf) as url:
        named = subject("pip", "26.3", ("PIP_CERT", pem(tmp_path, ROOT)))
        environ = {"PIP_CERT": pem(tmp_path, ROOT)}
        result = await examined(case(tmp_path, url, named, environ=environ))
    assert result.findings[0].id == "tls-incomplete-chain"
    assert "Example Issuing" in result.findings[0].what


async def test_what_python_3_13_will_refuse_is_a_remark_today(tmp_path: Path) -> None:
    lax = issue("Lax", authority=True, critical=False)
    async with shown(issue("localhost", lax, names=["localhost"])) as url:
        environ = {"PIP_CERT": pem(tmp_path, lax)}
        asked = subject("pip", "26.3", ("PIP_CERT", environ["PIP_CERT"]))
        result = await examined(case(tmp_path, url, asked, environ=environ))
        strict = replace(subject("poetry", "2.2", ("REQUESTS_CA_BUNDLE", environ["PIP_CERT"])))
        strict = replace(strict, installed=Installed("poetry", ("/nowhere",), "2.2", "3.13.1"))
        refused = await examined(case(tmp_path, url, strict, environ=environ))
    assert (result.status, result.findings[0].id, result.findings[0].severity) == (
        Status.REMARK,
        "tls-strict",
        Severity.LOW,
    )
    assert refused.status is Status.FAILS
    assert refused.findings[0].id == "tls-strict"


async def test_another_installer_that_refuses_is_a_remark(tmp_path: Path) -> None:
    named = subject("pip", "26.3", ("PIP_CERT", pem(tmp_path, ROOT)))
    async with shown(LEAF) as url:
        result = await examined(case(tmp_path, url, named, subject("uv", "0.13.8")))
    assert result.status is Status.REMARK
    assert result.findings[0].what.startswith("uv: ")
    assert result.findings[0].severity is Severity.MEDIUM


@pytest.mark.parametrize(("version", "stops"), [("24.1", False), ("24.2", True), ("26.0", True), ("26.1", False)])
async def test_a_pip_that_cannot_ask_an_address(tmp_path: Path, version: str, stops: bool) -> None:
    root = pem(tmp_path, ROOT)
    async with shown(issue("localhost", ROOT, names=["127.0.0.1", "localhost"])) as url:
        asked = subject("pip", version, ("PIP_CERT", root))
        place = Place("PIP_INDEX_URL")
        entry = Entry(Setting.INDEX, url, "environment", place, "PIP_INDEX_URL")
        effective = {**asked.effective, Setting.INDEX: Effective(Setting.INDEX, (url,), (entry,))}
        by_address = url.replace("localhost", "127.0.0.1")
        result = await examined(case(tmp_path, by_address, replace(asked, effective=effective)))
    assert [each.id for each in result.findings] == (["pip-address-over-tls"] if stops else [])
    if stops:
        assert commands(result.findings[0]) == f"export PIP_INDEX_URL={url}"


async def test_a_server_that_cuts_or_speaks_no_tls(tmp_path: Path) -> None:
    async with shown(cut=True) as url:
        result = await examined(case(tmp_path, url, subject("pip", "26.3")))
    assert result.findings[0].id == "tls-cut"
    async with shown(plain=True) as url:
        result = await examined(case(tmp_path, url, subject("pip", "26.3")))
    assert result.findings[0].id == "index-not-tls"


@pytest.mark.slow
async def test_a_server_that_never_answers_the_handshake(tmp_path: Path) -> None:
    with mute_port() as port:
        made = replace(case(tmp_path, f"https://127.0.0.1:{port}/simple/", subject("pip", "26.3")), patience=0.2)
        result = await examined(made)
    assert result.findings[0].id == "tls-silent"
    assert "0.2 s" in result.findings[0].what


@pytest.mark.slow
async def test_a_server_that_only_shakes_hands_is_judged_by_its_certificate(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=serving(LEAF))
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/simple/"
        result = await examined(replace(case(tmp_path, url, subject("pip", "26.3")), patience=0.2))
    assert result.findings[0].id == "tls-unknown-root"
