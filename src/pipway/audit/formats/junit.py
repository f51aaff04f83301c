"""JUnit's XML, for systems that show tests only: each finding is a test that failed, in the suite of its file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from pipway.audit.formats.text import places, where
from pipway.audit.report import Entry, Report

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2


def write(report: Report) -> str:
    """A clean project is one test that passed: a report without any looks like one that never ran."""
    suites = [_suite(path, list(each)) for path, each in groupby(report.findings, lambda entry: entry.at.path)]
    if not suites:
        suites = ['  <testsuite name="pipway audit" tests="1" failures="0"><testcase name="clean"/></testsuite>']
    total = len(report.findings)
    head = f'<testsuites name="pipway audit" tests="{max(total, 1)}" failures="{total}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>"]) + "\n"


def _suite(path: str, entries: list[Entry]) -> str:
    many = len(entries)
    head = f'  <testsuite name={_attribute(path)} tests="{many}" failures="{many}">'
    return "\n".join([head, *_cases(entries), "  </testsuite>"])


def _cases(entries: Iterable[Entry]) -> Iterable[str]:
    for entry in entries:
        name = f"{entry.rule} {entry.title} ({where(entry)})"
        parts = (f"{where(entry)}: {entry.what}", entry.consequence, entry.advice, *places(entry))
        said = "\n".join(part for part in parts if part)
        yield f"    <testcase name={_attribute(name)} classname={_attribute(entry.at.path)}>"
        head = f"      <failure type={_attribute(entry.severity)} message={_attribute(entry.what)}>"
        yield f"{head}{_text(said)}</failure>"
        yield "    </testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text), {"\n": "&#10;"})


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))
