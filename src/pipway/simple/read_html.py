"""PEP 503 HTML to a `Page`: links with `data-*` attributes, and what `<meta name="pypi:…">` says about the project."""

from __future__ import annotations

from pipway.errors import BadUpstream
from pipway.simple.limits import FILES_LIMIT, bad_page, major_version
from pipway.simple.markup import MarkupError, Tag, tags
from pipway.simple.names import is_distribution, valid_filename
from pipway.simple.page import File, NormalizedName, Page
from pipway.simple.urls import HASH_NAMES, Base, fragment_hashes, is_sha256, last_segment

#: Python's name for each encoding that indexes have been seen to declare; everything else is read as UTF-8.
_CHARSETS = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "windows-1252": "cp1252"}
#: What a log-in page or a proxy's error page has and an index has not.
_FOREIGN = frozenset({"form", "input", "script"})
_BOOLEANS = {"true": True, "false": False}


def read_html(body: bytes, *, charset: str, url: str, name: NormalizedName) -> Page:
    """Read a project's page; errors as in `read.read_page`."""
    text = body.decode(_CHARSETS.get(charset, "utf-8-sig"), errors="replace")
    if not text.lstrip()[:1] == "<":
        raise bad_page(name, "it was promised as HTML and does not begin like it", code="not-html")
    reading = _Reading(url, name)
    try:
        for tag in tags(text):
            reading.take(tag)
    except MarkupError as error:
        raise bad_page(name, str(error), code="too-big") from error
    return reading.page()


class _Reading:
    """What is known so far of a page being read."""

    def __init__(self, url: str, name: NormalizedName) -> None:
        self._name = name
        self._base = Base(url)
        self._rebased = False
        self._files: list[File] = []
        self._meta: dict[str, list[str]] = {}
        self._foreign = False

    def take(self, tag: Tag) -> None:
        if tag.name == "a":
            file = self._file(tag)
            if file is not None:
                self._files.append(file)
                if len(self._files) > FILES_LIMIT:
                    raise bad_page(self._name, f"it has more than {FILES_LIMIT} files", code="too-big")
        elif tag.name == "base":
            if not self._rebased and "href" in tag.attributes:  # HTML §4.2.3: the first one counts
                self._base.rebase(tag.attributes["href"])
                self._rebased = True
        elif tag.name == "meta":
            key = tag.attributes.get("name", "").lower()
            if key.startswith("pypi:") and len(self._meta) < 16:
                values = self._meta.setdefault(key, [])
                if len(values) < 16:
                    values.append(tag.attributes.get("content", ""))
        elif tag.name in _FOREIGN:
            self._foreign = True

    def page(self) -> Page:
        """Give what was read. BadUpstream when it cannot be an index's page."""
        if self._foreign and not self._files:
            raise BadUpstream(
                "not-a-page",
                f"the upstream's page of {self._name} has a form or a script and no file",
                why="this is how a log-in page or a proxy's message looks",
                fix="open the address in a browser from this machine",
            )
        tracks = self._meta.get("pypi:tracks")
        alternates = self._meta.get("pypi:alternate-locations")
        return Page(
            name=self._name,
            files=tuple(self._files),
            api_version=self._api_version(),
            meta={"tracks": tracks} if tracks else {},
            status=self._first("pypi:project-status"),
            status_reason=self._first("pypi:project-status-reason"),
            extra={"alternate-locations": alternates} if alternates else {},
        )

    def _first(self, key: str) -> str | None:
        values = self._meta.get(key)
        return values[0] if values else None

    def _api_version(self) -> tuple[int, int]:
        """What was declared (PEP 629: 1.0 if nothing), raised to 1.1 when every file has what 1.1 demands."""
        declared = major_version(self._first("pypi:repository-version") or "1.0", self._name)
        complete = bool(self._files) and all(file.size is not None for file in self._files)
        return max(declared, (1, 1)) if complete else declared

    def _file(self, tag: Tag) -> File | None:
        """Give the file, None for links to something else and for what cannot be offered safely."""
        attributes = tag.attributes
        href = attributes.get("href")
        if href is None or (resolved := self._base.resolve(href)) is None:
            return None
        url, fragment = resolved
        filename = _filename(url, tag.text)
        if filename is None:
            return None
        hashes = fragment_hashes(fragment) if fragment else {}
        if "sha256" in hashes and not is_sha256(hashes["sha256"]):
            return None  # blobs are named by it, and nobody could verify the file
        get = attributes.get
        return File(
            filename=filename,
            url=url,
            hashes=hashes,
            requires_python=get("data-requires-python"),
            # PEP 592: the attribute's presence yanks, its value may be a reason
            yanked=(get("data-yanked") or True) if "data-yanked" in attributes else False,
            core_metadata=_core_metadata(attributes),
            gpg_sig=_BOOLEANS.get(get("data-gpg-sig", "").lower()),
            size=_size(get("data-size", "")),
            upload_time=get("data-upload-time") or None,
            provenance=get("data-provenance") or None,
        )


def _filename(url: str, text: str) -> str | None:
    """PEP 503: the link's text is the URL's last segment. Installers read the URL, and so it wins."""
    if url.endswith(text) and url[-len(text) - 1 : -len(text)] == "/" and "%" not in text:
        filename = text
    else:
        filename = last_segment(url)
        if not is_distribution(filename):
            filename = text
    return filename if is_distribution(filename) and valid_filename(filename) else None


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _core_metadata(attributes: dict[str, str]) -> bool | dict[str, str] | None:
    """PEP 714: data-core-metadata first, then the name it had in PEP 658."""
    said = attributes.get("data-core-metadata")
    if said is None:
        said = attributes.get("data-dist-info-metadata")
    if said is None:
        return None
    algorithm, equals, digest = said.strip().partition("=")
    if not equals:
        return _BOOLEANS.get(algorithm.lower())
    return {algorithm: digest} if algorithm in HASH_NAMES and digest.isalnum() else True
