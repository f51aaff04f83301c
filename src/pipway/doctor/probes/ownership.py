"""Has an extra index the same name, so that somebody else's package is taken? Then nothing fails, which is worse."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.version import InvalidVersion, Version

from pipway.clients.base import Setting
from pipway.doctor.asking import ask, bare, page_url
from pipway.doctor.base import Case, Facts, Result, fails, skipped, works
from pipway.doctor.catalogue import finding
from pipway.doctor.wanted import wanted
from pipway.errors import PipwayError
from pipway.findings import Finding
from pipway.simple.names import normalize
from pipway.simple.page import File
from pipway.simple.read import read_page

_MOST = 4  # extra indexes that are asked
_LARGEST = 16 << 20
_ACCEPT = ("Accept", "application/vnd.pypi.simple.v1+json, text/html; q=0.1")


class Ownership:
    """Asks the extra indexes for the same project, and compares."""

    id = "ownership"
    title = "one index has the say"
    needs: tuple[str, ...] = ("index",)

    async def run(self, case: Case, facts: Facts) -> Result:
        """See `Probe`."""
        extra = case.subject.effective.get(Setting.EXTRA_INDEXES)
        others = [url for url in (extra.values if extra else ()) if url.rstrip("/") != case.index.rstrip("/")]
        if not others or not facts.page or case.subject.name not in ("pip", "uv"):
            return skipped("there is one index")
        here = _files(case, facts.page.encode(), facts.page_type, facts.page_url or case.index)
        for url in others[:_MOST]:
            there = await _asked(case, facts, url)
            if there and not _same(here, there) and self._taken(case, here, there):
                return fails(f"{case.project} of another index is taken", _found(case, url, here, there))
        return works(f"{case.project} is taken from {bare(case.index)}")

    def _taken(self, case: Case, here: Sequence[File], there: Sequence[File]) -> bool:
        """uv takes the first index that has the name, extra ones first; pip the highest version of all."""
        return case.subject.name == "uv" or _version(_newest(case, there)) > _version(_newest(case, here))


def _found(case: Case, url: str, here: Sequence[File], there: Sequence[File]) -> Finding:
    return finding(
        "confused-index",
        tool=case.subject.name,
        version=case.subject.version,
        command=" ".join(case.command),
        project=case.project,
        index=bare(case.index),
        extra=bare(url),
        version_here=_newest(case, here) or "any",
        version_there=_newest(case, there),
    )


async def _asked(case: Case, facts: Facts, index: str) -> list[File]:
    try:
        reply = await ask(case, facts, page_url(bare(index), case.project), headers=[_ACCEPT], at_most=_LARGEST)
    except (PipwayError, OSError):
        return []
    return _files(case, reply.body, reply.media_type, str(reply.url)) if reply.head.status == 200 else []


def _files(case: Case, body: bytes, media_type: str, url: str) -> list[File]:
    try:
        page = read_page(body, content_type=media_type, url=url, name=normalize(case.project))
    except PipwayError:
        return []
    wish = wanted(case)
    return [file for file in page.files if wish.takes_python(file) and wish.takes_version(file)]


def _same(here: Sequence[File], there: Sequence[File]) -> bool:
    """Whether one is a copy of the other: a file of one name has the same digest."""
    digests = {file.filename: file.sha256 for file in here if file.sha256}
    return any(digests.get(file.filename) == file.sha256 for file in there if file.sha256)


def _newest(case: Case, files: Sequence[File]) -> str:
    return wanted(case).newest(files)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0.dev0")


PROBE = Ownership()
