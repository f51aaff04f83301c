"""Writes docs/reference/ and the file table of ARCHITECTURE.md from the code. `make docs` runs it.

tests/test_docs.py asks `pages()` and fails when a page on disk says something else.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import typer

from pipway import errors
from pipway.audit.report import Report
from pipway.audit.rules import rules
from pipway.cli import VERBS, program
from pipway.dial.base import Target
from pipway.dial.route import no_proxy
from pipway.dial.route.dialects import DIALECTS, matches
from pipway.doctor.catalogue import catalogue
from pipway.doctor.explain import explain
from pipway.errors import PipwayError
from pipway.settings.table import Option, options
from pipway.web.app import ROUTES

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pipway"
NOTE = "<!-- Written by `make docs` from the code; edit that instead. -->\n"
TABLE = re.compile(r"(?<=<!-- files: written by `make docs` -->\n).*?(?=<!-- end -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Every generated file and what it should contain."""
    reference = ROOT / "docs" / "reference"
    architecture = ROOT / "ARCHITECTURE.md"
    return {
        reference / "settings.md": settings_page(),
        reference / "cli.md": cli_page(),
        reference / "http.md": http_page(),
        reference / "errors.md": errors_page(),
        reference / "events.md": events_page(),
        reference / "no-proxy.md": no_proxy_page(),
        reference / "causes.md": causes_page(),
        reference / "failures.md": failures_page(),
        reference / "audit-rules.md": audit_rules_page(),
        reference / "audit.schema.json": audit_schema(),
        architecture: TABLE.sub(lambda _: files_table(), architecture.read_text(encoding="utf-8")),
    }


def causes_page() -> str:
    """One section per cause: why, the fix, and what installers print."""
    lines = [
        f"{NOTE}\n# Why an install fails\n",
        "Every cause that `pipway doctor` and `pipway explain` know, by its id. What stands in capitals is yours to "
        "fill in. [failures.md](failures.md) shows them as real installers met them.\n",
    ]
    for cause in catalogue().values():
        finding = cause.finding()
        lines += [f"\n## {cause.title}\n", f"`{cause.id}`: {_sentence(finding.what)} {_sentence(finding.why)}\n"]
        for remedy in cause.remedies:
            who = ", ".join(sorted(remedy.tools)) + (f" {remedy.versions}" if remedy.versions else "")
            lines.append(f"**Fix{f' for {who}' if who.strip() else ''}:** {_capitals(remedy.text)}\n")
            lines += ["```sh", *map(_capitals, remedy.commands), "```\n"] if remedy.commands else []
        for sample in cause.samples:
            lines += [f"{sample.tool} {sample.version} prints:\n", "```text", sample.text.strip(), "```\n"]
    return "\n".join(lines)


def failures_page() -> str:
    """One row per recorded scenario: what the client says, what is wrong, what mends it."""
    lines = [
        f"{NOTE}\n# What installers print, and what is wrong\n",
        "Each row is a real failure that the tests make with real servers and real installers. The line that shows it, "
        "or else the installer's last words, are on the left, the cause that `pipway doctor` and `pipway explain` name "
        "and the fix they print on the right; the tests apply that fix and install. `make scenarios` runs them.\n",
        "| What happens | The installer says | The cause | The fix |",
        "|---|---|---|---|",
    ]
    for file in sorted((ROOT / "tests" / "scenarios" / "recorded").glob("*.json")):
        seen = json.loads(file.read_text(encoding="utf-8"))
        shown = [each.line for each in explain("\n".join(seen["says"])) if each.cause.id == seen["cause"]]
        said = shown[:1] or [line.strip() for line in seen["says"] if line.strip()][-1:]
        fix = "<br>".join([_cell(seen["fix"]), *(f"`{_cell(command)}`" for command in seen["commands"])])
        says = "<br>".join(f"`{_cell(line[:320])}`" for line in said)
        cause = f"[{seen['cause']}](causes.md#{_anchor(catalogue()[seen['cause']].title)})"
        lines.append(f"| {_cell(seen['title'])} | {seen['client']}: {says} | {cause} | {fix} |")
    return "\n".join(lines) + "\n"


def audit_rules_page() -> str:
    """A table of all rules, and a section per rule from its module's docstring."""
    lines = [
        f"{NOTE}\n# Audit rules\n",
        "What `pipway audit` finds; `pipway audit --explain PW201` shows one of them. A severity may differ with what "
        "stands around a finding. Fix: whether `--fix` or only `--unsafe-fixes` mends it, where it can be mended.\n",
        "| Rule | Name | What it finds | Severity | Fix |\n|---|---|---|---|---|",
    ]
    for each in rules().values():
        rule = each.rule
        cases = sorted((ROOT / "tests" / "audit" / "cases" / rule.id).glob("*.case"))
        texts = [case.read_text(encoding="utf-8") for case in cases]
        fix = " or ".join(kind for kind in ("safe", "unsafe") if any(f"# fix: {kind}\n" in text for text in texts))
        link = f"[{rule.id}](#{_anchor(f'{rule.id} {rule.title}')})"
        lines.append(f"| {link} | `{rule.name}` | {_cell(rule.title)} | {rule.severity.name.lower()} | {fix} |")
    for each in rules().values():
        lines += [
            f"\n## {each.rule.id} {each.rule.title}\n",
            f"`{each.rule.name}`, {each.rule.severity.name.lower()}\n",
        ]
        lines += [each.markdown(), ""]
        lines += [f"References: {'; '.join(each.rule.references)}.\n"] if each.rule.references else []
    return "\n".join(lines).rstrip() + "\n"


def audit_schema() -> str:
    """What `pipway audit --format json` writes, as JSON Schema 2020-12."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Report)}
    schema["$defs"]["Entry"]["properties"]["rule"]["enum"] = list(rules())
    for each in schema["$defs"].values():
        each["required"] = list(each["properties"])  # a program may count on every key
        each["description"] = each.get("description", "").split("\n")[0]
    return json.dumps(schema, indent=2) + "\n"


def _capitals(text: str) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda word: word[1].upper(), text)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("`", "'").replace("<", "&lt;")


def _anchor(title: str) -> str:
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def settings_page() -> str:
    """One heading per group, one row per setting."""
    lines = [
        f"{NOTE}\n# Settings\n",
        "Sources, later ones win: defaults, a TOML file (`--config`, else `PIPWAY_CONFIG`, else `pipway.toml` in the "
        "user's configuration folder for pipway), `PIPWAY_*` variables, options of `pipway serve`. A variable that is "
        "set to nothing counts as unset. `pipway settings show` prints every value with its origin.\n",
    ]
    group = None
    for option in options():
        prefix = option.name.rpartition(".")[0]
        if prefix != group:
            group = prefix
            lines.append(f"\n## {f'`[{prefix}]`' if prefix else 'At the top'}\n")
            lines.append("| Setting | Default | What it does | Written as | Variable, option |")
            lines.append("|---|---|---|---|---|")
        lines.append(_settings_row(option))
    return "\n".join(lines) + "\n"


def _settings_row(option: Option) -> str:
    shown = option.kind.show(option.default) if option.default is not None else None
    text = str(shown).lower() if isinstance(shown, bool) else str(shown)
    machine = "the user's data folder" if option.name == "data" else "none"
    default = machine if shown in (None, "", []) else f"`{text}`"
    names = ", ".join(f"`{name}`" for name in (option.variable, option.argument) if name)
    return f"| `{option.name}` | {default} | {option.help} | {option.kind.form} | {names} |"


#: An entry of NO_PROXY, and a target to hold against it.
NO_PROXY_CASES = (
    *(("example.com", "example.com"), ("example.com", "sub.example.com"), (".example.com", "example.com")),
    *((".example.com", "sub.example.com"), ("*.example.com", "sub.example.com"), ("*.example.com", "example.com")),
    *(("*", "anything.example"), ("a.example,*", "anything.example"), ("a.example b.example", "b.example")),
    *(("10.0.0.0/8", "10.1.2.3"), ("10.*", "10.1.2.3"), ("2001:db8::/32", "2001:db8::1")),
    *(("example.com:443", "example.com"), ("example.com:8443", "example.com"), ("<local>", "printer")),
    *(("EXAMPLE.com", "example.com"), ("", "localhost")),
)


def no_proxy_page() -> str:
    """What each tool makes of the same entry."""
    meaning = (no_proxy.__doc__ or "").partition("\n")[2].strip()
    lines = [
        f"{NOTE}\n# NO_PROXY\n",
        "What it means to pipway, in `no_proxy` variables, `outbound.no_proxy` and the `match` of routes:\n",
        f"{meaning}\n",
        "Other tools read the same text differently. Yes: the tool goes around the proxy (port 443). "
        "`pipway route HOST --no-proxy LIST` answers the same question for your own list.\n",
        "| Entry | Target | " + " | ".join(DIALECTS) + " |",
        "|---|---|" + "---|" * len(DIALECTS),
    ]
    for text, host in NO_PROXY_CASES:
        cells = ("yes" if matches(name, text, Target(host, 443)) else "no" for name in DIALECTS)
        lines.append(f"| `{text or ' '}` | `{host}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """The help of every verb, as the terminal shows it."""
    parts = [f"{NOTE}\n# Command line\n"]
    group = program()
    parts += _help(group, "pipway")
    for verb in VERBS:
        command = typer.main.get_command(importlib.import_module(f"pipway.cli.{verb}").app)
        parts += _help(command, f"pipway {verb}")
        for name, inner in getattr(command, "commands", {}).items():
            parts += _help(inner, f"pipway {verb} {name}")
    parts.append(
        "\n## Exit codes\n\n0: done. 1: it did not work, or something was found. 2: wrong usage or settings. "
        "Errors are printed on standard error as *what*, *why*, *fix*.\n"
    )
    return "\n".join(parts)


def _help(command: Any, path: str) -> Iterator[str]:
    context = command.context_class(command, info_name=path, terminal_width=100, max_content_width=100)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"\n## `{path}`\n\n```\n{text}\n```"


def http_page() -> str:
    """Every route."""
    rows = [f"| `{route.path}` | {route.what} |" for route in ROUTES]
    return (
        f"{NOTE}\n# HTTP\n\nGET and HEAD only. What each answer promises: [why.md](../why.md).\n\n"
        "| Route | What it is |\n|---|---|\n" + "\n".join(rows) + "\n"
    )


def errors_page() -> str:
    """Every code an error can have, found where it is raised."""
    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    rows: dict[str, set[tuple[str, str]]] = {}
    for path, node in _calls():
        name = ast.unparse(node.func).rpartition(".")[2]
        kind = kinds.get(name)
        if kind and issubclass(kind, PipwayError) and node.args and isinstance(node.args[0], ast.Constant):
            status = next((ast.unparse(key.value) for key in node.keywords if key.arg == "status"), None)
            rows.setdefault(str(node.args[0].value), set()).add((status or str(kind.http_status), _module(path)))
    lines = [
        f"{NOTE}\n# Error codes\n\nEvery error has a code to search for. Over HTTP it is the `code` of the problem "
        "document (RFC 9457), on the command line it stands in brackets.\n",
        "| Code | HTTP status | Raised by |\n|---|---|---|",
    ]
    for code, places in sorted(rows.items()):
        statuses = ", ".join(sorted({status for status, _ in places if status.isdigit()})) or "as the peer's fault"
        lines.append(f"| `{code}` | {statuses} | {', '.join(sorted({f'`{module}`' for _, module in places}))} |")
    return "\n".join(lines) + "\n"


def events_page() -> str:
    """Every event that is emitted, with the names of its facts."""
    rows: dict[str, tuple[set[str], set[str]]] = {}
    for path, node in _calls():
        if isinstance(node.func, ast.Attribute) and node.func.attr in {"emit", "_emit"} and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                facts, modules = rows.setdefault(name.value, (set(), set()))
                facts |= {key.arg for key in node.keywords if key.arg}
                modules.add(_module(path))
    lines = [
        f"{NOTE}\n# Events\n\nLogs and metrics listen to the same events. An answered request is logged as `request`: "
        "`peer`, `method`, `target`, `status`, `sent`, `seconds`, `outcome`, `client`.\n\n"
        "| Event | Facts | Emitted by |\n|---|---|---|"
    ]
    for event, (facts, modules) in sorted(rows.items()):
        shown = ", ".join(f"`{fact}`" for fact in sorted(facts))
        lines.append(f"| `{event}` | {shown} | {', '.join(f'`{module}`' for module in sorted(modules))} |")
    return "\n".join(lines) + "\n"


def files_table() -> str:
    """Each module with the first sentence of its docstring."""
    lines = ["| File | What it is for |", "|---|---|"]
    for path in sorted(SOURCE.rglob("*.py"), key=lambda path: (len(path.relative_to(SOURCE).parts) > 1, path)):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        paragraph = " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")
        sentence = re.split(r"(?<=\.)\s", paragraph)[0]
        name = path.relative_to(SOURCE).as_posix()
        lines.append(f"| `{name.removesuffix('__init__.py') if '/' in name else name}` | {sentence} |")
    return "\n".join(lines) + "\n"


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


def _module(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".")


def write() -> None:
    """Bring every page up to date."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
