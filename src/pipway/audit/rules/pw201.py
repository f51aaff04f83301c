"""A second index beside the first.

What
----
`extra-index-url` gives pip one more index, in a file, in a variable or on a command line.

Why
---
pip has no order of indexes: it takes the highest version that any of them has. When one is your own and the other is
PyPI, anybody who takes your project's name there with a higher version runs code on your machines: dependency
confusion. It is no backup either: an index that does not answer stops pip, or is passed over.

Bad
---
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/ours/simple/
    extra-index-url = https://index.example/simple/

Good
----
    # pip.conf
    [global]
    index-url = https://nexus.corp/repository/merged/simple/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pipway.audit.base import Confidence, Edit, Found, Repair, Rule
from pipway.audit.effective.installations import Installation, view
from pipway.audit.facts import Command, Index, Option, Organisation, Project, Span, Where
from pipway.audit.queries.hosts import host, is_loopback, is_private, is_public
from pipway.audit.queries.indexes import Place, by_value, cut, place_of
from pipway.clients.layers import default_index
from pipway.findings import Severity

RULE = Rule(
    "PW201",
    "extra-index",
    "Extra index beside the first",
    Severity.HIGH,
    references=("CVE-2018-20225", "pip: docs/html/cli/pip_install.rst", "pip issues 8606 and 12910"),
)

_PYPI = "PyPI, pip's own index"
_ADVICE = "make one index of them that knows which names are yours, and name that as index-url"
_MOST = 3  # places of one kind
_EXTRA = re.compile(r"(?i)extra[-_](?=index[-_]url)")


Named = Mapping[Place, Sequence[Option]]  #: `extra-index-url`, by the place of its value


def check(project: Project) -> Iterator[Found]:
    """Every extra index of pip; uv has an order, and the other tools have rules of their own.

    It is seen together with what else holds where it is installed with: one finding at the extra index, with the place
    of the first index and those of the commands.
    """
    every = [index for index in project.of(Index) if index.tool == "pip"]
    seen = view(project)
    named = by_value(option for option in project.of(Option) if option.name == "extra-index-url")
    files: dict[str, list[Index]] = {}
    for index in every:
        files.setdefault(index.span.source.path, []).append(index)
    for extra in every:
        if extra.role != "extra" or not extra.url.strip():
            continue
        beside = files[extra.span.source.path]
        if asking := seen.asking(extra):
            yield from _asked(extra, asking, beside, named, project)
        else:
            yield from _alone(extra, seen.beating(extra), beside, named, project)


def _asked(
    extra: Index, asking: Sequence[Installation], every: Sequence[Index], named: Named, project: Project
) -> Iterator[Found]:
    """One finding for all commands that ask it; the worst of them says what is said."""
    urls = {_first(each) for each in asking}
    severities = {
        url: _severity(url, extra.url, project.organisation) for url in urls if url.rstrip("/") != extra.url.rstrip("/")
    }
    judged = [(severities[_first(each)], each) for each in asking if _first(each) in severities]
    if not judged:
        if any(each.command is None or each.command.where is Where.REPOSITORY for each in asking):
            yield from _as_backup(extra, project)  # the configuration of the machine where it runs holds, too
        return
    severity, worst = max(judged, key=lambda pair: pair[0])
    first, ours = worst.primary, _is_ours(_first(worst), project.organisation)
    name, beside = host(extra.url) or "an index", host(_first(worst)) or "the index"
    around = ours and not _is_ours(extra.url, project.organisation)
    elsewhere = first is not None and not _together(first, extra)
    places = [(first.url_span or first.span, "the first index")] if first is not None else []
    commands = [each.command for _, each in judged if each.command is not None and each.command is not extra.command]
    places += [(command.span, "installs with both") for command in _once(commands)[:_MOST]]
    callers = [each.caller for _, each in judged if each.caller is not None]
    places += [(caller.span, "runs it") for caller in _once(callers)[:_MOST]]
    past = f", past what {beside} decides" if around else ""
    yield Found(
        extra.url_span or extra.span,
        f"{name} is an extra index beside {beside if first or worst.is_open else _PYPI}",
        severity,
        consequence=f"{_who(worst)} asks {name}, too, and takes the highest version of a project from either{past}",
        advice=f"leave it out, and let {beside} serve what is missing" if around else _advice(project, first, extra),
        related=tuple(places),
        repair=_without(extra, beside, named) if around else None if first else _repair(extra, named, every),
        confidence=Confidence.HIGH if not elsewhere or not worst.is_open else Confidence.MEDIUM,
    )


def _first(each: Installation) -> str:
    if each.primary is not None:
        return each.primary.url
    return "" if each.is_open else default_index()


def _who(each: Installation) -> str:
    if each.command is None:
        return "pip on this machine"
    place = each.command.span.place
    return f"`pip {each.command.verb}` in {place.name}:{place.line}"


def _once(commands: Sequence[Command]) -> list[Command]:
    return list({id(each): each for each in commands}.values())


def _alone(
    extra: Index, beaten: Sequence[Span], every: Sequence[Index], named: Named, project: Project
) -> Iterator[Found]:
    """No command is known that asks it: what stands in its own file is all that is known, or that it is replaced."""
    primaries = [index for index in every if index.role == "primary" and _together(index, extra)]
    first = primaries[-1].url if primaries else default_index()
    if first.rstrip("/") == extra.url.rstrip("/"):
        yield from _as_backup(extra, project)
        return
    if beaten:
        yield Found(
            extra.url_span or extra.span,
            f"{host(extra.url) or 'an index'} is an extra index that another setting replaces",
            Severity.LOW,
            consequence="it is not asked where it is installed with now; it is as soon as the other setting goes",
            advice="leave it out",
            related=((beaten[0], "takes its place"),),
            repair=_without(extra, "the other", named),
        )
        return
    yield Found(
        extra.url_span or extra.span,
        f"{host(extra.url) or 'an index'} is an extra index beside "
        + ((host(first) or "the index") if primaries else _PYPI),
        _severity(first, extra.url, project.organisation),
        consequence="pip takes the highest version of a project from either of them, whoever uploaded it there",
        advice=_advice(project, primaries[-1] if primaries else None, extra),
        related=tuple((index.url_span or index.span, "the first index") for index in primaries[-1:]),
        repair=None if primaries else _repair(extra, named, every),
    )


def _as_backup(extra: Index, project: Project) -> Iterator[Found]:
    """PyPI as an extra index makes sense only beside another first one: one in pip's configuration, where that is
    what the command adds to, or what its script wrote before."""
    if not is_public(host(extra.url)):
        return
    ours = [
        index
        for index in project.of(Index)
        if (index.tool, index.role, index.via) == ("pip", "primary", "file")
        and (_keeps(extra) or index.span.source.path == extra.span.source.path)
        and _is_ours(index.url, project.organisation)
    ]
    if ours:
        name = host(ours[0].url)
        yield Found(
            extra.url_span or extra.span,
            f"{host(extra.url)} is an extra index, and {name} the first one elsewhere",
            Severity.CRITICAL,
            confidence=Confidence.MEDIUM,
            consequence=f"wherever both hold, pip takes the highest version from either, past what {name} decides",
            advice=f"leave it out, and let {name} serve what is missing",
            related=((ours[0].url_span or ours[0].span, "the first index"),),
        )


def _together(one: Index, other: Index) -> bool:
    """Of one command, or of one file outside of commands; what commands write into pip's configuration meets there."""
    if _keeps(one) and _keeps(other):
        return one.span.source.path == other.span.source.path
    if one.command is not None or other.command is not None:
        return one.command is other.command
    return one.span.source.path == other.span.source.path


def _keeps(index: Index) -> bool:
    """`pip config set`: it holds for the commands that follow."""
    return index.command is not None and index.command.tool == "pip" and index.command.verb.startswith("config")


def _advice(project: Project, first: Index | None, extra: Index) -> str:
    """A server that was asked and stands for both is that one index."""
    answers = project.answers
    urls = [default_index() if first is None else first.url, extra.url]
    if answers is not None and all(answers.behind(url) for url in urls):
        return f"the pipway at {answers.server} has both: name {answers.server}simple/ as index-url, and nothing else"
    return _ADVICE


def _severity(first: str, extra: str, organisation: Organisation) -> Severity:
    names = [host(first), host(extra)]
    if all(name and (name in organisation.mirrors or is_public(name)) for name in names):
        return Severity.MEDIUM
    if not all(names):
        return Severity.HIGH
    ours = [_is_ours(url, organisation) for url in (first, extra)]
    return Severity.CRITICAL if any(ours) and not all(ours) else Severity.HIGH


def _is_ours(url: str, organisation: Organisation) -> bool:
    """Inside, or one of those that may be used where somebody made a list: what decides what is installed."""
    name = host(url)
    return bool(name) and (is_private(name, organisation) or is_loopback(name) or name in organisation.hosts)


def _without(extra: Index, first: str, named: Named) -> Repair | None:
    """It goes; what only it has is then missing."""
    options = named.get(place_of(extra.url_span), ())
    edits = cut(options[0].span, extra.command) if len(options) == 1 else ()
    return Repair(f"ask {first} alone", edits) if edits else None


def _repair(extra: Index, named: Named, every: Sequence[Index]) -> Repair | None:
    """The only extra index becomes the index: right where it serves PyPI's projects as well."""
    beside = [index for index in every if index.role == "extra" and _together(index, extra)]
    options = named.get(place_of(extra.url_span), ())
    if len(beside) != 1 or extra.url_span is None or not options:
        return None
    span = options[0].span
    found = _EXTRA.search(span.text)
    if found is None or span.start + found.end() > extra.url_span.start:
        return None
    where = Span(span.source, span.start + found.start(), span.start + found.end())
    return Repair(f"ask {host(extra.url) or 'it'} alone", (Edit(where, ""),))
