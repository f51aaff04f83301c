"""A `Page` to bytes, as PEP 691 JSON and as PEP 503 HTML; called by `web` once per change of a page.

`link` says where a file is had from; everything else is what the upstream said. Text of an upstream never becomes
markup, and the declared API version never promises more than the page holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any

import msgspec

from pipway.simple import file_object
from pipway.simple.names import versions_of
from pipway.simple.page import API_VERSION, File, Page

Link = Callable[[File], str]

_encode = msgspec.json.Encoder().encode

#: What HTML cannot carry in an attribute or turns into something else; a reason in a page needs none of it.
_UNWRITABLE = dict.fromkeys((*range(32), 127, *range(128, 160)), " ") | {0x09: "\t", 0x0A: "\n"}


def write_json(page: Page, link: Link) -> bytes:
    """Render the page as `application/vnd.pypi.simple.v1+json`; `link` gives each file's URL, absolute or relative."""
    files = _offered(page)
    version = _honest_version(page, files)
    members: dict[str, Any] = {
        "meta": {**page.meta, "api-version": "{}.{}".format(*version)},
        "name": page.name,
    }
    if version >= (1, 1):  # PEP 700: mandatory from here on, unknown before
        members["versions"] = _versions(page, files)
    if page.status is not None:
        marker = page.extra.get("project-status")
        members["project-status"] = {
            **(marker if isinstance(marker, dict) else {}),
            "status": page.status,
            **({} if page.status_reason is None else {"reason": page.status_reason}),
        }
    head = _encode({**page.extra, **members})
    body = b",".join([file_object.encode(file, link(file)) for file in files])
    return b"".join((head[:-1], b',"files":[', body, b"]}"))


def write_html(page: Page, link: Link) -> bytes:
    """Render the page as `application/vnd.pypi.simple.v1+html`, which is also right as `text/html`."""
    files = _offered(page)
    title = f"Links for {escape(page.name)}"
    lines = ["<!DOCTYPE html>", "<html>", "  <head>", '    <meta charset="utf-8">']
    lines += [
        f"    <meta{_attribute('name', key)}{_attribute('content', value)}>" for key, value in _metas(page, files)
    ]
    lines += [f"    <title>{title}</title>", "  </head>", "  <body>", f"    <h1>{title}</h1>"]
    lines += [_anchor(file, link(file)) for file in files]
    lines += ["  </body>", "</html>", ""]
    return "\n".join(lines).encode()


def _offered(page: Page) -> Sequence[File]:
    """PEP 792: a quarantined project MUST NOT offer files."""
    return () if page.status == "quarantined" else page.files


def _honest_version(page: Page, files: Sequence[File]) -> tuple[int, int]:
    """PEP 700: from 1.1 on every file has a size. Never more than the upstream declared or than we understand."""
    complete = all(file.size is not None for file in files)
    return min(page.api_version, API_VERSION) if complete else (1, 0)


def _versions(page: Page, files: Sequence[File]) -> Sequence[str]:
    """The upstream's list while its files are all there; else the versions that still have one (no phantoms)."""
    if page.versions is not None and page.file_count == len(files):
        return page.versions
    return versions_of((file.filename for file in files), page.name)


def _metas(page: Page, files: Sequence[File]) -> Iterator[tuple[str, str]]:
    yield "pypi:repository-version", "{}.{}".format(*_honest_version(page, files))  # PEP 629
    if page.status is not None:
        yield "pypi:project-status", page.status
    if page.status_reason is not None:
        yield "pypi:project-status-reason", page.status_reason
    for key, values in (
        ("pypi:tracks", page.meta.get("tracks")),
        ("pypi:alternate-locations", page.extra.get("alternate-locations")),
    ):
        if isinstance(values, list):  # PEP 708
            yield from ((key, value) for value in values if isinstance(value, str))


def _anchor(file: File, url: str) -> str:
    name = escape(file.filename, quote=False)
    return f"    <a{_attribute('href', url + _fragment(file))}{''.join(_data(file))}>{name}</a><br>"


def _fragment(file: File) -> str:
    """PEP 503: one hash, by preference SHA-256."""
    hashes = file.hashes
    if "sha256" in hashes:
        return "#sha256=" + hashes["sha256"]
    for algorithm, digest in hashes.items():
        return f"#{algorithm}={digest}"
    return ""


def _data(file: File) -> Iterator[str]:
    if file.requires_python is not None:
        yield _attribute("data-requires-python", file.requires_python)
    if file.core_metadata:
        said = _metadata(file)
        # PEP 714: clients of either age find it
        yield _attribute("data-dist-info-metadata", said)
        yield _attribute("data-core-metadata", said)
    if file.gpg_sig is not None:
        yield _attribute("data-gpg-sig", "true" if file.gpg_sig else "false")
    if file.yanked is not False:
        yield _attribute("data-yanked", "" if file.yanked is True else file.yanked)
    # No PEP has these in HTML; uv reads them, and a mirror of this page keeps what JSON has.
    if file.size is not None:
        yield f' data-size="{file.size}"'
    if file.upload_time is not None:
        yield _attribute("data-upload-time", file.upload_time)
    if file.provenance is not None:
        yield _attribute("data-provenance", file.provenance)  # PEP 740


def _metadata(file: File) -> str:
    if isinstance(file.core_metadata, bool) or not file.core_metadata:
        return "true"
    hashes = file.core_metadata
    algorithm = "sha256" if "sha256" in hashes else next(iter(hashes))
    return f"{algorithm}={hashes[algorithm]}"


def _attribute(name: str, value: str) -> str:
    """Give ` name="value"` with the value escaped for double quotes."""
    if not value.isprintable():
        value = value.translate(_UNWRITABLE)
    return f' {name}="{escape(value)}"'
