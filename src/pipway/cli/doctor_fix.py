"""`pipway doctor --fix`: carries out the fixes that are safe, which change no more than how an installer is set up.

Only our own verbs are run: they show what they change and can take it back. The rest is for a person to do.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable

from pipway.findings import Finding
from pipway.redact import redact


def carry_out(findings: Iterable[Finding]) -> list[str]:
    """Do what is safe; give what was done, one command each, in order. Stops at the first that fails."""
    done: list[str] = []
    for finding in findings:
        if finding.fix is None or not finding.fix.safe:
            continue
        for command in finding.fix.commands:
            words = shlex.split(command)
            if command in done or words[:1] != ["pipway"]:
                continue
            print(f"$ {redact(command)}", file=sys.stderr, flush=True)
            ours = [sys.executable, "-m", "pipway", *words[1:]]
            if subprocess.run(ours, stdout=sys.stderr, check=False).returncode != 0:  # noqa: S603 - our own verbs
                return done
            done.append(command)
    return done
