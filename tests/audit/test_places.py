"""A finding with several places: every format shows them all, a comment at any counts, and no secret is shown."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from pipway.audit import formats
from pipway.audit.facts import Index, Option, Project, Source, Span, Where
from pipway.audit.report import Report, entries
from pipway.audit.rules import rules
from pipway.audit.run import Checked, check, collect
from pipway.audit.walk import Tree

SCHEMAS = Path(__file__).parent / "schemas"
IMAGE = """FROM python:3.12
ENV PIP_INDEX_URL=https://us:secret-word@nexus.corp/simple{0}
RUN pip install -r requirements.txt
"""
LINES = "--extra-index-url https://index.example/simple{0}\nflask==3.0.0\n"
NOTE = "  # pipway: ignore[PW201] until=2030-01-01 known"


def checked(root: Path, image: str = "", lines: str = "") -> tuple[Checked, Project]:
    """What PW201 says of an image and its requirements."""
    (root / "Dockerfile").write_text(IMAGE.format("") + image)
    (root / "requirements.txt").write_text(LINES.format(lines))
    project = collect(Tree(root, known=frozenset()), today=date(2026, 11, 21))
    return check(project, {name: each for name, each in rules().items() if name == "PW201"}), project


def report(root: Path) -> Report:
    """The one finding, as it is shown."""
    found, project = checked(root)
    return Report(tuple(entries(found.results, project)), 2)


def test_text_underlines_every_place(tmp_path: Path) -> None:
    shown = formats.write("text", report(tmp_path))
    assert shown.startswith(
        "critical[PW201]: index.example is an extra index beside nexus.corp\n"
        " --> requirements.txt:1:19\n"
        "  |\n"
        "1 | --extra-index-url https://index.example/simple\n"
        "  |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        " ::: Dockerfile:2:19\n"
        "  |\n"
        "2 | ENV PIP_INDEX_URL=https://[hidden]@nexus.corp/simple\n"
        "  |                   ---------------------------------- the first index\n"
        " ::: Dockerfile:3:5\n"
        "  |\n"
        "3 | RUN pip install -r requirements.txt\n"
        "  |     ------------------------------- installs with both\n"
        "  = note: `pip install` in Dockerfile:3 asks index.example, too, "
    )


@pytest.mark.parametrize("name", ["text", "json", "sarif", "github", "gitlab", "junit"])
def test_every_format_names_every_place(name: str, tmp_path: Path) -> None:
    shown = formats.write(name, report(tmp_path))
    assert "secret-word" not in shown
    assert "requirements.txt" in shown
    assert "the first index" in shown and "installs with both" in shown
    assert "Dockerfile:2" in shown or '"Dockerfile"' in shown


def test_sarif_relates_them(tmp_path: Path) -> None:
    said = json.loads(formats.write("sarif", report(tmp_path)))
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())).validate(said)
    [result] = said["runs"][0]["results"]
    assert [
        (
            each["physicalLocation"]["artifactLocation"]["uri"],
            each["physicalLocation"]["region"]["startLine"],
            each["message"]["text"],
        )
        for each in result["relatedLocations"]
    ] == [("Dockerfile", 2, "the first index"), ("Dockerfile", 3, "installs with both")]


def test_json_has_the_line_of_each(tmp_path: Path) -> None:
    [found] = json.loads(formats.write("json", report(tmp_path)))["findings"]
    first = found["related"][0]
    assert (first["path"], first["line"], first["note"]) == ("Dockerfile", 2, "the first index")
    assert first["snippet"]["text"] == "ENV PIP_INDEX_URL=https://[hidden]@nexus.corp/simple"


def test_the_fingerprint_is_that_of_the_cause_alone(tmp_path: Path) -> None:
    """Another place that comes or goes is no new finding."""
    before, project = checked(tmp_path)
    after, other = checked(tmp_path, image="RUN pip install -r requirements.txt --no-cache-dir\n")
    assert len(after.results[0].found.related) == len(before.results[0].found.related) + 1
    [one], [two] = entries(before.results, project), entries(after.results, other)
    assert one.fingerprint == two.fingerprint


def test_a_comment_at_any_place_counts(tmp_path: Path) -> None:
    """At the cause, at the first index, and at the command; not in a line between."""
    assert checked(tmp_path, lines=NOTE)[0].suppressed
    image = IMAGE.format("").splitlines()
    for number, known in ((0, False), (1, True), (2, True)):
        noted = [*image[:number], NOTE.strip(), *image[number:]]
        (tmp_path / "Dockerfile").write_text("\n".join(noted) + "\n")
        (tmp_path / "requirements.txt").write_text(LINES.format(""))
        project = collect(Tree(tmp_path, known=frozenset()), today=date(2026, 11, 21))
        found = check(project, rules())
        assert any(each.rule.id == "PW201" for each in found.suppressed) is known
        assert any(each.rule.id == "PW002" for each in found.results) is not known


def test_places_of_the_machine_are_no_places_of_the_repository() -> None:
    """A variable beside a file, neither of them in the tree."""
    file = Source("/etc/pip.conf", "index-url = https://nexus.corp/simple", "pip.conf", Where.MACHINE)
    variable = Source("PIP_EXTRA_INDEX_URL", "https://index.example/simple", "environment", Where.MACHINE)
    at, whole = Span(file, 12, len(file.text)), Span(variable, 0, len(variable.text))
    facts = (
        Index("pip", at.text, "primary", at, at, key="[global] index-url"),
        Index("pip", whole.text, "extra", whole, whole, via="variable", key="PIP_EXTRA_INDEX_URL"),
    )
    project = Project((file, variable), facts)
    found = check(project, {"PW201": rules()["PW201"]})
    shown = Report(tuple(entries(found.results, project)), 2)
    assert "pip on this machine asks index.example, too" in formats.write("text", shown)
    assert "\n ::: /etc/pip.conf:1:13\n" in formats.write("text", shown)
    said = json.loads(formats.write("sarif", shown))
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())).validate(said)
    [run] = said["runs"]
    assert run["results"] == []
    [notification] = run["invocations"][0]["toolExecutionNotifications"]
    assert "locations" not in notification
    assert notification["message"]["text"].endswith("see /etc/pip.conf:1:13: the first index")


def test_a_place_of_the_machine_beside_one_of_the_repository() -> None:
    """What this machine trusts makes an index of the repository worse; SARIF says where without a location."""
    line = "--index-url http://nexus.corp/simple"
    file = Source("requirements.txt", line, "requirements")
    trusted = Source("/etc/pip.conf", "trusted-host = nexus.corp", "pip.conf", Where.MACHINE)
    at, whole = Span(file, 12, len(line)), Span(trusted, 0, len(trusted.text))
    facts = (
        Index("pip", at.text, "primary", at, at, via="requirements"),
        Option("pip", "trusted-host", "nexus.corp", whole),
    )
    project = Project((file, trusted), facts)
    shown = Report(tuple(entries(check(project, {"PW101": rules()["PW101"]}).results, project)), 2)
    said = json.loads(formats.write("sarif", shown))
    jsonschema.Draft7Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text())).validate(said)
    [result] = said["runs"][0]["results"]
    assert result["relatedLocations"] == [{"id": 1, "message": {"text": "/etc/pip.conf:1: trusts nexus.corp"}}]
