"""Changes to other tools' files, each with its way back.

`configure` and `doctor --fix` call it. A run is one step of the journal: what was there before is on the disk before
anything is replaced, so that a step can be undone even when the run was killed in its middle.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipway import platforms
from pipway.clients.base import Change
from pipway.clients.diff import diff, hide
from pipway.clients.replace import PRIVATE, State, forget, put, state_of, target_of
from pipway.errors import UsageError

__all__ = ["Journal", "Record", "Step", "Undone", "apply", "diff", "hide", "undo"]

_STEPS = 100  # kept; older ones can no longer be undone
_LARGEST = 64 << 20  # bytes of one step


@dataclass(frozen=True, slots=True)
class Record:
    """One file that a step replaces."""

    path: Path  #: as the change named it
    target: Path  #: the file itself, behind links
    before: State
    after: str | None  #: SHA-256 of the new bytes, None when it goes
    made: tuple[Path, ...] = ()  #: folders that did not exist, outermost first


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did."""

    title: str
    when: str
    restored: tuple[Path, ...]
    kept: tuple[Path, ...]  #: copies of what a person had written since, made because of `force`


@dataclass(slots=True)
class Step:
    """One run, open for changes."""

    journal: Journal
    file: Path
    title: str
    when: str
    records: list[Record] = field(default_factory=list)

    def apply(self, changes: Sequence[Change]) -> list[Path]:
        """Write them; gives the paths that changed. UsageError when one cannot be, or is no longer as `before` says."""
        written = []
        for change in changes:
            target = target_of(change.path)
            now = state_of(target)
            if now.content != change.before:
                raise UsageError(
                    "changed-meanwhile",
                    f"{change.path} changed while it was about to be written",
                    why="somebody else writes it, too; it was left as it is",
                    fix="run the command again",
                )
            mode = PRIVATE if change.private else now.mode
            if change.after == now.content and (mode == now.mode or platforms.WINDOWS or now.content is None):
                continue
            missing = tuple(folder for folder in reversed(target.parents) if not folder.exists())
            self.records.append(Record(change.path, target, now, _digest(change.after), missing))
            self.journal.write(self)
            put(target, State(change.after, mode, now.owner), expected=change.before)
            written.append(change.path)
        return written


class Journal:
    """Every step in a folder of pipway's own, newest last. The files hold what they restore, so they are private."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made before something is written."""
        self.folder = folder

    def steps(self) -> list[Path]:
        """The steps that can be undone, oldest first."""
        return sorted(self.folder.glob("step-*.json")) if self.folder.is_dir() else []

    @contextlib.contextmanager
    def step(self, title: str, now: datetime) -> Iterator[Step]:
        """A new step. An error inside takes back what it wrote."""
        with self._alone():
            steps = self.steps()
            number = int(steps[-1].stem.rpartition("-")[2]) + 1 if steps else 1
            step = Step(self, self.folder / f"step-{number:08}.json", title, now.isoformat(timespec="seconds"))
            try:
                yield step
            except BaseException:
                # What cannot be taken back now stays in the journal, for `undo`.
                with contextlib.suppress(UsageError):
                    _restore(step.records, self, force=False)
                    step.file.unlink(missing_ok=True)
                raise
            for old in self.steps()[:-_STEPS]:
                old.unlink(missing_ok=True)

    def undo(self, *, force: bool = False) -> Undone:
        """Take the latest step back. UsageError when there is none, or somebody edited a file since and not `force`."""
        with self._alone():
            steps = self.steps()
            if not steps:
                raise UsageError("nothing-to-undo", "there is nothing to undo", why=f"{self.folder} has no step")
            step = self._read(steps[-1])
            kept = _restore(step.records, self, force=force)
            step.file.unlink()
            platforms.sync_directory(self.folder)
            restored = tuple(dict.fromkeys(record.path for record in step.records))
            return Undone(step.title, step.when, restored, kept)

    def write(self, step: Step) -> None:
        """Keep the step as it is now."""
        document = {
            "version": 1,
            "title": step.title,
            "when": step.when,
            "files": [_as_json(record) for record in step.records],
        }
        before = step.file.read_bytes() if step.file.exists() else None
        put(step.file, State(json.dumps(document, indent=1).encode("ascii"), PRIVATE), expected=before)

    def keep(self, target: Path, content: bytes) -> Path:
        """Put a copy aside, under a name of its own."""
        number = 1 + sum(1 for _ in self.folder.glob("kept-*"))
        copy = self.folder / f"kept-{number:04}-{target.name}"
        put(copy, State(content, PRIVATE), expected=None)
        return copy

    def _read(self, file: Path) -> Step:
        try:
            content = state_of(file).content or b""
            document = json.loads(content[: _LARGEST + 1])
            records = [_from_json(entry) for entry in document["files"]]
            return Step(self, file, str(document["title"]), str(document["when"]), records)
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                "journal-damaged",
                f"{file} is damaged",
                why="what it restored can no longer be read",
                fix=f"remove {file}; the step before it can then be undone",
            ) from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = platforms.open_shared(self.folder / "lock", os.O_RDWR | os.O_CREAT, PRIVATE)
        except OSError as error:
            raise UsageError(
                "journal-unusable",
                f"cannot use {self.folder}",
                why=error.strerror or str(error),
                fix="name another data folder: PIPWAY_DATA, or --data",
            ) from None
        try:
            if not platforms.try_lock(lock):
                raise UsageError(
                    "journal-busy", "another pipway changes settings of tools just now", fix="run this again"
                )
            yield
        finally:
            os.close(lock)


def apply(changes: Sequence[Change], journal: Journal, *, title: str, now: datetime) -> list[Path]:
    """Write all `changes` as one step, or none. Gives the paths that changed."""
    with journal.step(title, now) as step:
        return step.apply(changes)


def undo(journal: Journal, *, force: bool = False) -> Undone:
    """See `Journal.undo`."""
    return journal.undo(force=force)


def _restore(records: Sequence[Record], journal: Journal, *, force: bool) -> tuple[Path, ...]:
    """Every file as it was before the first record of it. Nothing is written unless all can be."""
    first: dict[Path, Record] = {}
    known: dict[Path, set[str | None]] = {}
    for record in records:
        first.setdefault(record.target, record)
        known.setdefault(record.target, set()).update({record.after, _digest(record.before.content)})
    now = {target: state_of(target) for target in first}
    edited = [target for target, state in now.items() if _digest(state.content) not in known[target]]
    if edited and not force:
        raise UsageError(
            "edited-since",
            f"{', '.join(map(str, edited))} changed since pipway wrote it",
            why="undoing would lose what somebody wrote there; nothing was undone",
            fix="undo by hand, or with --force, which keeps a copy of what is there now",
        )
    kept = []
    for target in edited:
        content = now[target].content
        if content is not None:
            kept.append(journal.keep(target, content))
    for target, record in reversed(first.items()):
        if now[target] != record.before:
            put(target, record.before, expected=now[target].content)
    for record in reversed(records):
        forget(record.made)
    return tuple(kept)


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _as_json(record: Record) -> dict[str, Any]:
    before = record.before
    return {
        "path": str(record.path),
        "target": str(record.target),
        "before": None if before.content is None else base64.b64encode(before.content).decode("ascii"),
        "mode": before.mode,
        "owner": before.owner,
        "after": record.after,
        "made": [str(folder) for folder in record.made],
    }


def _from_json(entry: Any) -> Record:
    content = None if entry["before"] is None else base64.b64decode(entry["before"], validate=True)
    mode, owner = entry["mode"], entry["owner"]
    state = State(
        content, None if mode is None else int(mode), None if owner is None else (int(owner[0]), int(owner[1]))
    )
    made = tuple(Path(folder) for folder in entry["made"])
    return Record(Path(entry["path"]), Path(entry["target"]), state, entry["after"], made)
