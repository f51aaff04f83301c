"""The shape of the code: who may import whom, what the pure packages never touch, and how big things may get."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

#: On one worker, where each module is parsed once.
pytestmark = pytest.mark.xdist_group("layers")

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pipway"

PURE = {"errors", "findings", "wire", "simple", "policy"}
EVERYONE = {"errors", "findings", "redact", "trace", "platforms", "offload"}

#: package or top-level module → what it may import of pipway, itself aside. Who is missing may import nothing.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "findings": set(),
    "redact": set(),
    "trace": set(),
    "platforms": set(),
    "offload": set(),
    # Pure things know no one.
    "wire": {"errors", "findings"},
    "simple": {"errors", "findings"},
    "policy": {"errors", "findings", "simple"},
    # Plumbing knows pure things; an index receives its HTTP client, so it does not know who dials.
    "store": EVERYONE | PURE,
    "dial": EVERYONE | PURE,
    "index": EVERYONE | PURE | {"store"},
    # Faces do not know each other.
    "server": EVERYONE | PURE,
    "web": EVERYONE | PURE | {"index", "store"},
    # What other tools read.
    "clients": {"errors", "findings", "redact", "platforms", "wire"},
    "doctor": {"errors", "findings", "redact", "trace", "wire", "simple", "dial", "clients"},
    "audit": {"errors", "findings", "redact", "platforms", "wire", "simple", "clients"},
    # Who gets in, and where to.
    "tokens": {"errors"},
    "access": {"errors", "wire", "dial", "tokens"},
    "settings": EVERYONE | {"wire"},
    "log": EVERYONE,
    # Only these know settings; only app and outbound (its half that dials) build.
    "outbound": EVERYONE | PURE | {"dial", "settings"},
    "gateway": {"access", "dial", "server"},
    "entrance": EVERYONE | PURE | {"access", "tokens", "dial", "web", "settings"},
    "upstreams": {"settings"},
    "interception": EVERYONE | PURE | {"index", "server", "settings", "outbound", "upstreams"},
    "app": EVERYONE
    | PURE
    | {
        "store",
        "dial",
        "index",
        "server",
        "web",
        "settings",
        "log",
        "outbound",
        "upstreams",
        "interception",
        "access",
        "entrance",
        "gateway",
    },
    "cli": EVERYONE
    | PURE
    | {
        "store",
        "dial",
        "clients",
        "doctor",
        "audit",
        "settings",
        "app",
        "outbound",
        "interception",
        "entrance",
        "tokens",
    },
    "__main__": {"cli"},
    "__init__": set(),
}

#: What a pure module never touches: sockets, files, the clock, the loop.
IMPURE_MODULES = {"asyncio", "socket", "ssl", "time", "selectors", "subprocess", "threading", "os", "io", "random"}
IMPURE_CALLS = {"open", "input", "print", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
IMPURE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes"}

SAYS_NOTHING = re.compile(r"(^|/)(utils?|helpers?|common|misc|manager)(\.py|/|$)")


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: Path

    @property
    def name(self) -> str:
        """Dotted, as imported."""
        parts = list(self.path.relative_to(SOURCE.parent).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def storey(self) -> str:
        """The package or top-level module it belongs to."""
        return self.path.relative_to(SOURCE).parts[0].removesuffix(".py")

    @cached_property
    def tree(self) -> ast.Module:
        """Parsed."""
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @property
    def lines(self) -> int:
        """As counted by wc."""
        return self.path.read_text(encoding="utf-8").count("\n")


MODULES = [Module(path) for path in sorted(SOURCE.rglob("*.py"))]
NAMES = {module.name for module in MODULES}


def imports(tree: ast.AST, module: Module) -> Iterator[tuple[str, ast.stmt]]:
    """Every module that is named in an import, `from package import module` resolved, relative ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.name.split(".")
                keep = len(package) - node.level + (module.path.name == "__init__.py")
                base = ".".join([*package[:keep], *([base] if base else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield (whole if whole in NAMES else base), node


def running(tree: ast.Module) -> ast.Module:
    """The module without `if TYPE_CHECKING:`."""
    typing_only = [node for node in tree.body if isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING"]
    return ast.Module([node for node in tree.body if node not in typing_only], [])


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an expression, as far as it is made of names."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(module: Module) -> Iterator[tuple[str, int]]:
    """What is called, and in which line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield (
                dotted(node.func) or (f".{node.func.attr}" if isinstance(node.func, ast.Attribute) else ""),
                node.lineno,
            )


def test_everyone_imports_only_what_the_design_allows() -> None:
    """DESIGN §3: pure things know no one, plumbing knows pure things, faces do not know each other."""
    wrong = []
    for module in MODULES:
        assert module.storey in MAY_IMPORT, f"{module.storey} is new: say in MAY_IMPORT what it may import"
        for target, node in imports(module.tree, module):
            if target.startswith("pipway."):
                storey = target.split(".")[1]
                if storey not in MAY_IMPORT[module.storey] | {module.storey}:
                    wrong.append(f"{module.name}:{node.lineno} imports {target}")
    assert wrong == []


def test_pure_packages_touch_nothing() -> None:
    """Values in, values out: no sockets, files, clock, loop or randomness."""
    wrong = []
    for module in MODULES:
        if module.storey not in {"wire", "simple", "policy"}:
            continue
        for target, node in imports(module.tree, module):
            if target.split(".")[0] in IMPURE_MODULES:
                wrong.append(f"{module.name}:{node.lineno} imports {target}")
        for name, line in calls(module):
            method = name.rpartition(".")[2]
            if name in IMPURE_CALLS or name.removeprefix("datetime.") in IMPURE_CALLS or method in IMPURE_METHODS:
                wrong.append(f"{module.name}:{line} calls {name}")
    assert wrong == []


def test_imports_stand_at_the_top() -> None:
    """Outside cli, where a verb is imported when used, and platforms, where the import is the question."""
    wrong = []
    for module in MODULES:
        if module.storey in {"cli", "platforms"}:
            continue
        for function in ast.walk(module.tree):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                wrong += [f"{module.name}:{node.lineno} imports {name}" for name, node in imports(function, module)]
    assert wrong == []


def test_there_are_no_import_cycles() -> None:
    """Between modules, whatever the packages; what is imported for types only is not imported."""
    graph = {module.name: {name for name, _ in imports(running(module.tree), module)} & NAMES for module in MODULES}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, "cycle: " + " → ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for target in sorted(graph[name] - {name}):
                visit(target, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


ALONE = """
import importlib, sys
before = set(sys.modules)
for name in sys.argv[1:]:
    for loaded in [key for key in sys.modules if key == "pipway" or key.startswith("pipway.")]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""


@pytest.mark.slow
def test_every_module_can_be_imported_first() -> None:
    """So nobody depends on somebody else having been imported before."""
    names = sorted(name for name in NAMES if not name.endswith("__main__"))
    done = subprocess.run([sys.executable, "-W", "error", "-c", ALONE, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nothing_is_too_big() -> None:
    """Modules ≤ 500 lines with a median ≤ 150, functions ≤ 50."""
    assert [f"{module.name}: {module.lines}" for module in MODULES if module.lines > 500] == []
    assert statistics.median(module.lines for module in MODULES) <= 150
    long = [
        f"{module.name}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1}"
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (node.end_lineno or 0) - node.lineno >= 50
        if node.end_lineno
    ]
    assert long == []


def test_every_name_says_something() -> None:
    """No utils, helpers, common, misc or manager, in the tests and benchmarks neither."""
    paths = [path for folder in ("src", "tests", "bench") for path in (ROOT / folder).rglob("*.py")]
    assert [str(path) for path in paths if SAYS_NOTHING.search(path.relative_to(ROOT).as_posix())] == []


def test_every_module_says_what_it_is_for() -> None:
    """At its top."""
    assert [module.name for module in MODULES if not ast.get_docstring(module.tree)] == []


def test_only_the_command_line_prints_and_exits() -> None:
    """Everyone else raises an error or emits an event."""
    wrong = [
        f"{module.name}:{line} calls {name}"
        for module in MODULES
        if module.storey != "cli"
        for name, line in calls(module)
        if name in {"print", "sys.exit", "exit", "quit", "os._exit"}
    ]
    assert wrong == []
