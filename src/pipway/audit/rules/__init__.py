"""Rules: one module per rule, found by listing this folder and `online`; the file's name is the rule's id.

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
from pipway.audit.rules import online

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


def rules(*, answered: bool = True) -> Mapping[str, Explained]:
    """id → rule, in order. Unless a server answered, those that look at its answers are neither asked nor loaded."""
    return MappingProxyType(
        {name: _explained(module) for name, module in _modules().items() if answered or not _online(module)}
    )


def names() -> frozenset[str]:
    """The ids of all rules, of which none is loaded."""
    return frozenset(_modules())


@cache
def _modules() -> Mapping[str, str]:
    """id → module, in order."""
    found = {
        each.name.upper(): f"{package}.{each.name}"
        for package, paths in ((__name__, __path__), (online.__name__, online.__path__))
        for each in pkgutil.iter_modules(paths)
        if _MODULE.fullmatch(each.name)
    }
    return MappingProxyType(dict(sorted(found.items())))


def _online(module: str) -> bool:
    return module.startswith(online.__name__)


@cache
def _explained(name: str) -> Explained:
    module = importlib.import_module(name)
    rule: Rule = module.RULE
    assert name.endswith(rule.id.lower()), f"{name} calls its rule {rule.id}"
    assert rule.online == _online(name), f"{name}: what is `online` stands in the folder of that name, and nothing else"
    return Explained(rule, module.check, inspect.cleandoc(module.__doc__ or ""))
