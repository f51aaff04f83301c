"""Wheels and sdists made in memory, small, valid, and the same bytes every time.

Tests publish these on an `Upstream`; real installers install them. Nothing here touches a disk or a network.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import re
import tarfile
import zipfile
from collections.abc import Mapping, Sequence

_EPOCH = (1980, 1, 1, 0, 0, 0)

# An in-tree build backend (PEP 517 `backend-path`), so that building the sdist needs no other package.
_BACKEND = """\
import pathlib
import zipfile


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = {wheel_name!r}
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as archive:
        for path, text in {members!r}:
            archive.writestr(path, text)
    return name
"""


def normalize(name: str) -> str:
    """A project's name as index paths write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _escape(name: str) -> str:
    """A project's name as file names write it (binary distribution format)."""
    return re.sub(r"[-_.]+", "_", name).lower()


def wheel_filename(name: str, version: str, tag: str = "py3-none-any") -> str:
    """The file name of a wheel."""
    return f"{_escape(name)}-{version}-{tag}.whl"


def sdist_filename(name: str, version: str) -> str:
    """The file name of an sdist (PEP 625)."""
    return f"{_escape(name)}-{version}.tar.gz"


def core_metadata(
    name: str, version: str, *, requires: Sequence[str] = (), requires_python: str = "", extra: str = ""
) -> str:
    """The text of METADATA or PKG-INFO; `extra` is further header lines, each ended by a newline."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    return "\n".join(lines) + "\n" + extra


def padding(seed: str, size: int) -> bytes:
    """`size` bytes that do not compress, always the same for one seed."""
    return random.Random(seed).randbytes(size)


def make_wheel(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    requires_python: str = "",
    size_padding: int = 0,
    metadata_extra: str = "",
    metadata: bytes | None = None,
    tag: str = "py3-none-any",
    members: Mapping[str, bytes] | None = None,
) -> bytes:
    """A valid wheel with RECORD; `metadata` replaces METADATA wholly, `members` adds files."""
    stem = _escape(name)
    info = f"{stem}-{version}.dist-info"
    if metadata is None:
        text = core_metadata(name, version, requires=requires, requires_python=requires_python, extra=metadata_extra)
        metadata = text.encode()
    files: dict[str, bytes] = {f"{stem}/__init__.py": f'__version__ = "{version}"\n'.encode()}
    if size_padding:
        files[f"{stem}/padding.bin"] = padding(f"{name}-{version}", size_padding)
    files.update(members or {})
    files[f"{info}/METADATA"] = metadata
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: pipway-tests\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    )
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            member = zipfile.ZipInfo(path, _EPOCH)
            member.external_attr = 0o644 << 16
            member.compress_type = zipfile.ZIP_STORED if path.endswith(".bin") else zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
    return target.getvalue()


def _record(files: Mapping[str, bytes], own_path: str) -> bytes:
    lines = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\n")
    return ("".join(lines) + f"{own_path},,\n").encode()


def make_sdist(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    requires_python: str = "",
    size_padding: int = 0,
    build_requires: Sequence[str] = (),
) -> bytes:
    """A valid sdist that pip and uv can build without any other package, or with `build_requires`."""
    stem = _escape(name)
    text = core_metadata(name, version, requires=requires, requires_python=requires_python)
    info = f"{stem}-{version}.dist-info"
    built = [
        (f"{stem}/__init__.py", f'__version__ = "{version}"\n'),
        (f"{info}/METADATA", text),
        (f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: pipway-tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        (f"{info}/RECORD", f"{stem}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"),
    ]
    backend = _BACKEND.format(wheel_name=wheel_filename(name, version), members=built)
    pyproject = f'[build-system]\nrequires = {list(build_requires)}\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    files = {"PKG-INFO": text.encode(), "pyproject.toml": pyproject.encode(), "backend.py": backend.encode()}
    if size_padding:
        files["padding.bin"] = padding(f"{name}-{version}", size_padding)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(f"{stem}-{version}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)
