"""One tiny download with a real installer, set up as it is here, into a folder that goes away.

`probes.clients` runs it last, to confirm what the other steps found. Nothing is installed and no cache is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipway.clients.base import Installed, Setting
from pipway.doctor.base import Case, Subject
from pipway.doctor.commands import understood

_MOST = 262_144  # bytes of output that are kept
_OWN_PIP = "import sys; sys.path.pop(0); import runpy; runpy.run_module('pip', run_name='__main__', alter_sys=True)"
#: Options of the person's own command that say where and how the network is reached; the rest is about their project.
_KEPT = frozenset(
    """
    -i --index-url --extra-index-url --proxy --cert --client-cert --trusted-host --timeout --default-timeout --retries
    -f --find-links --uploaded-prior-to --index --default-index --exclude-newer --allow-insecure-host --keyring-provider
    --index-strategy --use-feature --use-deprecated --config-file
    """.split()  # noqa: SIM905
)
_KEPT_ALONE = frozenset(("--isolated", "--no-index", "--system-certs", "--native-tls", "--no-config", "--no-proxy-env"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    code: int | None  #: None: it was still running when the time was over
    output: str = field(repr=False)  #: may hold secrets: redact before it is shown

    @property
    def fetching(self) -> bool:
        """Whether it was still at the file when the time was over."""
        return self.code is None and self.output.rstrip().rpartition("\n")[2].lstrip().startswith("Downloading ")


def command(subject: Subject, installed: Installed, words: Sequence[str], project: str, folder: str) -> list[str]:
    """What to run. `words` is the person's command, of which the options that concern the network are kept."""
    options = _options(understood(words).arguments)
    if subject.name == "uv":
        begin = [*installed.command, "pip", "install", "--no-deps", "--no-cache", "--target", folder]
        return [*begin, "--only-binary", ":all:", *options, project]
    begin = [
        *_not_of_the_project(installed.command),
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-input",
    ]
    return [*begin, "--progress-bar", "off", "--only-binary", ":all:", "--dest", folder, *options, project]


def _not_of_the_project(call: Sequence[str]) -> Sequence[str]:
    """`python -m pip` would run a pip.py that lies in the working folder, which nobody has called."""
    return (call[0], "-c", _OWN_PIP) if tuple(call[1:]) == ("-m", "pip") else call


def _options(arguments: Sequence[str]) -> list[str]:
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        name, equals, _ = word.partition("=")
        if word in _KEPT_ALONE or (equals and name in _KEPT):
            kept.append(word)
        elif word in _KEPT:
            kept += [word, next(words, "")]
    return kept


async def trial(case: Case, subject: Subject, installed: Installed, *, seconds: float) -> Outcome:
    """Run it for at most `seconds`; it and what it started are gone afterwards."""
    words = case.surroundings.command if subject is case.subject else ()
    if not words and case.index != case.subject.value(Setting.INDEX):  # a person named another index, without a login
        words = (subject.name, "install", "--default-index" if subject.name == "uv" else "--index-url", case.index)
    with tempfile.TemporaryDirectory(prefix="pipway-doctor-", ignore_cleanup_errors=True) as folder:
        temporary = os.path.join(folder, "tmp")  # noqa: PTH118 - a word of the environment
        os.mkdir(temporary)  # noqa: PTH102
        process = await asyncio.create_subprocess_exec(
            *command(subject, installed, words, case.project, folder),
            # What it unpacks on the way is there, too, when it is ended before it can clean up.
            env={**case.surroundings.environ, "NO_COLOR": "1", **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)},
            cwd=case.surroundings.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=os.name == "posix",
        )
        output = bytearray()
        try:
            async with asyncio.timeout(seconds):
                await _read(process, output)
                code: int | None = await process.wait()
        except TimeoutError:
            code = None
        finally:
            if process.returncode is None:
                _end(process)
                await process.wait()
        return Outcome(code, bytes(output).decode("utf-8", "replace"))


async def _read(process: asyncio.subprocess.Process, output: bytearray) -> None:
    assert process.stdout is not None
    while data := await process.stdout.read(65536):
        output += data[: max(0, _MOST - len(output))]


def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, 9)
        else:
            process.kill()
