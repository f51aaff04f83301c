"""Does the index give the project's page, and does the page hold what this installer needs?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pipway.clients.base import Setting
from pipway.dial.origin_login import OriginLogins
from pipway.dial.url import Url
from pipway.doctor.asking import Reply, ask, bare, follow, page_url
from pipway.doctor.base import FAILING, Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.spelling import near
from pipway.doctor.wanted import Wanted, wanted
from pipway.errors import BadUpstream, PipwayError, Unavailable, UsageError
from pipway.findings import Finding
from pipway.simple.names import normalize
from pipway.simple.page import Page
from pipway.simple.read import read_page
from pipway.trace import Trace

#: What pip sends since 22.3: JSON where there is some.
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
#: No answer at all, as `asking` tells it → the cause.
_CUT = {"answer-stalled": "index-stalls", "answer-reset": "index-breaks", "answer-cut": "index-breaks"}
#: How many more requests the index takes for now (draft-ietf-httpapi-ratelimit-headers, and what was there before).
_LEFT = (b"ratelimit-remaining", b"x-ratelimit-remaining")
_MOST = 4  # extra indexes that are asked
_LARGEST = 16 << 20  # bytes of a page
_LIST = 2 << 20  # bytes of the list of projects, in which a misspelt name is looked for


@dataclass(frozen=True, slots=True)
class _Talk:
    """One examination of one index."""

    case: Case
    facts: Facts
    values: dict[str, str]

    def found(self, cause: str, **values: str) -> Finding:
        return finding(cause, **{**self.values, **values})


class Index:
    """Asks for the project's page as pip does."""

    id = "index"
    title = "the index has the project"
    needs = ("configuration", "names", "reach", "connect", "login", "tls", "portal")

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        values = {
            "index": bare(case.index),
            "project": case.project,
            "tool": case.subject.name,
            "version": case.subject.version,
            "command": " ".join(case.command),
        }
        talk = _Talk(case, facts, values)
        try:
            reply = await page_of(case, facts)
        except Unavailable as error:
            if error.code not in _CUT:
                raise
            return fails(error.what, talk.found(_CUT[error.code], got="0", reason=error.why or error.what))
        if reply.head.status in (404, 410):
            reply = await _elsewhere(case, facts) or reply
        if reply.head.status != 200:
            refused = await _refused(talk, reply)
            if case.assumed and refused.id == "project-not-found":
                return skipped(f"it answers, and has no {case.project}: name a project, as pipway doctor PROJECT")
            return fails(f"it answers {reply.reason}", refused)
        if reply.problem:
            cause = "index-stalls" if reply.problem == "stalled" else "index-breaks"
            return fails(reply.said, talk.found(cause, got=str(len(reply.body)), reason=reply.said))
        try:
            page = read_page(
                reply.body,
                content_type=reply.head.header(b"content-type") or "",
                url=str(reply.url),
                name=normalize(case.project),
            )
        except BadUpstream as error:
            return fails(error.what, await _no_page(talk, reply, error))
        facts.page = reply.body.decode("utf-8", "replace")
        facts.page_type, facts.page_url = reply.media_type, str(reply.url)
        findings = _judged(talk, reply, page)
        says = _said(reply, page)
        return (fails if any(each.severity >= FAILING for each in findings) else works)(says, *findings)


async def _elsewhere(case: Case, facts: Facts) -> Reply | None:
    """The page of an extra index: then nobody misses the project."""
    extra = case.subject.effective.get(Setting.EXTRA_INDEXES)
    for url in (extra.values if extra else ())[:_MOST]:
        try:
            reply = await page_of(replace(case, index=url), facts)
        except (PipwayError, OSError):
            continue
        if reply.head.status == 200:
            return reply
    return None


async def page_of(case: Case, facts: Facts) -> Reply:
    """The page; with the login of the index's URL when it is asked for, unless that was refused before."""
    url = page_url(case.index, case.project)
    headers = [("Accept", _ACCEPT)]
    reply = (await follow(case, facts, url, headers=headers, at_most=_LARGEST))[-1]
    if reply.head.status not in (401, 403, 404) or url.authorization is None or case.logins is None:
        return reply
    if not urlsplit(case.index).password:  # half a login would be refused, and count as one
        return reply
    logins = OriginLogins(case.logins.gate.memory, trace=Trace())
    async with logins.trying(url) as login:
        reply = await ask(case, facts, url, headers=headers, at_most=_LARGEST, login=url.authorization)
        await login.answered(reply.head.status)
    return reply


async def _refused(talk: _Talk, reply: Reply) -> Finding:
    status = reply.head.status
    after = reply.head.header(b"retry-after") or ""
    values = {"status": str(status), "reason": reply.reason, "after": after, "host": reply.url.origin.host}
    match status:
        case 401:
            return talk.found("index-wants-login", **values)
        case 403 | 451:
            return talk.found("index-forbids", **values)
        case 404 | 410:
            return await _missing(talk, values)
        case 429:
            return talk.found("index-rate-limit", **values)
        case 511:
            return talk.found("captive-portal", portal=reply.url.printable)
        case _ if reply.moved is not None or 300 <= status < 400:
            return talk.found("index-redirects", **values)
        case _:
            return talk.found("index-down", **values)


async def _missing(talk: _Talk, values: dict[str, str]) -> Finding:
    """404: the address of the index is wrong, or there is no such project."""
    root = bare(talk.case.index).rstrip("/")
    if not root.endswith("/simple"):
        simple = f"{root}/simple/"
        if await _is_page(talk, page_url(simple, talk.case.project)):
            return talk.found("index-url-without-simple", simple=simple, **values)
    if root.endswith("/simple/simple"):
        return talk.found("index-url-without-simple", simple=root.removesuffix("/simple") + "/", **values)
    names = await _names(talk, root)
    suggestion = near(talk.case.project, names)
    if suggestion:
        other = talk.values["command"].replace(talk.case.project, suggestion)
        return talk.found("project-not-found", near=suggestion, command=other, **values)
    return talk.found("project-not-found", **values)


async def _is_page(talk: _Talk, url: Url) -> bool:
    try:
        reply = (await follow(talk.case, talk.facts, url, headers=[("Accept", _ACCEPT)], at_most=_LARGEST))[-1]
        if reply.head.status != 200:
            return False
        content_type = reply.head.header(b"content-type") or ""
        read_page(reply.body, content_type=content_type, url=str(reply.url), name=normalize(talk.case.project))
    except (PipwayError, OSError):
        return False
    return True


async def _names(talk: _Talk, root: str) -> list[str]:
    """The index's projects, as far as a short list names them."""
    try:
        headers = [("Accept", "text/html")]
        reply = (await follow(talk.case, talk.facts, page_url(root, ""), headers=headers, at_most=_LIST))[-1]
    except (PipwayError, OSError):
        return []
    if reply.head.status != 200 or len(reply.body) >= _LIST:
        return []
    names = []
    for piece in reply.body.decode("utf-8", "replace").split("</a")[:-1]:
        try:
            names.append(str(normalize(piece.rpartition(">")[2].strip())))
        except UsageError:
            continue
    return names


async def _no_page(talk: _Talk, reply: Reply, error: BadUpstream) -> Finding:
    """An answer that is no page: somebody else's, or that of an address which is none of an index."""
    root = bare(talk.case.index).rstrip("/")
    if not root.endswith("/simple"):
        simple = f"{root}/simple/"
        if await _is_page(talk, page_url(simple, talk.case.project)):
            return talk.found("index-url-without-simple", simple=simple)
    return talk.found("block-page", said=title(reply.body), reason=error.why or error.what, host=reply.url.origin.host)


def title(body: bytes) -> str:
    """What a page for people says of itself."""
    text = body[:65536].decode("utf-8", "replace")
    for mark in ("title", "h1", "body"):
        _, found, rest = text.partition(f"<{mark}>")
        if found:
            words = "".join(part.rpartition(">")[2] for part in rest.partition(f"</{mark}>")[0].split("<"))
            if words.split():
                return " ".join(words.split())[:120]
    return ""


def _listing(body: bytes, page: Page) -> bool:
    """Whether HTML without a file may still be an index's page: it says so, or names the project."""
    return b"pypi:repository-version" in body or page.name in title(body).lower()


def _judged(talk: _Talk, reply: Reply, page: Page) -> list[Finding]:
    wish: Wanted = wanted(talk.case)
    found: list[Finding] = []
    if wish.before and page.files and not any(file.upload_time for file in page.files if file.upload_time):
        found.append(talk.found("index-no-upload-time", option=wish.before, form=reply.media_type))
    elif wish.before and "json" not in reply.media_type and talk.case.subject.name != "uv":  # uv reads HTML's
        found.append(talk.found("index-no-upload-time", option=wish.before, form=reply.media_type, times="in HTML"))
    if not page.files and "json" not in reply.media_type and not _listing(reply.body, page):
        found.append(talk.found("block-page", said=title(reply.body), host=reply.url.origin.host))
    elif not page.files:
        found.append(talk.found("project-empty", reason=page.status_reason or page.status or "its page lists no file"))
    elif not (asked := [file for file in page.files if wish.takes_version(file)]):
        newest = wish.newest([file for file in page.files if wish.takes_python(file)])
        other = _other(talk, wish, newest)
        found.append(
            talk.found("version-not-there", wanted=str(wish.specifier), newest=wish.newest(page.files), **other)
        )
    elif not any(wish.takes_python(file) for file in asked):
        demanded = next(file.requires_python for file in reversed(asked) if file.requires_python)
        found.append(_too_old(talk, wish, page, demanded))
    return found


def _too_old(talk: _Talk, wish: Wanted, page: Page, demanded: str) -> Finding:
    values = {"python": wish.python, "demanded": demanded}
    fits = wish.newest([file for file in page.files if wish.takes_python(file)])
    return talk.found("python-too-old", **values, **_other(talk, wish, fits))


def _other(talk: _Talk, wish: Wanted, version: str) -> dict[str, str]:
    """The same command with another version, where the command names one."""
    if not version or not wish.text:
        return {}
    return {"fits": version, "command": talk.values["command"].replace(wish.text, f"{talk.case.project}=={version}")}


def _said(reply: Reply, page: Page) -> str:
    form = "JSON" if "json" in reply.media_type else "HTML"
    files = f"{len(page.files)} file{'s' if len(page.files) != 1 else ''}"
    words = [f"{files}, {form} {page.api_version[0]}.{page.api_version[1]}"]
    if not (reply.head.header(b"etag") or reply.head.header(b"last-modified")):
        words.append("no validators")
    if page.files and not any(file.core_metadata for file in page.files):
        words.append("no metadata files")
    if page.files and not any(file.upload_time for file in page.files):
        words.append("no upload times")
    words += [f"{left} requests left" for name in _LEFT if (left := reply.head.header(name)) is not None]
    return ", ".join(words) + f" ({reply.seconds:.1f} s)"


PROBE = Index()
