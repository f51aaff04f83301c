"""`pipway doctor --fix`: carries out the fixes that are safe, which change no more than how an installer is set up.

Configuration files are mended by the client that knows them, as one step of the journal that `pipway configure --undo`
takes back. Of commands only our own verbs are run. The rest is for a person to do.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from pipway.clients.base import Change, Mends, Surroundings
from pipway.clients.changes import Journal, apply, diff
from pipway.clients.registry import CLIENTS
from pipway.findings import Finding
from pipway.redact import redact


def carry_out(
    findings: Iterable[Finding], surroundings: Surroundings, journal: Journal, *, now: datetime, back: str
) -> list[str]:
    """Do what is safe; give what was done, a file or a command each. Stops at the first command that fails.

    `back` is the command that takes the mended files back. UsageError when one cannot be written: then none is.
    """
    safe = [finding for finding in findings if finding.fix is not None and finding.fix.safe]
    changes = _mends(safe, surroundings)
    done = [str(path) for path in apply(changes, journal, title="doctor --fix", now=now)] if changes else []
    if done:
        print(f"{diff(changes)}mended {', '.join(done)}\nundo with: {back}", file=sys.stderr, flush=True)
    commands = dict.fromkeys(command for finding in safe if finding.fix for command in finding.fix.commands)
    for command in commands:
        words = shlex.split(command)
        if words[:1] != ["pipway"] or words[1:2] == ["doctor"]:  # itself: that is what the person has called
            continue
        print(f"$ {redact(command)}", file=sys.stderr, flush=True)
        ours = [sys.executable, "-m", "pipway", *words[1:]]
        if subprocess.run(ours, stdout=sys.stderr, check=False).returncode != 0:  # noqa: S603 - our own verbs
            break
        done.append(command)
    return done


def _mends(findings: Iterable[Finding], surroundings: Surroundings) -> Sequence[Change]:
    """The files that findings are about, as they were meant."""
    paths = dict.fromkeys(Path(finding.place.name) for finding in findings if finding.place is not None)
    found: dict[Path, Change] = {}
    for client in CLIENTS.values():
        if not isinstance(client, Mends):
            continue
        for file in client.files(surroundings):
            if file.path in paths and file.path not in found and (change := client.mended(file.path)) is not None:
                found[file.path] = change
    return list(found.values())
