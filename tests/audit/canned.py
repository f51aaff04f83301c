"""A pipway in the memory of a test: files called pipway/… say what it answers to whom asks it.

`pipway/simple/NAME.json` is `/simple/NAME/`, `pipway/indexes.json` is `/indexes`, other paths are as they are. Where
the JSON of an answer has "status": NUMBER, that is its status.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from pipway.audit.facts import Project
from pipway.audit.online.ask import Asked, Limits, ask
from pipway.errors import BadUpstream

FOLDER = "pipway/"
SERVER = "http://127.0.0.1:3141/"


@dataclass
class Answered:
    """A response."""

    status: int
    body: bytes

    async def read(self, limit: int) -> bytes:
        if len(self.body) > limit:
            raise BadUpstream("too-large", "the answer is too large")
        return self.body

    async def aclose(self) -> None:
        pass


@dataclass
class Canned:
    """Conforms to `online.Client`; remembers what it was asked."""

    files: Mapping[str, str]
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def request(self, method: str, url: str, headers: Mapping[str, str] = {}) -> Answered:
        assert url.startswith(SERVER), f"somebody else is asked: {url}"
        path = urlsplit(url).path.removeprefix("/")
        self.asked.append((method, path))
        if path == "health":
            return Answered(200, self.files.get("health", '{"status": "ok"}').encode())
        names = [path, f"{path.rstrip('/')}.json"]
        text = next((self.files[name] for name in names if name in self.files), None)
        if text is None:
            return Answered(200 if path.startswith("files/") else 404, b"")
        status = 200
        if text.lstrip().startswith("{"):
            said = json.loads(text).get("status")
            status = said if isinstance(said, int) else 200
        return Answered(status, b"" if method == "HEAD" else text.encode())


def split(files: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Files of a tree, and answers."""
    answers = {name.removeprefix(FOLDER): text for name, text in files.items() if name.startswith(FOLDER)}
    return {name: text for name, text in files.items() if not name.startswith(FOLDER)}, answers


def asked(project: Project, answers: Mapping[str, str], limits: Limits | None = None) -> Asked:
    """What is known after asking."""
    return asyncio.run(ask(project, Canned(answers), SERVER, limits=limits))


def answered(project: Project, answers: Mapping[str, str]) -> Project:
    """The project, with answers where there are some."""
    return replace(project, answers=asked(project, answers).answers) if answers else project
