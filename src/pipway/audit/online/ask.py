"""`--online`: asks a running pipway, and nobody else, what rules want to know. Its answers are facts like any other.

`cli/audit_online` gives it a client that reaches one address only. In parallel and bounded: each project's page once,
so many bytes, so many seconds; what could not be asked is said, never taken for an answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from pipway.audit.facts import Index, Project
from pipway.audit.online.answers import Answer, Answers, Behind, Owner, Verdict
from pipway.audit.online.pages import JSON, Page, needs, offers, page_of
from pipway.audit.online.questions import Wanted, left_out, ours, wanted
from pipway.errors import PipwayError, UsageError
from pipway.redact import printable

_REFUSALS = (403, 451)
_GONE = (404, 410)
_SHORT = 1 << 20  # bytes of an answer that is no page
_SHOWN = 300  # characters of what a server says
_SAMPLES = 5  # projects whose index is asked for its form
_NAMED = 3  # names in a sentence


class Response(Protocol):
    """An answer whose head is here."""

    status: int

    async def read(self, limit: int) -> bytes:
        """The whole body; PipwayError when it is longer than `limit` bytes."""

    async def aclose(self) -> None:
        """Let go of it."""


class Client(Protocol):
    """What asks; `dial.http.Client` conforms."""

    async def request(self, method: str, url: str, headers: Mapping[str, str] = {}) -> Response:
        """The answer's head. PipwayError when there is none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked, and how long."""

    at_once: int = 16
    each: float = 60.0  #: seconds for one answer
    all: float = 300.0  #: seconds for all of them
    page: int = 64 << 20  #: bytes of one page
    bytes: int = 2 << 30  #: of all answers


@dataclass
class _Budget:
    """What is left of `Limits`."""

    limits: Limits
    until: float
    bytes: int

    @property
    def over(self) -> bool:
        return time.monotonic() > self.until or self.bytes <= 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of it."""

    answers: Answers
    unanswered: tuple[str, ...] = ()  #: sentences about what nobody knows now


async def ask(project: Project, client: Client, server: str, *, limits: Limits | None = None) -> Asked:
    """Ask the pipway at `server` about everything in `project`. UsageError where there is none, or it wants a login."""
    most = limits or Limits()
    asking = _Asking(client, server, _Budget(most, time.monotonic() + most.all, most.bytes))
    await asking.greet()
    answers = Answers(server, await asking.indexes())
    questions = wanted(project, answers)
    found = {each.name: each for each in await asking.several(questions.items(), asking.project)}
    names = {each.name for each in ours(project)}
    used = _may_be_html(project, answers)
    samples = [name for name, each in found.items() if each.verdict is Verdict.SERVED][:_SAMPLES] if used else []
    forms: dict[str, str] = {}
    told = await asking.several([(name, forms) for name in sorted(names | {*samples})], asking.owner)
    indexes = tuple(replace(each, form=forms.get(each.name, "")) for each in answers.indexes)
    owners = {name: owner for name, owner in told if name in names}
    answers = replace(answers, indexes=indexes, projects=found, owners=owners)
    return Asked(answers, (*_unanswered(answers), *left_out(project, answers)))


def _may_be_html(project: Project, answers: Answers) -> bool:
    return any(answers.is_server(each.url) or answers.behind(each.url) for each in project.of(Index))


def _unanswered(answers: Answers) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for name, answer in answers.projects.items():
        if answer.verdict is Verdict.SILENT:
            reasons.setdefault(answer.reason, []).append(name)
    for name, owner in answers.owners.items():
        if owner.verdict is Verdict.SILENT and name not in answers.projects:
            reasons.setdefault("it did not say whose name it is", []).append(name)
    for reason, names in reasons.items():
        shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        yield f"{answers.server}: nothing is known of {shown}: {reason}"


@dataclass
class _Asking:
    client: Client
    server: str
    budget: _Budget
    _origin: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.server)
        self._origin = (parts.scheme, parts.netloc)

    async def several(self, questions: Iterable[Any], one: Callable[..., Awaitable[Any]]) -> list[Any]:
        """All answers in the order of the questions, so many at once."""
        waiting = list(enumerate(questions))
        found: list[Any] = [None] * len(waiting)
        rest = iter(waiting)

        async def work() -> None:
            for place, question in rest:
                found[place] = await one(*question)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.budget.limits.at_once, len(waiting))):
                group.create_task(work())
        return found

    async def greet(self) -> None:
        """Whether a pipway is there at all, before anything else is asked."""
        try:
            status, body = await self._get("health", _SHORT)
            facts = json.loads(body)
        except (PipwayError, ValueError, RecursionError) as error:
            why = error.why or error.what if isinstance(error, PipwayError) else "what answers there is none"
            raise _no_server(self.server, why) from None
        if status not in (200, 503) or not isinstance(facts, dict) or "status" not in facts:
            raise _no_server(self.server, f"what answers there is none: status {status}")

    async def indexes(self) -> tuple[Behind, ...]:
        """Which indexes it stands for; an older pipway does not say."""
        status, body = await self._get("indexes", _SHORT)
        if status == 401:
            raise UsageError(
                "online-login",
                f"the pipway at {self.server} wants a login",
                why="it lets nobody in without a token",
                fix="put machine HOST login NAME password TOKEN into ~/.netrc; pipway access add makes tokens",
            )
        said = _object(body).get("indexes") if status == 200 else None
        rows = [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []
        return tuple(Behind(str(each.get("name", "")), str(each.get("url", ""))) for each in rows)

    async def project(self, name: str, question: Wanted) -> Answer:
        """Its page, and what else is asked about it."""
        if self.budget.over:
            return Answer(name, Verdict.SILENT, "the time for all answers is over")
        try:
            status, body = await self._get(f"simple/{name}/", self.budget.limits.page, JSON)
        except PipwayError as error:
            return Answer(name, Verdict.SILENT, _shown(error.why or error.what))
        if status != 200:
            return Answer(name, _verdict(status), _reason(status, body))
        page = page_of(body)
        if page is None:
            return Answer(name, Verdict.SILENT, "its page is no JSON (PEP 691)")
        versions = offers(page, name, question)
        refused, needed = {}, {}
        for version, files in versions.items():
            if not files:
                continue
            if why := await self._refusal(page, [each.filename for each in files]):
                refused[version] = why
            elif version in question.hashed:
                found = await self._needs(page, [each.filename for each in files], question.hashed[version])
                if found is not None:
                    needed[version] = found
        return Answer(name, Verdict.SERVED, "", versions, refused, needed, page.condition)

    async def owner(self, name: str, forms: dict[str, str]) -> tuple[str, Owner]:
        """Which index has the name; what that index speaks is noted in `forms`."""
        try:
            status, body = await self._get(f"indexes/{name}", _SHORT)
        except PipwayError:
            return name, Owner(Verdict.SILENT)
        said = _object(body) if status == 200 else {}
        index = str(said.get("index") or "")
        if index and said.get("form"):
            forms[index] = str(said["form"])
        return name, Owner(_verdict(status), index)

    async def _refusal(self, page: Page, filenames: Collection[str]) -> str:
        """Why the server gives these files to nobody; "" where it does. One stands for all of a version."""
        address = self._own(page, filenames)
        if address is None:
            return ""
        try:
            status, body = await self._get(address, _SHORT, method="HEAD")
            if status not in _REFUSALS:
                return ""
            status, body = await self._get(address, _SHORT)  # its reason is in the body
        except PipwayError:
            return ""
        return _reason(status, body) if status in _REFUSALS else ""

    async def _needs(self, page: Page, filenames: Collection[str], extras: Collection[str]) -> tuple[str, ...] | None:
        address = self._own(page, [name for name in filenames if page.has_metadata(name)])
        if address is None:
            return None
        try:
            status, body = await self._get(f"{address}.metadata", _SHORT)
        except PipwayError:
            return None
        return needs(body, extras) if status == 200 else None

    def _own(self, page: Page, filenames: Collection[str]) -> str | None:
        """The address of the first of them, if it is the server's own: no page leads elsewhere."""
        for filename in filenames:
            try:
                parts = urlsplit(urljoin(f"{self.server}simple/x/", page.address(filename)))
            except ValueError:
                continue
            if (parts.scheme, parts.netloc) == self._origin:
                return parts._replace(fragment="").geturl()
        return None

    async def _get(self, path: str, limit: int, accept: str = "*/*", *, method: str = "GET") -> tuple[int, bytes]:
        """One answer, within the bounds. PipwayError."""
        try:
            async with asyncio.timeout(self.budget.limits.each):
                response = await self.client.request(method, urljoin(self.server, path), {"Accept": accept})
                try:
                    body = await response.read(min(limit, max(self.budget.bytes, _SHORT)))
                finally:
                    await response.aclose()
        except TimeoutError:
            raise UsageError("online-slow", "the server did not answer in time") from None
        self.budget.bytes -= len(body)
        return response.status, body


def _verdict(status: int) -> Verdict:
    if status in _REFUSALS:
        return Verdict.REFUSED
    if status in _GONE:
        return Verdict.ABSENT
    return Verdict.SERVED if status == 200 else Verdict.SILENT


def _reason(status: int, body: bytes) -> str:
    said = _object(body)
    words = [str(said.get(key) or "") for key in ("title", "detail")]
    return _shown("; ".join(word for word in words if word)) or f"it answers {status}"


def _shown(text: str) -> str:
    return printable(text)[:_SHOWN]


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _no_server(server: str, why: str) -> UsageError:
    return UsageError(
        "no-pipway",
        f"no pipway answers at {server}",
        why=why,
        fix="start one (pipway serve), or name yours with --server URL",
    )
