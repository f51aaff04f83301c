"""A list of requirements is fetched from elsewhere.

What
----
`-r` or `-c` names a URL, in a file, a variable or on a command line.

Why
---
Whoever can change what is there decides what is installed: it can name other indexes and any file. Over http that is
everybody on the way.

Bad
---
    # install.sh
    pip install -r https://files.example/requirements.txt

Good
----
    # install.sh
    pip install -r requirements.txt
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipway.audit.base import Found, Rule
from pipway.audit.facts import Option, Project
from pipway.audit.queries.hosts import host, is_loopback
from pipway.findings import Severity

RULE = Rule(
    "PW222",
    "remote-requirements",
    "Requirements fetched from a URL",
    Severity.MEDIUM,
    references=("pip: src/pip/_internal/req/req_file.py, get_file_content",),
)

_OPTIONS = frozenset({"requirement", "constraint", "build-constraint", "override", "overrides"})
_DEFAULT = re.compile(r"\{env:\w+:(.*)\}")  #: what tox takes where a variable is not set


def check(project: Project) -> Iterator[Found]:
    """Everything fetched by http or https but from this machine."""
    for option in project.of(Option):
        default = _DEFAULT.fullmatch(option.value.strip())
        url = (option.value if default is None else default[1]).strip().lower()
        if option.name not in _OPTIONS or not url.startswith(("http://", "https://")) or is_loopback(host(url)):
            continue
        plain = url.startswith("http://")
        yield Found(
            option.value_span or option.span,
            f"the {option.name}s are fetched from {host(url) or 'a URL'}{' over plain http' if plain else ''}",
            Severity.HIGH if plain else Severity.MEDIUM,
            consequence=f"whoever changes that file{', or is on the way,' if plain else ''} decides what is installed",
            advice="keep the file in the repository",
        )
