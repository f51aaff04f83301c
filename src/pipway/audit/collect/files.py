"""Which files each collector reads: by their names, folders, and beginnings where names say too little.

`readers` asks here first, so that only the collectors of files that are there are loaded; a new collector gets a line
in `FILES`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from posixpath import splitext
from types import MappingProxyType

Asked = Callable[[str, str, str], bool]  # of the folder, the name, and the beginning where it is read


@dataclass(slots=True)
class Files:
    """What one collector reads: these names, and what ends in one of these suffixes and is `asked` for."""

    names: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()  #: in lower case; ANY: whatever its suffix
    asked: Asked | None = None


ANY = "*"
HEADED = frozenset({"", ".txt", ".in", ".yml", ".yaml", ".cfg", ".conf", ".ini", ".env"})  #: beginnings that are read
_YAML = (".yml", ".yaml")
#: a pool of Microsoft's machines, a task with its version, a step in PowerShell: no other system's files have them
_AZURE = re.compile(
    r"^[ \t]*(?:-[ \t]+)?vmImage:|^[ \t]*-[ \t]+task:[ \t]*[\"']?\w+@\d|^[ \t]*-[ \t]+(?:pwsh|powershell):[ \t]*\S"
    r"|^pool:.*\bvmImage:",
    re.MULTILINE,
)
_COMPOSE = re.compile(r"(?:docker-|podman-)?compose(?:[.-][\w.-]+)?\.ya?ml")
_ENVIRONMENT = re.compile(r"(?:^|[-_.])(?:environment|env|conda)(?:[-_.].*)?\.ya?ml", re.IGNORECASE)
_DOCKERFILE = re.compile(r"(?i)(?:dockerfile|containerfile)(?:[.-][\w.-]+)?|[\w.-]+\.(?:dockerfile|containerfile)")
_NO_DOCKERFILE = (".py", ".md", ".txt", ".sh", ".json", ".yml", ".yaml", ".dockerignore", ".j2", ".rst", ".go", ".js")
_VERSION = re.compile(r"^apiVersion:[ \t]*[\"']?[\w.-]+(?:/\w+)?", re.MULTILINE)
_KIND = re.compile(r"^kind:[ \t]*[\"']?[A-Z]", re.MULTILINE)
_PIPELINES = re.compile(
    r"\.travis\.ya?ml|bitbucket-pipelines\.ya?ml|\.?buildkite[\w.-]*\.ya?ml|\.drone\.ya?ml|\.woodpecker\.ya?ml"
    r"|\.?readthedocs\.ya?ml|\.cirrus\.ya?ml|\.?appveyor\.ya?ml"
)
_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_REQUIREMENTS = re.compile(r"(?:^|[-_.])(?:requirements?|requires|constraints?|reqs)(?:[-_.]|$)", re.IGNORECASE)
_FOLDERS = frozenset({"requirements", "reqs", "requires", "constraints"})
_HASHED = re.compile(r"^[A-Za-z0-9][\w.-]*(?:\[[^]\n]*\])? ?===?[^\n]*(?:\\\n[^\n]*)?--hash=sha\d+:", re.MULTILINE)
_SHELLS = (".sh", ".bash", ".zsh", ".ksh", ".bats")
_JUSTFILES = ("justfile", ".justfile")
#: the first line of a script for a shell
SHEBANG = re.compile(r"#!\s*\S*/(?:env\s+(?:-S\s+)?)?(?:ba|da|z|k|a)?sh\b")


def _last(folder: str) -> str:
    return folder.rpartition("/")[2]


def _azure(folder: str, name: str, head: str) -> bool:
    """azure-pipelines.yml and the templates beside it; what says at its beginning that it is one has any name."""
    if _AZURE.search(head):
        return True
    folders = {part.strip(".") for part in folder.split("/")}
    return "azure-pipelines" in name.rpartition(".")[0] or bool({"azure-pipelines", "pipelines", "azure"} & folders)


def _dockerfile(folder: str, name: str, _: str) -> bool:
    """Dockerfile, Dockerfile.dev, app.Dockerfile, Containerfile."""
    name = name.lower()
    return "erfile" in name and bool(_DOCKERFILE.fullmatch(name)) and not name.endswith(_NO_DOCKERFILE)


def _gitlab(folder: str, name: str, _: str) -> bool:
    """.gitlab-ci.yml, other.gitlab-ci.yml, .gitlab/ci/*.yml."""
    return name.endswith((".gitlab-ci.yml", ".gitlab-ci.yaml")) or (".gitlab" in folder.split("/") and "ci" in folder)


def _kubernetes(folder: str, name: str, head: str) -> bool:
    """A file in YAML that says so at its beginning."""
    return bool(_VERSION.search(head) and _KIND.search(head))


def _pipelines(folder: str, name: str, _: str) -> bool:
    """.travis.yml, bitbucket-pipelines.yml, .buildkite/*.yml, .drone.yml, .woodpecker/*.yml and others."""
    return bool(_PIPELINES.fullmatch(name) or {".buildkite", ".woodpecker"} & set(folder.split("/")))


def _requirements(folder: str, name: str, head: str) -> bool:
    """requirements-dev.txt, constraints.txt, requirements/dev.in, requirements.lock; any .txt that has hashes."""
    stem = name.rpartition(".")[0]
    if _REQUIREMENTS.search(stem) or (name.endswith(".txt") and _HASHED.search(head)):
        return True
    return _last(folder) in _FOLDERS and stem.lower() != "readme"


def _below(name: str, *folders: str) -> Asked:
    return lambda folder, this, _: this == name and _last(folder) in folders


def _begins(*beginnings: str) -> Asked:
    return lambda _, name, __: name.startswith(beginnings)


#: The collector's module → what it reads.
FILES: Mapping[str, Files] = MappingProxyType(
    {
        "azure": Files((), _YAML, _azure),
        "certificates": Files((), (".pem", ".crt")),
        "circleci": Files((), _YAML, lambda folder, _, __: ".circleci" in folder.split("/")),
        "compose": Files((), _YAML, lambda _, name, __: bool(_COMPOSE.fullmatch(name))),
        "conda": Files(
            (".condarc", "condarc", ".mambarc"),
            _YAML,
            lambda folder, name, _: _last(folder) == "condarc.d" or bool(_ENVIRONMENT.search(name)),
        ),
        "devcontainer": Files(("devcontainer.json", ".devcontainer.json")),
        "direct_url": Files(
            (), (".json",), lambda folder, name, _: name == "direct_url.json" and folder.endswith(".dist-info")
        ),
        "dockerfile": Files((), (ANY,), _dockerfile),
        "dotenv": Files((".env",), (ANY,), lambda _, name, __: name.startswith(".env.") or name.endswith(".env")),
        "github": Files(
            ("action.yml", "action.yaml"), _YAML, lambda folder, _, __: f"/{folder}".endswith("/.github/workflows")
        ),
        "gitlab": Files((), _YAML, _gitlab),
        "hatch": Files(("hatch.toml",), (".toml",), _below("config.toml", "hatch")),
        "jenkins": Files(
            (),
            (ANY,),
            lambda _, name, __: (
                name.lower().startswith("jenkinsfile") or name.lower().endswith((".jenkinsfile", ".jenkins"))
            ),
        ),
        "justfile": Files((), (ANY,), lambda _, name, __: name.endswith(".just") or name.lower() in _JUSTFILES),
        "kubernetes": Files((), _YAML, _kubernetes),
        "locks": Files(
            ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pixi.lock"),
            (".toml",),
            lambda _, name, __: bool(_PYLOCK.fullmatch(name)),
        ),
        "makefile": Files(
            ("Makefile", "makefile", "GNUmakefile"),
            (ANY,),
            lambda _, name, __: name.endswith((".mk", ".mak")) or name.startswith("Makefile."),
        ),
        "netrc": Files((".netrc", "_netrc", "netrc")),
        "notebook": Files((), (".ipynb",)),
        "nox": Files(("noxfile.py",)),
        "pdm": Files(("pdm.toml", ".pdm.toml"), (".toml",), _below("config.toml", "pdm")),
        "pip_conf": Files(("pip.conf", "pip.ini", ".pip.conf", ".piprc", ".pip.ini")),
        "pipelines": Files((), _YAML, _pipelines),
        "pipfile": Files(("Pipfile",)),
        "pixi": Files(("pixi.toml",), (".toml",), _below("config.toml", "pixi", ".pixi")),
        "poetry": Files(
            ("poetry.toml",),
            (".toml",),
            lambda folder, name, _: name in ("config.toml", "auth.toml") and _last(folder) == "pypoetry",
        ),
        "powershell": Files((), (".ps1", ".psm1")),
        "precommit": Files((".pre-commit-config.yaml", ".pre-commit-config.yml", ".pre-commit-hooks.yaml")),
        "pypirc": Files((".pypirc", "pypirc")),
        "pyproject": Files(("pyproject.toml",)),
        "requirements": Files((), (".txt", ".in", ".pip", ".lock"), _requirements),
        "scripts": Files(
            (".envrc", ".bashrc", ".bash_profile", ".profile", ".zshrc", ".zprofile", ".zshenv", "PKGBUILD"),
            (ANY,),
            lambda _, name, head: name.endswith(_SHELLS) or bool(SHEBANG.match(head)),
        ),
        "setup_files": Files(
            ("setup.py", "setup.cfg", ".pydistutils.cfg", "pydistutils.cfg", "distutils.cfg"),
            (".txt",),
            lambda folder, name, _: name == "dependency_links.txt" and folder.endswith(".egg-info"),
        ),
        "systemd": Files(
            (),
            (".service", ".timer", ".socket", ".container", ".conf"),
            lambda folder, name, _: not name.lower().endswith(".conf") or folder.endswith(".service.d"),
        ),
        "tox": Files((), (".ini",), _begins("tox")),
        "tox_toml": Files(("tox.toml",)),
        "uv_toml": Files(("uv.toml",)),
    }
)


@dataclass(slots=True)
class _Index:
    """The table, by names and suffixes."""

    named: Mapping[str, Sequence[str]]
    ending: Mapping[str, Sequence[tuple[str, Asked]]]


@cache
def _index() -> _Index:
    named: dict[str, list[str]] = {}
    ending: dict[str, list[tuple[str, Asked]]] = {ANY: []}
    for module, files in FILES.items():
        for name in files.names:
            named.setdefault(name, []).append(module)
        for suffix in files.suffixes:
            ending.setdefault(suffix, []).append((module, files.asked or (lambda _, __, ___: True)))
    return _Index(named, ending)


def modules(path: str, head: str) -> Sequence[str]:
    """The collectors that read this file, by name. `head` is its beginning, where its suffix is in HEADED."""
    folder, _, name = path.rpartition("/")
    index = _index()
    found = {*index.named.get(name, ())}
    for asked_for in (index.ending.get(suffix(name), ()), index.ending[ANY]):
        found.update(module for module, asked in asked_for if asked(folder, name, head))
    return sorted(found)


def suffix(name: str) -> str:
    """ ".txt" of "NOTES.TXT"; "" of ".env", as everywhere."""
    return splitext(name)[1].lower()
