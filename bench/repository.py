"""A repository of ten thousand files, as a company's monorepo is made: mostly sources that configure nothing, and some
hundreds of files of every kind that `pipway audit` reads. The same bytes each time.

    python bench/repository.py FOLDER    writes one, for profiling
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# fmt: off
NAMES = ("requests", "flask", "numpy", "pandas", "boto3", "pydantic", "sqlalchemy", "celery", "redis", "click", "rich",
         "httpx", "attrs", "pyyaml", "pytest", "mypy", "ruff", "django", "jinja2", "cryptography", "packaging", "lxml")
WORDS = ("order", "invoice", "customer", "price", "total", "shipment", "stock", "report", "account", "ledger", "batch")
# fmt: on

#: kind → its share of a thousand files
SOURCES = {".py": 460, ".ts": 200, ".js": 90, ".md": 60, ".json": 50, ".html": 20, ".css": 20, ".txt": 20, ".yaml": 20,
           ".csv": 15, ".svg": 10}  # fmt: skip
CONFIGURATION = {"workflow": 8, "dockerfile": 5, "requirements": 7, "pyproject": 4, "script": 4, "compose": 2,
                 "notebook": 2, "makefile": 1, "env": 1, "lock": 1}  # fmt: skip


class Writer:
    """Texts of each kind, from one seed."""

    def __init__(self, seed: int = 6) -> None:
        self.random = random.Random(seed)

    def digest(self) -> str:
        return hashlib.sha256(self.random.randbytes(8)).hexdigest()

    def pins(self, count: int) -> list[str]:
        chosen = (self.random.choice(NAMES) for _ in range(count))
        return [f"{name}=={self.random.randrange(9)}.{self.random.randrange(30)}.0" for name in chosen]

    def source(self, suffix: str) -> str:
        """Something of 1 to 8 KB that configures nothing."""
        words = self.random.choices(WORDS, k=12)
        if suffix == ".json":
            return json.dumps({f"{word}_{n}": list(range(n)) for n, word in enumerate(words * 4)}, indent=1)
        if suffix == ".yaml":
            return "".join(f"{word}_{n}:\n  label: the {word}\n  count: {n}\n" for n, word in enumerate(words * 6))
        line = {".py": "def {0}_{2}({1}):\n    return {1} + {2}\n\n", ".csv": "{0},{1},{2}\n"}.get(
            suffix, "function {0}_{2}({1}) {{ return {1} + {2}; }}\n"
        )
        count = self.random.randrange(20, 150)
        return "".join(line.format(words[n % 12], words[n * 5 % 12], n) for n in range(count))

    def workflow(self) -> str:
        jobs = "".join(
            f"  job{n}:\n    runs-on: ubuntu-latest\n    env:\n      STAGE: '{n}'\n    steps:\n"
            f"      - uses: actions/checkout@{self.digest()[:40]} # v4\n"
            "      - uses: actions/setup-python@v5\n        with:\n          python-version: '3.12'\n"
            f"      - name: Install {n}\n        run: |\n          python -m pip install --upgrade pip\n"
            f"          pip install -r requirements.txt {self.pins(1)[0]}\n          if [ -f setup.py ]; then\n"
            "            pip install -e .[test]\n          fi\n"
            "      - name: Test\n        run: pytest --cov=app ${{ matrix.args }} | tee report.txt\n"
            for n in range(self.random.randrange(2, 6))
        )
        return f"name: CI\non:\n  push:\n    branches: [main]\n  pull_request:\npermissions: {{}}\njobs:\n{jobs}"

    def dockerfile(self) -> str:
        return (
            f"FROM python:3.12-slim@sha256:{self.digest()} AS build\nARG PIP_INDEX_URL\nENV PIP_NO_CACHE_DIR=1 \\\n"
            "    PYTHONUNBUFFERED=1\nWORKDIR /app\nRUN apt-get update && apt-get install -y \\\n"
            "    build-essential git && rm -rf /var/lib/apt/lists/*\nCOPY requirements.txt .\n"
            f"RUN pip install --require-hashes -r requirements.txt && \\\n    pip install {' '.join(self.pins(3))}\n"
            'FROM python:3.12-slim\nCOPY --from=build /app /app\nCOPY . .\nUSER nobody\nCMD ["python", "-m", "app"]\n'
        )

    def requirements(self) -> str:
        hashed = self.random.random() < 0.3
        lines = (f"{pin} \\\n    --hash=sha256:{self.digest()}" if hashed else pin for pin in self.pins(40))
        return "--index-url https://nexus.corp/simple\n" + "\n".join(lines) + "\n"

    def pyproject(self) -> str:
        wanted = "".join(f'  "{pin.replace("==", ">=")}",\n' for pin in self.pins(12))
        return (
            '[build-system]\nrequires = ["hatchling>=1.27"]\nbuild-backend = "hatchling.build"\n\n'
            f'[project]\nname = "service"\nversion = "1.0"\ndependencies = [\n{wanted}]\n\n'
            '[[tool.uv.index]]\nname = "corp"\nurl = "https://nexus.corp/simple"\nexplicit = true\n\n'
            '[tool.ruff]\nline-length = 120\n\n[tool.pytest.ini_options]\naddopts = "-q"\n'
        )

    def script(self) -> str:
        loop = 'for service in api worker; do\n  (cd "$service" && pip install -r requirements.txt)\ndone\n'
        plain = "".join(f'echo "step {n}: $HOME/{word}" >> log.txt\n' for n, word in enumerate(WORDS * 3))
        return f"#!/usr/bin/env bash\nset -euo pipefail\n{loop}{plain}pip install {self.pins(1)[0]}\n"

    def compose(self) -> str:
        services = "".join(
            f"  {word}:\n    build: .\n    environment:\n      - STAGE=dev\n      - PORT={n}\n"
            f"    command: python -m {word}\n"
            for n, word in enumerate(WORDS)
        )
        return f"services:\n{services}"

    def notebook(self) -> str:
        cells = [
            {"cell_type": "code", "metadata": {}, "execution_count": n, "source": [f"total = {n}\n", "print(total)"],
             "outputs": [{"output_type": "stream", "name": "stdout", "text": [self.digest() * 20]}]}
            for n in range(25)
        ]  # fmt: skip
        cells[0]["source"] = ["%pip install pandas==2.2.0\n", "!pip install matplotlib"]
        return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)

    def makefile(self) -> str:
        return "PIP ?= pip\n\ntest: install\n\tpytest -q\n\ninstall:\n\t$(PIP) install -r requirements.txt\n"

    def env(self) -> str:
        return "".join(f"{word.upper()}_URL=https://{word}.corp/api\n" for word in WORDS) + "PIP_DEFAULT_TIMEOUT=60\n"

    def lock(self, packages: int = 150) -> str:
        """A uv.lock; 150 packages have some 400 KB, as those of a larger service."""
        return 'version = 1\nrequires-python = ">=3.12"\n' + "".join(
            f'\n[[package]]\nname = "{NAMES[n % len(NAMES)]}-{n}"\nversion = "1.{n}"\n'
            'source = { registry = "https://nexus.corp/simple" }\nwheels = [\n'
            + "".join(
                f'    {{ url = "https://files.example/{self.digest()}/{NAMES[n % len(NAMES)]}-1.{n}-cp3{minor}-'
                f'manylinux.whl", hash = "sha256:{self.digest()}", size = {n + 1000} }},\n'
                for minor in range(8, 20)
            )
            + "]\n"
            for n in range(packages)
        )


#: kind → the name of the file, in a folder of its own or in the one that tools ask for
PLACES: dict[str, str] = {
    "workflow": ".github/workflows/ci-{n}.yml", "dockerfile": "{folder}/Dockerfile",
    "requirements": "{folder}/requirements-{n}.txt", "pyproject": "{folder}/pyproject.toml",
    "script": "{folder}/scripts/build-{n}.sh", "compose": "{folder}/docker-compose.yml",
    "notebook": "{folder}/explore-{n}.ipynb", "makefile": "{folder}/Makefile", "env": "{folder}/.env",
    "lock": "{folder}/uv.lock",
}  # fmt: skip


def files(count: int, kinds: frozenset[str] | None = None) -> Iterator[tuple[str, str]]:
    """Paths and texts; `kinds`: only this configuration, as much of it as there is among `count` files."""
    writer = Writer()
    texts: dict[str, Callable[[], str]] = {kind: getattr(writer, kind) for kind in CONFIGURATION}
    for kind, share in CONFIGURATION.items():
        for n in range(count * share // 1000):
            folder = f"services/group{n % 7}/{kind}{n}"
            text = texts[kind]()
            if kinds is None or kind in kinds:
                yield PLACES[kind].format(folder=folder, n=n), text
    for suffix, share in SOURCES.items() if kinds is None else ():
        for n in range(count * share // 1000):
            yield f"services/group{n % 7}/module{n % 60}/{WORDS[n % len(WORDS)]}_{n}{suffix}", writer.source(suffix)
    if kinds is None:
        yield ".gitignore", "node_modules/\n*.pyc\n__pycache__/\n/dist/\n*.egg-info/\n.venv/\n!keep.pyc\n"


def write(folder: Path, count: int = 10_000, kinds: frozenset[str] | None = None) -> int:
    """Write the files of a repository; how many there are. git tracks them all."""
    number = 0
    for path, text in files(count, kinds):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        number += 1
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", "-C", folder, "-c", "core.autocrlf=false", *command], check=True)
    return number


if __name__ == "__main__":
    print(write(Path(sys.argv[1])), "files")
