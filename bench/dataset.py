"""The bytes every server of the benchmark serves: a small index, written once to a folder.

Layout: `simple/<project>/index.json|index.html` (+ `.gz`), `packages/<file>`. Sizes are those of real pages:
2 KB, 100 files, 4 300 files (2.2 MB), 10 000 files (5 MB); files of 200 KB, 10 MB and 100 MB.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

FILES = {"small": 200_000, "medium": 10_000_000, "large": 100_000_000}
PAGES = {"page-4": 4, "page-100": 100, "page-4300": 4300, "page-10k": 10_000}


@dataclass(frozen=True)
class Dataset:
    """Where it lies, and the digest of each real file."""

    root: Path
    digests: dict[str, str]


#: Real projects publish some forty wheels per version; so does ours.
TAGS = tuple(f"cp3{minor}-cp3{minor}-{system}" for minor in (8, 9, 10, 11, 12, 13, 14) for system in (
    "manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "musllinux_1_2_x86_64", "macosx_11_0_arm64", "win_amd64",
    "win32"))  # fmt: skip


def wheel_name(project: str, version: str, tag: str = "py3-none-any") -> str:
    return f"{project.replace('-', '_')}-{version}-{tag}.whl"


def _content(size: int, seed: str) -> bytes:
    block = b"".join(hashlib.sha256(f"{seed}{i}".encode()).digest() for i in range(2048))
    return (block * (size // len(block) + 1))[:size]


def _entry(
    project: str, version: str, base: str, digest: str, size: int, tag: str = "py3-none-any"
) -> dict[str, object]:
    name = wheel_name(project, version, tag)
    return {
        "core-metadata": {"sha256": hashlib.sha256(name.encode()).hexdigest()},
        "filename": name,
        "hashes": {"sha256": digest},
        "provenance": None,
        "requires-python": ">=3.8",
        "size": size,
        "upload-time": "2024-05-17T12:00:00.123456Z",
        "url": f"{base}/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{name}",
        "yanked": False,
    }


def _html(entries: list[dict[str, object]]) -> bytes:
    lines = [
        f'<a href="{e["url"]}#sha256={e["hashes"]["sha256"]}" '  # type: ignore[index]
        f'data-requires-python="&gt;=3.8">{e["filename"]}</a><br>'
        for e in entries
    ]
    return ("<!DOCTYPE html><html><body>\n" + "\n".join(lines) + "\n</body></html>").encode()


def _write_page(root: Path, project: str, entries: list[dict[str, object]]) -> None:
    folder = root / "simple" / project
    folder.mkdir(parents=True, exist_ok=True)
    versions = sorted({str(e["filename"]).split("-")[1] for e in entries})
    document = {"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": entries}
    for suffix, body in (("json", json.dumps(document).encode()), ("html", _html(entries))):
        (folder / f"index.{suffix}").write_bytes(body)
        (folder / f"index.{suffix}.gz").write_bytes(gzip.compress(body, 6, mtime=0))


def make(root: Path, base: str) -> Dataset:
    """Write everything below `root`; `base` is the origin's URL, used for the absolute file links."""
    digests: dict[str, str] = {}
    for label, size in FILES.items():
        body = _content(size, label)
        digest = hashlib.sha256(body).hexdigest()
        entry = _entry(f"file-{label}", "1.0", base, digest, size)
        target = root / "packages" / digest[:2] / digest[2:4] / digest[4:] / str(entry["filename"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        (root / "flat").mkdir(exist_ok=True)
        (root / "flat" / str(entry["filename"])).write_bytes(body)
        digests[label] = digest
        _write_page(root, f"file-{label}", [entry])
    for project, count in PAGES.items():
        entries = [
            _entry(
                project,
                f"1.{i // len(TAGS)}",
                base,
                hashlib.sha256(f"{project}{i}".encode()).hexdigest(),
                1000 + i,
                TAGS[i % len(TAGS)],
            )
            for i in range(count)
        ]
        _write_page(root, project, entries)
    names = [*(f"file-{label}" for label in FILES), *PAGES]
    (root / "simple" / "index.html").write_text("".join(f'<a href="{n}/">{n}</a>\n' for n in names))
    return Dataset(root, digests)
