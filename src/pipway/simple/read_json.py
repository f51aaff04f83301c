"""PEP 691 JSON to a `Page`, losslessly: keys of any level that have no field are kept in `extra` and `meta`.

Each file is decoded on its own, so that a page of megabytes never holds the interpreter for more than a
millisecond or two while connections wait.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any

import msgspec

from pipway.errors import BadUpstream, UsageError
from pipway.simple.file_object import FileObject, decode, decode_known
from pipway.simple.limits import FILE_LIMIT, FILES_LIMIT, META_LIMIT, bad_page, check_depth, major_version
from pipway.simple.names import normalize, valid_filename
from pipway.simple.page import File, NormalizedName, Page
from pipway.simple.urls import Base, fragment_hashes, is_plain, is_sha256

_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FILES = msgspec.json.Decoder(list[msgspec.Raw])


def read_json(body: bytes, *, url: str, name: NormalizedName) -> Page:
    """Read a project's page; errors as in `read.read_page`."""
    try:
        envelope = _ENVELOPE.decode(body.removeprefix(BOM_UTF8))
    except RecursionError as error:
        raise bad_page(name, "it is nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise bad_page(name, f"it was promised as JSON and is not: {error}", code="not-json") from error
    try:
        return _page(envelope, url, name)
    except RecursionError as error:
        raise bad_page(name, "it is nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise bad_page(name, str(error)) from error


def _page(envelope: dict[str, msgspec.Raw], url: str, name: NormalizedName) -> Page:
    raw_files = _FILES.decode(_take(envelope, "files", name))
    if len(raw_files) > FILES_LIMIT:
        raise bad_page(name, f"it has more than {FILES_LIMIT} files", code="too-big")
    versions = msgspec.json.decode(envelope.pop("versions", b"null"), type=tuple[str, ...] | None)
    if sum(map(len, envelope.values())) > META_LIMIT:
        raise bad_page(name, f"it has more than {META_LIMIT >> 10} KiB beside its files", code="too-big")
    meta = msgspec.json.decode(envelope.pop("meta", b"{}"), type=dict[str, Any])
    api_version = major_version(str(meta.pop("api-version", "1.0")), name)
    if (given := msgspec.json.decode(envelope.pop("name", b"null"), type=str | None)) is not None:
        _same_project(given, name)
    rest = {key: msgspec.json.decode(raw) for key, raw in envelope.items()}
    status, reason = _status(rest)
    check_depth([meta, rest])
    base = Base(url)
    return Page(
        name=name,
        files=tuple(file for raw in raw_files if (file := _file(raw, base, name)) is not None),
        api_version=api_version,
        versions=versions,
        file_count=len(raw_files),
        meta=meta,
        status=status,
        status_reason=reason,
        extra=rest,
    )


def _status(rest: dict[str, Any]) -> tuple[str | None, str | None]:
    """Take PEP 792's marker out of the page's other keys; what else is in its object stays there."""
    marker = rest.pop("project-status", None)
    if marker is None:
        return None, None
    if not isinstance(marker, dict):  # passing over it could offer what is quarantined
        raise ValueError("its project-status is no object (PEP 792)")
    status, reason = (msgspec.convert(marker.pop(key, None), str | None) for key in ("status", "reason"))
    if marker:
        rest["project-status"] = marker
    return status, reason


def _take(envelope: dict[str, msgspec.Raw], key: str, name: NormalizedName) -> msgspec.Raw:
    try:
        return envelope.pop(key)
    except KeyError:
        raise bad_page(name, f"it has no {key!r} (PEP 691)", code="not-a-page") from None


def _same_project(given: str, name: NormalizedName) -> None:
    try:
        agrees = normalize(given) == name
    except UsageError:
        agrees = False
    if not agrees:
        raise BadUpstream(
            "wrong-project",
            f"the upstream's page of {name} says that it is the page of {given[:80]!r}",
            fix="check the upstream's address and what stands between",
        )


def _file(raw: msgspec.Raw, base: Base, name: NormalizedName) -> File | None:
    """Give the file, None when it cannot be offered safely."""
    if len(raw) > FILE_LIMIT:
        raise bad_page(name, f"a file's entry is larger than {FILE_LIMIT >> 10} KiB", code="too-big")
    extra: dict[str, Any] = {}
    try:
        found = decode_known(raw)
    except msgspec.ValidationError:  # a key of a later version, or a mistake: this way says which
        found, extra = decode(raw)
        check_depth(extra)
    url, hashes = found.url, found.hashes or {}
    if not is_plain(url):
        resolved = base.resolve(url)
        if resolved is None:
            return None
        url, fragment = resolved
        hashes = hashes or fragment_hashes(fragment)
    if not valid_filename(found.filename):
        return None
    if "sha256" in hashes and not is_sha256(hashes["sha256"]):
        return None  # blobs are named by it, and nobody could verify the file
    return File(
        filename=found.filename,
        url=url,
        hashes=hashes,
        requires_python=found.requires_python,
        yanked=found.yanked or False,
        core_metadata=_earlier_names(found) if found.core_metadata is None else found.core_metadata,
        gpg_sig=found.gpg_sig,
        size=found.size,
        upload_time=found.upload_time,
        provenance=found.provenance,
        extra=extra,
    )


def _earlier_names(found: FileObject) -> bool | dict[str, str] | None:
    """PEP 714: what core-metadata was called before counts where it is absent."""
    said = found.data_dist_info_metadata
    return found.dist_info_metadata if said is None else said
