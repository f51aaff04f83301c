"""Environment variables that are options of an installer: PIP_INDEX_URL, UV_INDEX, POETRY_HTTP_BASIC_X_PASSWORD …

Every collector of a file that sets variables calls it, so that rules see one kind of fact. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pipway.audit.facts import Index, Option, Span, Variable

_ENVIRONMENT = "environment"
#: pip splits these at spaces; other options have one value
PIP_LISTS = frozenset(
    {"extra-index-url", "find-links", "trusted-host", "constraint", "requirement", "build-constraint"}
)
ROLES: Mapping[str, str] = MappingProxyType(
    {"index-url": "primary", "pypi-url": "primary", "extra-index-url": "extra", "find-links": "find-links"}
)
#: variable → tool, option, separator of its values ("": one value; " ": any space), role of an index
_KNOWN: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "UV_INDEX_URL": ("uv", "index-url", "", "primary"),
        "UV_DEFAULT_INDEX": ("uv", "default-index", "", "default"),
        "UV_INDEX": ("uv", "index", " ", "extra"),
        "UV_EXTRA_INDEX_URL": ("uv", "extra-index-url", " ", "extra"),
        "UV_FIND_LINKS": ("uv", "find-links", ",", "find-links"),
        "UV_INSECURE_HOST": ("uv", "trusted-host", " ", ""),
        "UV_PUBLISH_URL": ("uv", "publish-url", "", "upload"),
        "UV_PUBLISH_PASSWORD": ("uv", "password", "", ""),
        "UV_PUBLISH_TOKEN": ("uv", "token", "", ""),
        "PDM_PYPI_URL": ("pdm", "url", "", "primary"),
        "PDM_PYPI_VERIFY_SSL": ("pdm", "verify-ssl", "", ""),
        "PDM_PYPI_CA_CERTS": ("pdm", "cert", "", ""),
        "PDM_PUBLISH_REPO": ("pdm", "repository", "", "upload"),
        "PDM_PUBLISH_PASSWORD": ("pdm", "password", "", ""),
        "PIPENV_PYPI_MIRROR": ("pipenv", "pypi-mirror", "", "mirror"),
        "CONDA_SSL_VERIFY": ("conda", "verify-ssl", "", ""),
        "CONDA_CHANNEL_PRIORITY": ("conda", "channel-priority", "", ""),
        "HATCH_INDEX_AUTH": ("hatch", "password", "", ""),
        "HATCH_INDEX_REPO": ("hatch", "repo", "", "upload"),
        "TWINE_REPOSITORY_URL": ("twine", "repository-url", "", "upload"),
        "TWINE_PASSWORD": ("twine", "password", "", ""),
        "TWINE_CERT": ("twine", "cert", "", ""),
        "FLIT_INDEX_URL": ("flit", "repository-url", "", "upload"),
        "FLIT_PASSWORD": ("flit", "password", "", ""),
    }
)
_PATTERNS = (
    (re.compile(r"POETRY_CERTIFICATES_(.+)_CLIENT_CERT"), "poetry", "client-cert"),
    (re.compile(r"POETRY_CERTIFICATES_(.+)_CERT"), "poetry", "cert"),
    (re.compile(r"POETRY_HTTP_BASIC_(.+)_PASSWORD"), "poetry", "password"),
    (re.compile(r"POETRY_HTTP_BASIC_(.+)_USERNAME"), "poetry", "username"),
    (re.compile(r"POETRY_PYPI_TOKEN_(.+)"), "poetry", "token"),
    (re.compile(r"UV_INDEX_(.+)_PASSWORD"), "uv", "password"),
    (re.compile(r"UV_INDEX_(.+)_USERNAME"), "uv", "username"),
)
_PREFIXES = (
    *(("PIP_", "pip"), ("UV_", "uv")),
    *(("POETRY_SOLVER_", "poetry"), ("POETRY_", "poetry"), ("PIPENV_", "pipenv")),
)
_NO_OPTIONS = frozenset({"PIP_CONFIG_FILE", "UV_CONFIG_FILE", "PIP_VERSION", "UV_VERSION", "POETRY_VERSION"})
_WORD = re.compile(r"\S+")
_PART = re.compile(r"[^,\s](?:[^,]*[^,\s])?")
_NAMED = re.compile(r"[A-Za-z0-9._-]+=(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_TRUTHS = frozenset({"true", "1", "yes", "on", "t", "y", "false", "0", "no", "off", "f", "n"})


def of_variable(variable: Variable) -> Iterator[Option | Index]:
    """The options that a variable is, and the indexes; nothing for others."""
    known = _known(variable.name)
    if known is None:
        return
    tool, name, separator, role = known
    if tool in ("poetry", "conda") and name in ("cert", "verify-ssl"):
        name = "verify-ssl" if variable.value.lower() in _TRUTHS else "cert"
    for value, span in _values(variable, separator):
        yield Option(tool, name, value, variable.span, span, "variable", variable.name, layer=_ENVIRONMENT)
        if role and value:
            yield _index(variable, tool, name, role, value, span)


def _index(variable: Variable, tool: str, name: str, role: str, value: str, span: Span | None) -> Index:
    """UV_INDEX may say what an index is called: name=URL."""
    title = _NAMED.match(value) if (tool, name) in (("uv", "index"), ("uv", "default-index")) else None
    if title is None:
        return Index(tool, value, role, variable.span, span, via="variable", key=variable.name)
    place = Span(span.source, span.start + title.end(), span.end) if span else None
    url, label = value[title.end() :], title.group()[:-1]
    return Index(tool, url, role, variable.span, place, label, via="variable", key=variable.name)


def _known(name: str) -> tuple[str, str, str, str] | None:
    if name in _KNOWN:
        return _KNOWN[name]
    for pattern, tool, option in _PATTERNS:
        if pattern.fullmatch(name):
            return tool, option, "", ""
    if name in _NO_OPTIONS:
        return None
    for prefix, tool in _PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            option = name.removeprefix(prefix).lower().replace("_", "-")
            several = tool == "pip" and option in PIP_LISTS
            return tool, option, " " if several else "", ROLES.get(option, "") if tool == "pip" else ""
    return None


def _values(variable: Variable, separator: str) -> Iterator[tuple[str, Span | None]]:
    """Each value with its place, where the variable's value stands as it is."""
    span = variable.value_span
    exact = span is not None and span.text == variable.value
    if not separator:
        yield variable.value, span if exact else None
        return
    for match in (_WORD if separator == " " else _PART).finditer(variable.value):
        place = Span(span.source, span.start + match.start(), span.start + match.end()) if span and exact else None
        yield match.group(), place
