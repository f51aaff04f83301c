"""Does a file of the project come as the index says it is, and is there room for it?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pipway.clients.base import Setting
from pipway.dial.url import Url
from pipway.doctor.asking import Reply, ask, bare, excepted, follow
from pipway.doctor.base import FAILING, Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.probes.index import title
from pipway.doctor.room import Room, temporary
from pipway.doctor.wanted import Wanted, wanted
from pipway.errors import BadUpstream, PipwayError, Unavailable
from pipway.findings import Finding
from pipway.simple.names import normalize
from pipway.simple.page import File
from pipway.simple.read import read_page

_MOST = 1 << 20  # bytes of a file that are fetched
_RANGE = 1024
_UNPACKED = 3  # times its size: a wheel lies in the temporary folder packed, and unpacked beside it
_PLENTY = 1 << 20  # bytes: the least that any install takes
_MAGIC = {".whl": b"PK", ".zip": b"PK", ".gz": b"\x1f\x8b", ".bz2": b"BZ", ".xz": b"\xfd7zXZ", ".metadata": b""}


@dataclass(frozen=True, slots=True)
class _Talk:
    """One file of one case."""

    case: Case
    facts: Facts
    file: File
    url: Url
    wish: Wanted
    values: dict[str, str]

    def found(self, cause: str, **values: str) -> Finding:
        return finding(cause, **{**self.values, **values})


class Download:
    """Fetches the file that would be installed, or its beginning."""

    id = "download"
    title = "a file comes as it should"
    needs = ("configuration", "names", "reach", "connect", "login", "tls", "portal", "index")

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        chosen = _chosen(case, facts)
        if chosen is None:
            return skipped(
                "the page has no file for this Python"
                if facts.page
                else "no project to try: name one, as pipway doctor PROJECT"
            )
        file, wish = chosen
        url = Url.parse(file.url)
        facts.file_url = file.url
        values = {
            "file": file.filename,
            "host": url.origin.host,
            "url": url.printable,
            "index": bare(case.index),
            "project": case.project,
            "tool": case.subject.name,
            "version": case.subject.version,
            "command": " ".join(case.command),
            "proxy": "" if facts.proxy is None or excepted(case, url.origin) else str(facts.proxy),
        }
        talk = _Talk(case, facts, file, url, wish, values)
        local = _room(talk)
        if any(each.severity >= FAILING for each in local):
            return fails("there is no room for it here", *local)
        try:
            reply = (await follow(case, facts, url, at_most=_MOST))[-1]
        except (PipwayError, OSError) as error:
            if isinstance(error, Unavailable) and error.code == "answer-stalled":
                _stalled(talk, case.patience)
                return fails(error.what, *local)
            return fails(str(error), *local, _unreachable(talk, error))
        problems = _judged(talk, reply)
        if problems == [] and facts.stalled is not None:
            return fails(f"{file.filename}: {reply.said or 'it takes longer than the installer waits'}", *local)
        if problems:
            return fails(f"{file.filename}: {reply.said or reply.reason}", *local, *problems)
        ranges = await _ranges(talk)
        return works(_said(reply, ranges), *local)


def _chosen(case: Case, facts: Facts) -> tuple[File, Wanted] | None:
    if not facts.page:
        return None
    try:
        page = read_page(
            facts.page.encode(), content_type=facts.page_type, url=facts.page_url, name=normalize(case.project)
        )
    except BadUpstream:
        return None
    wish = wanted(case)
    file = wish.likely(page)
    return None if file is None else (file, wish)


def _room(talk: _Talk) -> list[Finding]:
    """Room for the file where the installer unpacks it."""
    folder: Room = temporary(talk.case.surroundings)
    needed = max(_PLENTY, (talk.file.size or 0) * _UNPACKED)
    values = {"folder": str(folder.path), "free": _bytes(folder.free), "needed": _bytes(needed)}
    if not folder.writable:
        return [talk.found("folder-not-writable", **values)]
    if folder.free < needed:
        return [talk.found("disk-full", better=str(folder.better(needed) or ""), **values)]
    return []


def _unreachable(talk: _Talk, error: PipwayError | OSError) -> Finding:
    why = getattr(error, "why", "") or ""
    what = error.what if isinstance(error, PipwayError) else str(error)
    if talk.url.origin == Url.parse(bare(talk.case.index)).origin:
        return talk.found("download-breaks", got="0", reason=what)
    refused = isinstance(error, PipwayError) and error.code in ("parent-forbids", "parent-failed")
    cause = "file-host-refused" if refused else "file-host-unreachable"
    return talk.found(cause, reason="; ".join(part for part in (what, why) if part))


def _judged(talk: _Talk, reply: Reply) -> list[Finding]:
    status = reply.head.status
    values = {
        "status": str(status),
        "reason": reply.reason,
        "got": str(len(reply.body)),
    }
    if status != 200:
        return [talk.found(_REFUSALS.get(status, "file-fails"), **values)]
    limit = _timeout(talk.case)
    if reply.problem == "stalled" or reply.silence >= limit:
        _stalled(talk, reply.silence)
        return []
    if reply.problem:
        size = str(reply.head.length if reply.head.length is not None else talk.file.size or "")
        return [talk.found("download-breaks", **{**values, "reason": reply.said, "size": size})]
    if _is_page(talk.file.filename, reply):
        return [talk.found("file-block-page", said=title(reply.body), **values)]
    return _digests(talk, reply)


def _stalled(talk: _Talk, seconds: float) -> None:
    """Left to the mtu probe, which says which of two reasons it is."""
    waited = {"seconds": f"{seconds:.0f}", "limit": f"{_timeout(talk.case):g}"}
    talk.facts.stalled = talk.found("download-stalls", **waited)


def _timeout(case: Case) -> float:
    """Seconds that the installer waits for a byte."""
    try:
        return float(case.subject.value(Setting.TIMEOUT) or 0) or _TIMEOUTS.get(case.subject.name, 15.0)
    except ValueError:
        return _TIMEOUTS.get(case.subject.name, 15.0)


_TIMEOUTS = {"uv": 30.0, "pdm": 15.0, "poetry": 15.0}
_REFUSALS = {401: "file-wants-login", 403: "file-forbidden", 451: "file-forbidden", 407: "file-wants-login"}


def _is_page(filename: str, reply: Reply) -> bool:
    magic = next((magic for suffix, magic in _MAGIC.items() if filename.endswith(suffix)), b"")
    if magic and reply.body.startswith(magic):
        return False
    start = reply.body[:512].lstrip().lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<body")) or (
        reply.media_type == "text/html" and bool(magic)
    )


def _digests(talk: _Talk, reply: Reply) -> list[Finding]:
    """What the page promises, what a requirements file demands, and what came."""
    file = talk.file
    if file.size is not None and reply.head.length is not None and reply.head.length != file.size:
        return [talk.found("file-changed", expected=f"{file.size} bytes", got=f"{reply.head.length} bytes")]
    if len(reply.body) >= _MOST:
        return []
    digest = hashlib.sha256(reply.body).hexdigest()
    if file.sha256 and digest != file.sha256:
        return [talk.found("file-changed", expected=f"sha256 {file.sha256}", got=f"sha256 {digest}")]
    if talk.wish.hashes and digest not in talk.wish.hashes:
        return [talk.found("hash-not-listed", expected=min(talk.wish.hashes), got=digest, at=talk.wish.hashes_at)]
    return []


async def _ranges(talk: _Talk) -> bool:
    """Whether a part can be had: what resuming and reading metadata out of wheels need."""
    try:
        reply = await ask(talk.case, talk.facts, talk.url, headers=[("Range", f"bytes=0-{_RANGE - 1}")], at_most=_RANGE)
    except (PipwayError, OSError):
        return False
    return reply.head.status == 206


def _said(reply: Reply, ranges: bool) -> str:
    speed = len(reply.body) / max(reply.seconds, 0.001)
    return f"{_bytes(len(reply.body))} at {_bytes(int(speed))}/s, {'ranges' if ranges else 'no ranges'}"


def _bytes(number: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number} {unit}"
        number //= 1000
    return f"{number} GB"


PROBE = Download()
