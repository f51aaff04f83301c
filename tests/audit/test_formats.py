"""Every format says what was found, is what its readers parse, and gives no secret away."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from pipway.audit import formats
from pipway.audit.base import Edit, Found, Repair, Rule
from pipway.audit.facts import Index, Option, Project, Source, Span, Variable, Where
from pipway.audit.formats import text
from pipway.audit.report import Report, Veil, entries, region, snippet
from pipway.audit.run import Result
from pipway.clients.diff import hide
from pipway.findings import Severity

SCHEMAS = Path(__file__).parent / "schemas"
OURS = Path(__file__).parents[2] / "docs" / "reference" / "audit.schema.json"
SECRET = "hunt&er%2"
LINE = f"\tindex-url = http://us:{SECRET}@nexus.corp/simple/  # <b> ::error::x"
RULE = Rule("PW101", "plain-http-index", "Plain-http index", Severity.MEDIUM)


def span(source: Source, part: str) -> Span:
    start = source.text.index(part)
    return Span(source, start, start + len(part))


def report() -> Report:
    """A finding with everything, one of the machine, one with hostile text."""
    source = Source("a b/pip.conf", f"[global]\n{LINE}\nproxy = {SECRET}\n", "pip.conf")
    machine = Source("PIP_INDEX_URL", f"http://us:{SECRET}@nexus.corp/", "environment", Where.MACHINE)
    url = f"http://us:{SECRET}@nexus.corp/simple/"
    at = span(source, url)
    repair = Repair("https", (Edit(Span(source, at.start, at.start + 4), "https"),))
    found = [
        Found(
            at, f"what {SECRET}", consequence=f"so {url}", advice="do\nit", related=((at, f"see {url}"),), repair=repair
        ),
        Found(span(source, "proxy"), "a \x1b[31m\x00 name, 100%: ::error::", advice="]]> & <x>"),
        Found(Span(machine, 0, len(machine.text)), "of the machine", advice="unset it"),
    ]
    facts = (Index("pip", url, "primary", at), Option("pip", "index-url", url, at))
    project = Project((source, machine), facts, today=date(2026, 11, 21))
    results = [Result(RULE, each, Severity.HIGH) for each in found]
    skipped = ("big.txt: too large\n::error::",)
    return Report(tuple(entries(results, project)), 2, 1, 1, skipped, tool_version="1.0")


@pytest.mark.parametrize("name", formats.NAMES)
def test_no_secret_and_nothing_for_a_terminal(name: str) -> None:
    """In any format, the snippet and the fix included."""
    shown = formats.write(name, report())
    assert SECRET not in shown
    assert "hunt" not in shown
    assert "\x1b" not in shown and "\x00" not in shown
    assert shown.endswith("\n")
    assert "nexus.corp" in shown or name == "concise"


def test_text_has_a_caret_below_what_is_meant() -> None:
    source = Source("r.txt", "--index-url http://nexus.corp/simple/\n", "requirements")
    found = Found(span(source, "http://nexus.corp/simple/"), "it is http", consequence="so", advice="https")
    shown = text.write(Report(tuple(entries([Result(RULE, found, Severity.HIGH)], Project((source,), ()))), 1))
    assert shown == (
        "high[PW101]: it is http\n"
        " --> r.txt:1:13\n"
        "  |\n"
        "1 | --index-url http://nexus.corp/simple/\n"
        "  |             ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  = note: so\n"
        "  = help: https\n"
        "  = rule: plain-http-index; pipway audit --explain PW101\n"
        "\n"
        "1 finding in 1 file: 1 high\n"
    )


def test_the_summary_promises_no_fix_of_what_is_the_machines() -> None:
    def told(where: Where) -> list[str]:
        source = Source("/etc/pip.conf", "http://nexus.corp/", "pip.conf", where)
        repair = Repair("https", (Edit(Span(source, 0, 4), "https"),), safe=True)
        found = Found(Span(source, 0, 4), "it is http", repair=repair)
        every = entries([Result(RULE, found, Severity.HIGH)], Project((source,), ()))
        return list(text.summary(Report(tuple(every), 1)))[1:]

    assert told(Where.REPOSITORY) == ["--fix mends 1 of them"]
    assert told(Where.MACHINE) == ["--fix leaves the files and variables of this machine to you"]


@pytest.mark.parametrize(
    ("line", "part", "below"),
    [
        ("x = http://u:pw@h/simple", "http://u:pw@h/simple", "http://[hidden]@h/simple"),
        ("i = http://u:pw@h/s --trusted-host h", "--trusted-host h", "--trusted-host h"),
        ("trusted-host h http://u:pw@h/s", "trusted-host h", "trusted-host h"),
        ("x = http://u:secret-word@h/s", "secret", "[hidden]"),
    ],
)
def test_the_caret_moves_with_what_is_hidden(line: str, part: str, below: str) -> None:
    shown = snippet(span(Source("f", f"{line}\r\n", ""), part), hide)
    assert below in shown.text[shown.start : shown.end] or shown.text[shown.start : shown.end] in below
    assert shown.end > shown.start


def test_a_line_without_end_is_cut() -> None:
    source = Source("f", "x" * 10_000 + "HERE" + "y" * 10_000, "")
    shown = snippet(span(source, "HERE"), hide)
    assert len(shown.text) == 400
    assert shown.text[shown.start : shown.end] == "HERE"


def test_wide_characters_and_tabs_move_the_caret() -> None:
    source = Source("f", "\t日本x = HERE", "")
    found = Found(span(source, "HERE"), "w", advice="a")
    [entry] = entries([Result(RULE, found, Severity.LOW)], Project((source,), ()))
    assert text.aligned(entry.snippet) == ("    日本x = HERE", 12, 4)


def test_sarif_is_valid() -> None:
    """SARIF 2.1.0's own schema; what code scanning asks for; nothing about the machine among the results."""
    said = json.loads(formats.write("sarif", report()))
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())).validate(said)
    [run] = said["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["PW101", "PW101"]
    assert run["tool"]["driver"]["rules"][0]["help"]["markdown"]
    first = run["results"][0]
    assert first["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "a%20b/pip.conf",
        "uriBaseId": "ROOT",
    }
    assert first["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "https"}
    marks = {result["partialFingerprints"]["pipway/v1"] for result in run["results"]}
    assert len(marks) == 2
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert notes[0].startswith("PIP_INDEX_URL:1: PW101")


def test_sarif_of_nothing_is_valid() -> None:
    said = json.loads(formats.write("sarif", Report((), 3)))
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())).validate(said)


def test_json_is_as_its_schema_says() -> None:
    said = json.loads(formats.write("json", report()))
    schema = json.loads(OURS.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(said)
    assert said["version"] == 1
    assert said["findings"][0]["fix"]["safe"] is False
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**said, "findings": [{"rule": "PW101"}]})


def test_github_annotations_hold_one_line_each() -> None:
    lines = formats.write("github", report()).splitlines()
    assert [line.split(" ")[0] for line in lines[:3]] == ["::error"] * 3
    assert "file=a b/pip.conf,line=2,col=14" in lines[0]
    assert "100%25: ::error::" in lines[1]
    assert lines[3].startswith("3 findings in 2 files")
    assert not any(line.startswith("::") for line in lines[3:])


def test_gitlab_issues_have_what_it_reads() -> None:
    issues = json.loads(formats.write("gitlab", report()))
    assert {frozenset(issue) for issue in issues} == {
        frozenset({"description", "check_name", "fingerprint", "severity", "location"})
    }
    assert issues[0]["severity"] == "critical"
    assert len({issue["fingerprint"] for issue in issues}) == 3


def test_junit_is_xml() -> None:
    found = ElementTree.fromstring(formats.write("junit", report()))
    assert found.get("failures") == "3"
    assert len(found.findall(".//failure")) == 3
    clean = ElementTree.fromstring(formats.write("junit", Report((), 1)))
    assert (clean.get("tests"), clean.get("failures")) == ("1", "0")


def test_a_fix_with_a_secret_is_only_told() -> None:
    source = Source("f", "x", "")
    edit = Edit(Span(source, 0, 1), "https://u:geheim@h/")
    found = Found(Span(source, 0, 1), "w", repair=Repair("put it there", (edit,)))
    [entry] = entries([Result(RULE, found, Severity.LOW)], Project((source,), ()))
    assert entry.fix is not None
    assert entry.fix.edits == ()


def test_a_region_ends_where_its_text_ends() -> None:
    source = Source("f", "ab\ncd\n", "")
    where = region(Span(source, 1, 4))
    assert (where.line, where.column, where.end_line, where.end_column) == (1, 2, 2, 2)


@pytest.mark.parametrize(
    ("secret", "line", "shown"),
    [
        (
            "test",
            "pip install pytest --index-url http://me:test@x/",
            "pip install pytest --index-url http://[hidden]@x/",
        ),
        ("test", "echo test, 'test'", "echo [hidden], '[hidden]'"),
        ("Sup3rSecret", "echo xSup3rSecretx", "echo x[hidden]x"),
    ],
)
def test_a_short_secret_is_hidden_by_itself_only(secret: str, line: str, shown: str) -> None:
    """A hole in every word that has it would tell what it is."""
    source = Source("x.sh", line, "script")
    variable = Variable("PASSWORD", secret, Span(source, 0, 1))
    assert Veil(Project((source,), (variable,)))(line) == shown


@pytest.mark.parametrize("name", ["json", "gitlab", "sarif"])
def test_a_name_that_is_no_text_leaves_the_report_readable(name: str) -> None:
    """Half of a surrogate pair stops strict readers of JSON: one file could hide what is found in all others."""
    source = Source("caf\udce9/pip.conf", "index-url = http://nexus.corp/simple\n", "pip.conf")
    found = Found(span(source, "http"), "plain http", related=((span(source, "simple"), "see"),))
    report = Report(
        tuple(entries([Result(RULE, found, Severity.MEDIUM)], Project((source,), ()))), 1, skipped=("\udce9",)
    )
    said = json.loads(formats.write(name, report))
    json.dumps(said, ensure_ascii=False).encode()
    assert "caf" in json.dumps(said)
