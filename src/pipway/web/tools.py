"""How to point each installer at this server: the texts of the landing page, made for one address.

Pure; called by `web.pages`. Each tool has a form for once and a form that stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit


class Snippet(NamedTuple):
    """Something to copy: how long it lasts, where it goes, and its text."""

    label: str
    where: str
    text: str


class Tool(NamedTuple):
    """One installer."""

    name: str
    once: Snippet
    always: Snippet
    note: str = ""


def tools(base: str) -> Sequence[Tool]:
    """The installers and what to tell them. `base` is this server's address without a final slash."""
    index = f"{base}/simple/"
    trusted = _needs_trust(base)
    host = urlsplit(base).netloc
    flag = f" --trusted-host {host}" if trusted else ""
    return (
        _pip(index, flag, host if trusted else ""),
        Tool(
            "uv",
            Snippet("Once", "shell", f"uv pip install --default-index {index} requests"),
            Snippet("For good", "uv.toml", f'[[index]]\nurl = "{index}"\ndefault = true'),
            "In pyproject.toml the table is [[tool.uv.index]].",
        ),
        Tool(
            "Poetry",
            Snippet("For one project", "shell", f"poetry source add --priority=primary pipway {index}"),
            Snippet(
                "Or by hand",
                "pyproject.toml",
                f'[[tool.poetry.source]]\nname = "pipway"\nurl = "{index}"\npriority = "primary"',
            ),
            "A primary source replaces the default one. Poetry keeps sources per project.",
        ),
        Tool(
            "PDM",
            Snippet(
                "Once",
                "shell",
                f"PDM_PYPI_URL={index}{' PDM_PYPI_VERIFY_SSL=false' if trusted else ''} pdm add requests",
            ),
            Snippet(
                "For good",
                "shell",
                f"pdm config pypi.url {index}" + ("\npdm config pypi.verify_ssl false" if trusted else ""),
            ),
        ),
        Tool(
            "Pipenv",
            Snippet("Once", "shell", f"pipenv install --pypi-mirror {index} requests"),
            Snippet("For good", "shell profile", f"export PIPENV_PYPI_MIRROR={index}"),
        ),
        _docker(index, host if trusted else "", loopback=_is_loopback(base)),
    )


def _pip(index: str, flag: str, trusted: str) -> Tool:
    always = f"pip config set global.index-url {index}"
    if trusted:
        always += f"\npip config set global.trusted-host {trusted}"
    once = Snippet("Once", "shell", f"pip install --index-url {index}{flag} requests")
    return Tool("pip", once, Snippet("For good", "shell", always))


def _docker(index: str, trusted: str, *, loopback: bool) -> Tool:
    network = "--network=host " if loopback else ""
    lines = [f"ENV PIP_INDEX_URL={index}", f"ENV UV_DEFAULT_INDEX={index}"]
    run = f"docker run --rm {network}-e PIP_INDEX_URL={index} "
    if trusted:
        lines.append(f"ENV PIP_TRUSTED_HOST={trusted}")
        run += f"-e PIP_TRUSTED_HOST={trusted} "
    note = (
        "This address is the host's own loopback: build with --network=host too, or let pipway listen on an address "
        "that containers reach."
        if loopback
        else ""
    )
    return Tool(
        "Docker",
        Snippet("Once", "shell", run + "python:3 pip install requests"),
        Snippet("For good", "Dockerfile", "\n".join(lines)),
        note,
    )


def _is_loopback(base: str) -> bool:
    host = urlsplit(base).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _needs_trust(base: str) -> bool:
    """pip and PDM refuse plain http unless the host is loopback or declared trusted."""
    return base.startswith("http:") and not _is_loopback(base)
