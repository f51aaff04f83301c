"""What the test upstream's pages look like: PEP 691 JSON, full HTML, and the minimal HTML of a real front.

Written from the specifications, independent of `pipway.simple`, so that the two can disagree.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["json", "html", "minimal"]


@dataclass
class Published:
    """One file on the index. `sha256` and `size` are what the page says; they may be made to lie."""

    filename: str
    data: bytes
    requires_python: str | None = None
    yanked: bool | str = False
    upload_time: str | None = "2025-06-01T12:00:00.123456Z"
    provenance: str | None = None
    gpg_sig: bool | None = None
    sha256: str | None = ""  #: "": the true one; None: the page gives no digest
    size: int | None = -1  #: -1: the true one; None: the page gives no size
    metadata: bytes | None = None  #: the sidecar's bytes; taken out of the wheel by default
    extra: Mapping[str, Any] = field(default_factory=dict)  #: unknown JSON keys

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256(self.data).hexdigest()
        self.sha256 = self.digest if self.sha256 == "" else self.sha256
        self.size = len(self.data) if self.size == -1 else self.size
        if self.metadata is None and self.filename.endswith(".whl"):
            self.metadata = _metadata_of(self.data)

    @property
    def path(self) -> str:
        """Where the file is, under either origin."""
        return f"/files/{self.digest[:2]}/{self.digest[2:4]}/{self.digest[4:]}/{self.filename}"

    @property
    def version(self) -> str:
        """The version in the file name."""
        stem = self.filename.removesuffix(".tar.gz")
        return self.filename.split("-")[1] if self.filename.endswith(".whl") else stem.rpartition("-")[2]


@dataclass
class Project:
    """A project and its files. `extra` and `meta` are unknown keys of the JSON page."""

    name: str
    files: list[Published] = field(default_factory=list)
    status: str | None = None
    status_reason: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


def _metadata_of(wheel: bytes) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            names = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
            return archive.read(names[0]) if names and archive.getinfo(names[0]).file_size < 1 << 20 else None
    except zipfile.BadZipFile:
        return None


def choose(form: Kind, accept: str) -> Kind:
    """What to answer: JSON only where the index speaks it and the client named it."""
    if form != "json":
        return form
    named = [part for part in accept.split(",") if "pypi.simple.v1+json" in part or "pypi.simple.latest+json" in part]
    return "json" if any("q=0" not in part.replace("q=0.", "") for part in named) else "html"


def content_type(kind: Kind, accept: str) -> str:
    """The Content-Type for what was chosen; `text/html` for clients that know no other HTML (pip before 22.3)."""
    if kind == "json":
        return "application/vnd.pypi.simple.v1+json"
    return "application/vnd.pypi.simple.v1+html" if kind == "html" and "pypi.simple.v1+html" in accept else "text/html"


def render_list(kind: Kind, names: Sequence[str], api_version: str) -> bytes:
    """The list of projects."""
    if kind == "json":
        projects = [{"name": name} for name in names]
        return json.dumps({"meta": {"api-version": api_version}, "projects": projects}).encode()
    links = "\n".join(f'<a href="/simple/{html.escape(name.lower())}/">{html.escape(name)}</a><br/>' for name in names)
    return _document(kind, api_version, "Simple index", "", links)


def render_project(kind: Kind, project: Project, *, base: str, api_version: str, advertise_metadata: bool) -> bytes:
    """A project's page; `base` is what stands before every file's path."""
    if kind == "json":
        return json.dumps(_json(project, base, api_version, advertise_metadata)).encode()
    files = [] if project.status == "quarantined" else project.files
    anchors = [_anchor(kind, file, base, advertise_metadata) for file in files]
    status = ""
    if project.status and kind == "html":  # PEP 792
        status = f'<meta name="pypi:project-status" content="{html.escape(project.status)}">'
        if project.status_reason:
            status += f'<meta name="pypi:project-status-reason" content="{html.escape(project.status_reason)}">'
    return _document(kind, api_version, f"Links for {html.escape(project.name)}", status, "\n".join(anchors))


def _json(project: Project, base: str, api_version: str, advertise: bool) -> dict[str, Any]:
    page: dict[str, Any] = {"meta": {"api-version": api_version, **project.meta}, "name": project.name, **project.extra}
    if project.status:
        page["project-status"] = {"status": project.status}
        if project.status_reason:
            page["project-status"]["reason"] = project.status_reason
    files = [] if project.status == "quarantined" else project.files
    if api_version != "1.0":
        page["versions"] = list(dict.fromkeys(file.version for file in project.files))
    page["files"] = [_json_file(file, base, api_version, advertise) for file in files]
    return page


def _json_file(file: Published, base: str, api_version: str, advertise: bool) -> dict[str, Any]:
    offered: bool | dict[str, str] = False
    if advertise and file.metadata is not None:
        offered = {"sha256": hashlib.sha256(file.metadata).hexdigest()}
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": base + file.path,
        "hashes": {"sha256": file.sha256} if file.sha256 else {},
        "requires-python": file.requires_python,
        "yanked": file.yanked,
        "core-metadata": offered,
        "data-dist-info-metadata": offered,
        "provenance": file.provenance,
    }
    if api_version != "1.0":
        entry |= {"size": file.size, "upload-time": file.upload_time}
    if file.gpg_sig is not None:
        entry["gpg-sig"] = file.gpg_sig
    return {
        key: value for key, value in entry.items() if key not in ("size", "upload-time") or value is not None
    } | dict(file.extra)


def _anchor(kind: Kind, file: Published, base: str, advertise: bool) -> str:
    marks: dict[str, str] = {}
    if file.requires_python:
        marks["data-requires-python"] = file.requires_python
    if file.yanked is not False:
        marks["data-yanked"] = file.yanked if isinstance(file.yanked, str) else ""
    if kind == "minimal":
        if file.upload_time:
            marks["data-upload-time"] = file.upload_time
    else:
        if advertise and file.metadata is not None:
            told = f"sha256={hashlib.sha256(file.metadata).hexdigest()}"
            marks |= {"data-core-metadata": told, "data-dist-info-metadata": told}
        if file.gpg_sig is not None:
            marks["data-gpg-sig"] = str(file.gpg_sig).lower()
        if file.provenance:
            marks["data-provenance"] = file.provenance
    href = base + file.path + (f"#sha256={file.sha256}" if file.sha256 else "")
    written = "".join(f' {name}="{html.escape(value)}"' for name, value in marks.items())
    return f'<a href="{html.escape(href)}"{written}>{html.escape(file.filename)}</a><br />'


def _document(kind: Kind, api_version: str, title: str, head: str, body: str) -> bytes:
    version = "" if kind == "minimal" else f'<meta name="pypi:repository-version" content="{api_version}">'
    return (
        f"<!DOCTYPE html>\n<html>\n  <head>{version}{head}<title>{title}</title></head>\n"
        f"  <body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    ).encode()
