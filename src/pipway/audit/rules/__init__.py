"""Rules: one module per rule, found by listing this folder; the file's name is the rule's id.

`run` checks with them, `pipway audit --explain` and the documentation show them. An example is one or several files,
each below a line `# NAME` of its own: tests audit it, and give the good one to the tool whose file it is.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from pipway.audit.base import Check, Rule

SECTIONS = ("What", "Why", "Bad", "Good")
_MODULE = re.compile(r"pw\d{3}")
_HEAD = re.compile(rf"(?m)^({'|'.join(SECTIONS)})\n-+\n")


@dataclass(frozen=True, slots=True)
class Explained:
    """A rule with its check and its documentation."""

    rule: Rule
    check: Check
    doc: str  #: the module's docstring, without indentation

    @property
    def sections(self) -> Mapping[str, str]:
        """What, Why, Bad, Good: text of each."""
        parts = _HEAD.split(self.doc)
        return MappingProxyType(
            {name: textwrap.dedent(text).strip("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}
        )

    def markdown(self) -> str:
        """For a page, or a viewer of findings: what and why, then bad and good."""
        parts = self.sections
        code = [f"**{name}**\n\n```text\n{parts[name]}\n```" for name in ("Bad", "Good") if parts.get(name)]
        return "\n\n".join([parts.get("What", ""), parts.get("Why", ""), *code])


@cache
def rules() -> Mapping[str, Explained]:
    """id → rule, in order."""
    found = {}
    for each in pkgutil.iter_modules(__path__):
        if _MODULE.fullmatch(each.name):
            module = importlib.import_module(f"{__name__}.{each.name}")
            assert module.RULE.id == each.name.upper(), f"{each.name}.py calls itself {module.RULE.id}"
            found[module.RULE.id] = Explained(module.RULE, module.check, inspect.cleandoc(module.__doc__ or ""))
    return MappingProxyType(dict(sorted(found.items())))
