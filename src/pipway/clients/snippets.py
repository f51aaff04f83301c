"""What a pipeline or an image needs in order to install safely: text to paste, one form for each place.

Pure; `pipway configure --ci` and `--docker` print it. Logins come from the place's own secrets and reach pip in the
environment of one step, or in a mounted file: never in a command line, an image layer or a build argument.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from pipway.errors import UsageError

#: The release that was tried with these lines. Update it there as you would any other tool.
PIP_AUDIT = "pip-audit==2.10.1"

INSTALL = (
    "python -m venv .venv",
    ".venv/bin/python -m pip install --require-hashes --only-binary :all: -r requirements.txt",
    ".venv/bin/python -m pip check",
)
AUDIT = (
    "python -m venv .audit",
    f".audit/bin/python -m pip install {PIP_AUDIT}",
    ".audit/bin/pip-audit --disable-pip --require-hashes -r requirements.txt",
)

_PLAIN = re.compile(r"[A-Za-z0-9._~:/@%+\[\]-]*")
_HASHES = (
    "requirements.txt names every package with its hash: uv pip compile --generate-hashes requirements.in "
    "-o requirements.txt",
    "--only-binary :all: runs nobody's build scripts; leave it out for what has no wheel.",
)


@dataclass(frozen=True, slots=True)
class Needs:
    """What the place is told. None of it holds a login."""

    index: str = ""  #: "" when its URL is a secret of the place
    proxy: str = ""
    proxy_secret: bool = False  #: the proxy's URL is a secret of the place
    ca: str = ""  #: a file of the project, relative

    def __post_init__(self) -> None:
        """UsageError when something would need quoting that differs from place to place."""
        for text in (self.index, self.proxy, self.ca):
            if not _PLAIN.fullmatch(text):
                raise UsageError(
                    "snippet-value", "this cannot be written into a snippet", fix="percent-encode $, quotes and spaces"
                )
        path = PurePosixPath(self.ca)
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(
                "snippet-value", "--ca is no file of the project", fix="put it there and name it from there: ca.pem"
            )

    def variables(self, secret: Callable[[str], str], folder: str) -> dict[str, str]:
        """Name → value; `secret` says how the place writes one of its secrets, `folder` where the project is."""
        found = {"PIP_INDEX_URL": self.index or secret("PIP_INDEX_URL")}
        if self.proxy or self.proxy_secret:
            value = self.proxy or secret("HTTPS_PROXY")
            found |= {"HTTP_PROXY": value, "HTTPS_PROXY": value}
        if self.ca:
            found |= dict.fromkeys(("PIP_CERT", "REQUESTS_CA_BUNDLE"), f"{folder}/{self.ca}")
        return found

    def secrets(self) -> list[str]:
        """The names that the place has to keep."""
        return [*([] if self.index else ["PIP_INDEX_URL"]), *(["HTTPS_PROXY"] if self.proxy_secret else [])]


def github(needs: Needs) -> str:
    """A workflow of GitHub Actions."""
    env = _yaml(needs.variables(lambda name: f"${{{{ secrets.{name} }}}}", "${{ github.workspace }}"), 10)
    return f"""\
# .github/workflows/install.yml
{_comments(needs, "Settings > Secrets and variables > Actions")}
# COMMIT_OF_…: the 40 hex digits of a release that you looked at; a tag can be moved to other code.
#   git ls-remote https://github.com/actions/checkout v5
name: install
on: [push, pull_request]
permissions:
  contents: read
jobs:
  install:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@COMMIT_OF_CHECKOUT  # v5
        with:
          persist-credentials: false
      - uses: actions/setup-python@COMMIT_OF_SETUP_PYTHON  # v6
        with:
          python-version: "3.13"
          cache: pip
          cache-dependency-path: requirements.txt
      - name: Install
        env:
{env}
        run: |
{_lines(INSTALL, 10)}
      - name: Look for known vulnerabilities
        env:
{env}
        run: |
{_lines(AUDIT, 10)}
"""


def gitlab(needs: Needs) -> str:
    """A job of GitLab CI. Its masked variables are in the environment by themselves."""
    values = needs.variables(lambda name: "", "$CI_PROJECT_DIR")
    variables = {"PIP_CACHE_DIR": "$CI_PROJECT_DIR/.cache/pip", **{k: v for k, v in values.items() if v}}
    aliases = ['    - export HTTP_PROXY="$HTTPS_PROXY"'] if needs.proxy_secret else []
    return f"""\
# .gitlab-ci.yml
{_comments(needs, "Settings > CI/CD > Variables, masked and protected")}
install:
  image: python:3.13-slim  # better with its digest: python:3.13-slim@sha256:DIGEST
  variables:
{_yaml(variables, 4)}
  cache:
    key:
      files: [requirements.txt]
    paths: [.cache/pip]
  script:
{chr(10).join([*aliases, *(f"    - {json.dumps(line)}" for line in (*INSTALL, *AUDIT))])}
"""


def azure(needs: Needs) -> str:
    """A pipeline of Azure DevOps. Secret variables reach a step only where they are mapped."""
    env = _yaml(needs.variables(lambda name: f"$({name})", "$(Build.SourcesDirectory)"), 6)
    return f"""\
# azure-pipelines.yml
{_comments(needs, "Pipelines > Library, as secret variables")}
pool:
  vmImage: ubuntu-24.04
variables:
  PIP_CACHE_DIR: $(Pipeline.Workspace)/.pip
steps:
  - task: UsePythonVersion@0
    inputs:
      versionSpec: "3.13"
  - task: Cache@2
    inputs:
      key: 'pip | "$(Agent.OS)" | requirements.txt'
      path: $(PIP_CACHE_DIR)
  - script: |
{_lines(("set -e", *INSTALL), 6)}
    displayName: Install
    env:
{env}
  - script: |
{_lines(("set -e", *AUDIT), 6)}
    displayName: Look for known vulnerabilities
    env:
{env}
"""


def jenkins(needs: Needs) -> str:
    """A declarative pipeline of Jenkins. In single quotes the shell fills secrets in, not Groovy, which logs them."""
    values = needs.variables(lambda name: "", "${env.WORKSPACE}")
    plain = [f'    {name} = "{value}"' for name, value in values.items() if value]
    environment = "\n".join(["  environment {", *plain, "  }", ""]) if plain else ""
    alias = ('export HTTP_PROXY="$HTTPS_PROXY"',) if needs.proxy_secret else ()
    bindings = ", ".join(
        f"string(credentialsId: '{name.lower().replace('_', '-')}', variable: '{name}')" for name in needs.secrets()
    )
    opening, closing = (f"        withCredentials([{bindings}]) {{\n", "        }\n") if bindings else ("", "")
    depth = 12 if bindings else 10
    pad = " " * (depth - 2)

    def stage(name: str, lines: tuple[str, ...]) -> str:
        script = _lines(("set -eu", *alias, *lines), depth)
        inner = f"{opening}{pad}sh '''\n{script}\n{pad}'''\n{closing}"
        return f"    stage('{name}') {{\n      steps {{\n{inner}      }}\n    }}"

    return f"""\
// Jenkinsfile
{_comments(needs, "Manage Jenkins > Credentials, as secret texts named like pip-index-url", "//")}
pipeline {{
  agent {{ docker {{ image 'python:3.13-slim' }} }}  // better with its digest: python:3.13-slim@sha256:DIGEST
{environment}  stages {{
{stage("Install", INSTALL)}
{stage("Look for known vulnerabilities", AUDIT)}
  }}
}}
"""


def docker(needs: Needs) -> str:
    """A Dockerfile for BuildKit: the configuration is mounted for one instruction and in no layer."""
    mounts = [
        "RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf,required=true",
        *([f"--mount=type=bind,source={needs.ca},target=/tmp/ca.pem"] if needs.ca else []),
        "--mount=type=cache,target=/var/cache/pip",
    ]
    # pip-audit asks about vulnerabilities by itself; it reads no pip.conf.
    keyed = ["--mount=type=secret,id=https_proxy,env=HTTPS_PROXY,required=true"] if needs.proxy_secret else []
    exported = [
        *([f"export HTTPS_PROXY={needs.proxy}"] if needs.proxy else []),
        *(["export REQUESTS_CA_BUNDLE=/tmp/ca.pem"] if needs.ca else []),
    ]
    secrets = " ".join(
        ["--secret id=pipconf,src=pip.conf", *(["--secret id=https_proxy,env=HTTPS_PROXY"] if keyed else [])]
    )
    conf = ["[global]", f"index-url = {needs.index or 'https://USER:PASSWORD@index.example/simple/'}"]
    if needs.proxy or needs.proxy_secret:
        conf.append(f"proxy = {needs.proxy or 'http://USER:PASSWORD@proxy.example:8080'}")
    if needs.ca:
        conf.append("cert = /tmp/ca.pem")
    joined = " && \\\n    "

    def run(mounted: Sequence[str], commands: Sequence[str]) -> str:
        moved = (command.replace(".venv", "/opt/venv").replace(".audit", "/opt/audit") for command in commands)
        return " \\\n    ".join([*mounted, joined.join(moved)])

    described = "\n".join(f"#   {line}" for line in conf)
    return f"""\
# syntax=docker/dockerfile:1
# pip.conf, which only you can read (chmod 600) and .dockerignore keeps out:
{described}
# docker build --secret id=pipconf,src=pip.conf .
# docker build {secrets} --target audit .
{_note(_HASHES, "#")}

# Better with its digest: python:3.13-slim@sha256:DIGEST
FROM python:3.13-slim AS build
ENV PIP_CACHE_DIR=/var/cache/pip
WORKDIR /src
COPY requirements.txt ./
{run(mounts, INSTALL)}

FROM build AS audit
{run([*mounts, *keyed], [*exported, *AUDIT])}

FROM python:3.13-slim
COPY --from=build /opt/venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
"""


def _comments(needs: Needs, keeper: str, sign: str = "#") -> str:
    names = needs.secrets()
    said = list(_HASHES)
    if names:
        said.insert(0, f"{' and '.join(names)}, with the login in the URL: {keeper}.")
    return _note(said, sign)


def _note(lines: list[str] | tuple[str, ...], sign: str) -> str:
    return "\n".join(f"{sign} {line}" for line in lines)


def _lines(lines: tuple[str, ...], depth: int) -> str:
    return "\n".join(" " * depth + line for line in lines)


def _yaml(values: Mapping[str, str], depth: int) -> str:
    return "\n".join(f"{' ' * depth}{name}: {json.dumps(value)}" for name, value in values.items())


#: name of a place → what to paste there
CI: Mapping[str, Callable[[Needs], str]] = MappingProxyType(
    {"github": github, "gitlab": gitlab, "azure": azure, "jenkins": jenkins}
)
