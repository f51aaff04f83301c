"""Reads objects of a git repository through git's plumbing, so that nothing which the repository says is run.

`base_branch` and `history` ask, and only when a person wants it: `pipway audit --base`, `--history`. A repository's own
configuration is its author's: filters, textconv, external diffs, pagers, monitors, signature programs and hooks belong
to commands that are not used here or are switched off; nothing is fetched, whatever a partial clone lacks; git's own
check of who owns the repository stays, which is why the folder is never given to it as GIT_DIR. Output and time are
bounded, and what git started ends with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipway.audit.git.tracked import repository
from pipway.errors import UsageError

DEADLINE = 60.0  #: seconds for one question
MOST = 64 << 20  #: bytes of an answer
#: an object's id, SHA-1 or SHA-256, and a line of `cat-file --batch`: id, type, bytes
_NAME = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HEAD = re.compile(rb"([0-9a-f]{40,64}) (\w+) (\d{1,12})")

#: What may be said to git from outside; every GIT_ variable is left out.
_KEPT = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")
_STILL = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch what is missing, by a command of its configuration
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
_OPTIONS = (
    *("--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.alternateRefsCommand=", "-c", "safe.bareRepository=explicit", "-c", "core.sshCommand=false"),
)


@dataclass(frozen=True, slots=True)
class Git:
    """One repository, and the git that reads it."""

    program: str
    top: Path
    environ: Mapping[str, str]

    def lines(self, *arguments: str, given: bytes = b"") -> list[bytes]:
        """What a command prints, in lines. UsageError when it fails, takes too long or prints too much."""
        return self.output(*arguments, given=given).splitlines()

    def output(self, *arguments: str, given: bytes = b"") -> bytes:
        """What a command prints."""
        with tempfile.TemporaryFile() as said, self._process(arguments, said, given) as process:
            assert process.stdout is not None
            found = process.stdout.read(MOST + 1)
            if len(found) > MOST:
                _end(process)
                raise _failed(arguments, f"it prints more than {MOST >> 20} MB")
            if process.wait() != 0:
                raise _failed(arguments, "git refuses, or it takes too long")
        return found

    def commit(self, name: str) -> str:
        """The id of a commit, "" when there is none of that name."""
        if not name or name.startswith("-") or any(sign in name for sign in "\0\n:"):
            return ""
        with contextlib.suppress(UsageError):
            found = self.lines("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
            if found and _NAME.fullmatch(found[0]):
                return found[0].decode()
        return ""

    def blobs(self, names: Sequence[str], largest: int) -> Iterator[tuple[str, bytes]]:
        """Objects with their contents, as they are stored: no filter, no line ends. Larger ones are left out."""
        sizes = self.output("cat-file", "--batch-check", given=_listed(names)).splitlines()
        wanted, total = [], 0
        for line in sizes:
            head = _HEAD.fullmatch(line)
            if head is not None and head[2] == b"blob" and int(head[3]) <= largest and total < MOST // 2:
                wanted.append(head[1].decode())
                total += int(head[3])
        raw = self.output("cat-file", "--batch", given=_listed(wanted))
        at = 0
        for _ in wanted:
            end = raw.find(b"\n", at)
            head = _HEAD.fullmatch(raw[at:end]) if end >= 0 else None
            if head is None:
                return
            at = end + 1 + int(head[3])
            yield head[1].decode(), raw[end + 1 : at]
            at += 1

    @contextlib.contextmanager
    def _process(self, arguments: Sequence[str], said: IO[bytes], given: bytes) -> Iterator[subprocess.Popen[bytes]]:
        said.write(given)
        said.seek(0)
        process = subprocess.Popen(  # noqa: S603 - found on PATH, with arguments of ours
            [self.program, *_OPTIONS, *arguments],
            cwd=self.top,
            env=dict(self.environ),
            stdin=said,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name != "nt",
        )
        timer = threading.Timer(DEADLINE, _end, (process,))
        timer.daemon = True
        timer.start()
        try:
            with process:
                yield process
        finally:
            timer.cancel()


def opened(root: Path, environ: Mapping[str, str]) -> Git:
    """The repository that `root` is in. UsageError when it is in none, git is missing, or git does not trust it."""
    top = repository(Path(os.path.realpath(root)))
    if top is None:
        raise UsageError("no-repository", f"{root} is in no git repository", fix="leave out --base and --history")
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder and _outside(folder, top)]
    path = os.pathsep.join(folders)
    program = shutil.which("git", path=path)
    if program is None:
        raise UsageError("no-git", "git is not on PATH", fix="install git, or leave out --base and --history")
    kept = {name: environ[name] for name in _KEPT if name in environ}
    found = Git(program, top, {"PATH": path, **kept, **_STILL})
    try:
        found.output("rev-parse", "--git-dir")
    except UsageError:
        raise UsageError(
            "repository-refused",
            f"git does not read {top}",
            why="it is broken, or belongs to somebody else",
            fix=f"run it as the owner, or trust it: git config --global --add safe.directory {top}",
        ) from None
    return found


def _outside(folder: str, top: Path) -> bool:
    """Programs of the audited tree are not started."""
    real = Path(os.path.realpath(folder))
    return Path(folder).is_absolute() and real != top and top not in real.parents


def _listed(names: Sequence[str]) -> bytes:
    return b"".join(f"{name}\n".encode() for name in names)


def _failed(arguments: Sequence[str], why: str) -> UsageError:
    return UsageError("git-failed", f"git {arguments[0]} does not answer", why=why)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
