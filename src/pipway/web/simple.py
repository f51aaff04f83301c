"""`/simple/` and `/simple/<project>/`: the Simple Repository API's pages; called by `web.app`.

Form and encoding are negotiated, the bytes come ready from `Representations`, and everything that makes the answer
repeatable (its lease) comes from the index. It never turns a failure into a 404 or a shorter page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote

import msgspec

from pipway.errors import NotFound, ProtocolError, UsageError
from pipway.index.base import Index, Listing
from pipway.simple import negotiate, write
from pipway.simple.names import normalize
from pipway.simple.negotiate import Encoding, Form
from pipway.simple.page import NormalizedName, Page
from pipway.web import freshness, links
from pipway.web.encoding import compress
from pipway.web.heads import Field, head
from pipway.web.project_list import ListBody
from pipway.web.ranges import none_match
from pipway.web.representations import Representation, Representations
from pipway.wire.answer import Answer, Prepared, Request, Streamed
from pipway.wire.problem import problem

_VARY = "Accept, Accept-Encoding"
#: About the bytes that one file adds to a page.
_WEIGHT = 512
_SUFFIX = {Form.JSON: "json", Form.HTML_V1: "v1", Form.HTML: "html"}


def linked(page: Page) -> tuple[Page, Mapping[str, str]]:
    """The page as this server's own index has it, and what to write for each file's URL.

    What has no link here (see `links.link`) is left out: what is not servable is not advertised.
    """
    paths = {file.url: path for file in page.files if (path := links.relative(file.url)) is not None}
    if len(paths) < len(page.files):
        page = msgspec.structs.replace(page, files=tuple(file for file in page.files if file.url in paths))
    return page, paths


class Simple:
    """Answers for `/simple/` and everything below it."""

    def __init__(
        self,
        index: Index,
        *,
        page_bytes: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        shown: Callable[[Page], tuple[Page, Mapping[str, str]]] = linked,
    ) -> None:
        """`page_bytes` bounds the rendered pages kept in memory; `shown` says how a page looks to whoever asks here."""
        self._index = index
        self._pages = Representations(page_bytes)
        self._now = now
        self._shown = shown

    async def answer(self, request: Request) -> Answer:
        """Raises what the index raises: NotFound, Unavailable, BadUpstream, Refused."""
        _, _, rest = request.path.removeprefix("/").partition("/")
        if not rest:
            return _redirect("simple/", request) if request.path == "/simple" else await self._projects(request)
        segment, slash, below = rest.partition("/")
        if below:
            raise NotFound("no-such-page", "there is nothing below a project's page", fix="use /simple/<project>/")
        name = _project_name(segment)
        if not slash:
            return _redirect(f"{name}/", request)
        return await self._project(request, name, as_spelled=name != segment)

    async def _project(self, request: Request, name: NormalizedName, *, as_spelled: bool) -> Answer:
        """One project's page; `as_spelled` says that the client's spelling was not the normalised one.

        An unnormalised name is answered directly instead of redirected: installers normalise by themselves, a
        redirect costs the others a round trip, and relative links resolve the same because the depth is the same.
        Such an answer is not repeatable, so that spellings cannot crowd the server's memory.
        """
        form = _form(request)
        if form is None:
            return _not_acceptable()
        encoding = _encoding(request)
        recheck = freshness.wants_recheck(request)
        listing = await self._index.project(name, recheck=recheck)
        page = listing.page
        # text/html and v1+html are the same bytes and share them.
        kind = (form is Form.JSON, encoding)
        made = await self._pages.get(
            page, kind, lambda: self._render(page, form, encoding), weight=_WEIGHT * len(page.files)
        )
        repeatable = not recheck and listing.outcome != "stale" and not as_spelled
        return self._respond(request, listing, made, form, encoding, repeatable)

    def _render(self, page: Page, form: Form, encoding: Encoding) -> bytes:
        page, urls = self._shown(page)
        writer = write.write_json if form is Form.JSON else write.write_html
        return compress(writer(page, lambda file: urls[file.url]), encoding)

    def _respond(
        self,
        request: Request,
        listing: Listing,
        made: Representation,
        form: Form,
        encoding: Encoding,
        repeatable: bool,
    ) -> Prepared:
        stale = listing.outcome == "stale"
        # One strong tag per representation (RFC 9110 §8.8.1): the digest tells encodings apart, the suffix types.
        etag = f'"{made.digest}-{_SUFFIX[form]}"'
        shared = (
            ("ETag", etag),
            ("Vary", _VARY),  # also on 304 (RFC 9110 §15.4.5)
            ("Cache-Control", freshness.STALE if stale else freshness.FRESH),
            *(freshness.stale_fields(listing.fetched, self._now()) if stale else ()),
        )
        lease = listing.lease if repeatable else None
        if none_match(request.header(b"if-none-match"), etag):
            return Prepared(304, head(304, *shared), lease=lease, outcome=listing.outcome)
        fields = (*_content_fields(form, encoding), ("Content-Length", str(len(made.body))))
        return Prepared(200, head(200, *fields, *shared), made.body, lease=lease, outcome=listing.outcome)

    async def _projects(self, request: Request) -> Answer:
        """Every project's name, as it comes from the index: megabytes, so never held at once and without an ETag."""
        form = _form(request)
        if form is None:
            return _not_acceptable()
        encoding = _encoding(request)
        body = ListBody(self._index.projects(), form, encoding)
        await body.start()  # an outage shows before the status line is written
        shared = (("Vary", _VARY), ("Cache-Control", freshness.FRESH))
        top = head(200, *_content_fields(form, encoding), *shared)
        return Streamed(200, top, body)


def _project_name(segment: str) -> NormalizedName:
    """The name in a path segment; NotFound, without asking any upstream, for what nobody can have uploaded."""
    try:
        return normalize(unquote(segment, errors="strict"))
    except (UsageError, UnicodeDecodeError):
        raise NotFound("no-such-page", "this is not a project's name", fix="use /simple/<project>/") from None


def _form(request: Request) -> Form | None:
    """`?format=` wins over Accept (index-protocol §2); several of them, or an empty one, count as the last."""
    wanted = parse_qs(request.query, max_num_fields=20).get("format") if request.query else None
    return negotiate.choose_form(request.header(b"accept"), wanted[-1] if wanted else None)


def _encoding(request: Request) -> Encoding:
    return negotiate.choose_encoding(request.header(b"accept-encoding"))


def _content_fields(form: Form, encoding: Encoding) -> tuple[Field, ...]:
    return (
        ("Content-Type", form.content_type),
        ("Content-Encoding", None if encoding == "identity" else encoding),
        ("X-Content-Type-Options", "nosniff"),
    )


def _redirect(where: str, request: Request) -> Prepared:
    """To the spelling with a slash, relative, so that a path prefix in front of us survives."""
    location = f"{where}?{request.query}" if request.query else where
    return Prepared(
        301,
        head(301, ("Location", location), ("Content-Length", "0"), ("Cache-Control", freshness.FRESH)),
        outcome="other",
    )


def _not_acceptable() -> Prepared:
    """RFC 9110 §15.5.7: say what there is, so that the client can choose."""
    there_is = ", ".join(form.content_type for form in Form)
    answer = problem(
        ProtocolError(
            "not-acceptable",
            "no form of this page fits the request's Accept",
            status=406,
            fix=f"ask for one of: {there_is}",
        )
    )
    answer.head += b"Vary: %b\r\n" % _VARY.encode()
    return answer
