"""Files made to take long: each is read in a moment, whatever stands in it."""

from __future__ import annotations

import time
from types import ModuleType

import pytest
from tests.audit.collect.reading import collected

from pipway.audit.collect import conda, dotenv, locks, netrc, pip_conf, pypirc, pyproject, requirements, setup_files

SIZE = 60_000
PATTERNS = {
    "spaces": " " * SIZE + "x",
    "spaces-after-a-name": "a" + " " * SIZE + "#",
    "quotes": "a='" + "\"'" * (SIZE // 2),
    "braces": "[[package]]\n" + "{a = " * (SIZE // 5),
    "brackets": "a = " + "[" * SIZE,
    "backslashes": "a \\\n" * (SIZE // 4),
    "sections": "".join(f"[s{n}]\nk{n} = v\n" for n in range(SIZE // 16)),
    "keys": "[global]\n" + "".join(f"indexurl{n} = v\n" for n in range(SIZE // 16)),
    "headers": "[[packages]]\n" * (SIZE // 13),
    "metadata": "[[package]]\n\n[metadata.files]\n" + ("a" + " " * 5000 + "\n") * (SIZE // 5000),
    "hashes": "a " + "--hash=sha256:a " * (SIZE // 16),
    "dots": "a" + ".a" * (SIZE // 2) + " = 1",
    "calls": "L = [" + "'é'," * 4000 + "]\n" + "setup(install_requires=L)\n" * 4000,
    "dashes": "- " * SIZE,
    "urls": "[[package]]\nurl = '" + "://" * (SIZE // 3),
}
FILES: tuple[tuple[ModuleType, str], ...] = (
    (requirements, "requirements.txt"),
    (pip_conf, "pip.conf"),
    (pyproject, "pyproject.toml"),
    (pypirc, ".pypirc"),
    (netrc, ".netrc"),
    (dotenv, ".env"),
    (setup_files, "setup.py"),
    (setup_files, "setup.cfg"),
    (conda, ".condarc"),
    (locks, "uv.lock"),
    (locks, "pylock.toml"),
    (locks, "Pipfile.lock"),
    (locks, "pixi.lock"),
)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_file_takes_long(pattern: str) -> None:
    for module, path in FILES:
        start = time.perf_counter()
        collected(module, PATTERNS[pattern], path)
        assert time.perf_counter() - start < 5, path
