"""The installers that judge pipway, each in its own environment under `.lab/`, made once per machine.

They come through ordinary installs. Workers of one test run share them; a file lock keeps two from building at once.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAB = ROOT / ".lab"

#: Variables that would lead an installer past pipway, or colour what it says.
_MISLEADING = ("PIP_", "UV_", "POETRY_", "PIPWAY_", "VIRTUAL_ENV", "PYTHONPATH", "FORCE_COLOR")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_TRUST = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE")


def neutral_environment(*, keep_trust: bool = False) -> dict[str, str]:
    """This process's environment without the machine's own installer configuration.

    `keep_trust` keeps the variables that name certificate authorities, which only a talk with the real index needs.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_MISLEADING) and name.lower() not in _PROXIES and (keep_trust or name not in _TRUST)
    }
    if keep_trust:
        kept |= {name: os.environ[name] for name in _TRUST if name in os.environ}
    return kept | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
    }


def old_python() -> str:
    """An interpreter that the oldest pip still runs on (Python 3.12 removed what it vendors)."""
    if tuple(map(int, platform.python_version_tuple()[:2])) < (3, 12):
        return sys.executable
    for name in ("python3.11", "python3.10", "python3.9"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", "import ensurepip"], capture_output=True).returncode == 0:
            return found
    raise RuntimeError("pip 20.3.4 needs a Python older than 3.12 on the PATH, for example python3.11")


def environment(name: str, requirement: str, *, python: str = sys.executable) -> Path:
    """The folder of a virtual environment that holds `requirement` (or several, spaced); built when missing."""
    folder = LAB / name
    ready = folder / "ready"
    LAB.mkdir(exist_ok=True)
    with (LAB / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists() and ready.read_text() == requirement:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        environ = neutral_environment(keep_trust=True)
        if "PIP_INDEX_URL" in os.environ:  # the machine's own way to an index is as ordinary as the default
            environ["PIP_INDEX_URL"] = os.environ["PIP_INDEX_URL"]
        subprocess.run([python, "-m", "venv", str(folder)], check=True, env=environ, timeout=120)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirement.split()]
        subprocess.run(pip, check=True, env=environ, timeout=300)
        ready.write_text(requirement)
    return folder
