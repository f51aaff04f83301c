"""Which options of a tool take a value, so that an argument is not taken for a value nor a value for an argument.

`programs` and `commands` use it. pip's names are those of `clients.pip_options`; the other tables are the tools' own
help pages. tests/audit/collect/test_tool_options.py compares them with the tools that are installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pipway.audit.facts import Word
from pipway.clients import pip_options


@dataclass(frozen=True, slots=True)
class Given:
    """One option of a command line: its word, and the word of its value when that stands alone."""

    name: str  #: without hyphens; a short one by its long name
    word: Word
    value: str | None = field(repr=False)  #: None: a flag
    value_word: Word | None = None
    written: str = ""  #: `--index-url`, `-i`


@dataclass(frozen=True, slots=True)
class Table:
    """The options of one tool that take a value."""

    values: frozenset[str] = frozenset()
    short: Mapping[str, str] = field(default_factory=dict)  #: letter → long name; all of them take a value
    flags: Mapping[str, str] = field(default_factory=dict)  #: letter → long name of a flag that matters
    known: frozenset[str] = frozenset()  #: all names, where the tool takes their unique beginnings

    def read(self, words: Sequence[Word], start: int) -> tuple[list[Given], list[Word]]:
        """Options and arguments of words[start:]."""
        given: list[Given] = []
        arguments: list[Word] = []
        at = start
        while at < len(words):
            word = words[at]
            at += 1
            if word.text == "--":
                arguments += words[at:]
                break
            found, whole = self._option(word)
            if found is None:
                if not (word.text.startswith("-") and len(word.text) > 1):
                    arguments.append(word)
                continue
            if whole or found[-1].value is not None or not self._takes(found[-1]):
                given += found
                continue
            value = words[at] if at < len(words) else None
            at += 1
            last = found[-1]
            given += found[:-1]
            given.append(Given(last.name, word, value.text if value else "", value, last.written))
        return given, arguments

    def positions(self, words: Sequence[Word], start: int, first: int) -> Iterator[int]:
        """Where the first few arguments are."""
        _, arguments = self.read(words[: start + 60], start)
        places = {id(word): place for place, word in enumerate(words[: start + 60])}
        for word in arguments[:first]:
            yield places[id(word)]

    def _takes(self, option: Given) -> bool:
        return option.name in self.values or option.written.lstrip("-") in self.short

    def _option(self, word: Word) -> tuple[list[Given] | None, bool]:
        """What an option word says, and whether it is complete by itself."""
        text = word.text
        if text.startswith("--") and len(text) > 2:
            written, sign, value = text.partition("=")
            name = self._name(written[2:])
            return [Given(name, word, value if sign else None, None, written)], bool(sign)
        if not text.startswith("-") or len(text) < 2 or text[1].isdigit():
            return None, True
        found = []
        for place, letter in enumerate(text[1:], 1):
            if letter in self.short:
                value = text[place + 1 :].removeprefix("=")
                found.append(Given(self.short[letter], word, value or None, None, f"-{letter}"))
                return found, bool(value)
            if letter in self.flags:
                found.append(Given(self.flags[letter], word, None, None, f"-{letter}"))
            elif not letter.isalpha():
                return None, True
        return found or None, True

    def _name(self, text: str) -> str:
        if text in self.known or not self.known:
            return text
        matches = [name for name in self.known if name.startswith(text)]
        return matches[0] if len(matches) == 1 else text


def _table(values: str, short: str = "", flags: str = "", known: frozenset[str] = frozenset()) -> Table:
    return Table(frozenset(values.split()), _pairs(short), _pairs(flags), known)


def _pairs(text: str) -> Mapping[str, str]:
    return MappingProxyType(dict(pair.split("=") for pair in text.split()))


_PIP_FLAGS = """
    all break-system-packages check-build-dependencies compile debug disable-pip-version-check dry-run
    editable-flag exclude-editable files force-reinstall help ignore-installed ignore-requires-python
    include-editable isolated json local no-build-isolation no-cache-dir no-clean no-color no-compile
    no-dependencies no-deps no-index no-input no-proxy-env no-python-version-warning no-require-hashes
    no-use-pep517 no-user no-verify no-warn-conflicts no-warn-script-location not-required only-dependencies
    only-deps outdated pre prefer-binary quiet require-hashes require-venv require-virtualenv upgrade
    uptodate use-pep517 user verbose version yes bash fish powershell zsh global site
"""
_INDEXES = "index-url extra-index-url find-links trusted-host"

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "pip": _table(
            " ".join((pip_options.ALL | {"hash"}) - frozenset(_PIP_FLAGS.split())),
            "i=index-url f=find-links r=requirement c=constraint e=editable t=target d=dest w=wheel-dir b=build "
            "C=config-settings o=output a=algorithm",
            "U=upgrade I=ignore-installed q=quiet v=verbose y=yes",
            pip_options.ALL | {"hash"},
        ),
        "uv": _table(
            "project keyring-provider index directory config-file color cache-dir allow-insecure-host python index-url "
            "find-links refresh-package link-mode index-strategy extra-index-url exclude-newer-package exclude-newer "
            "default-index config-setting config-settings no-sources-package config-settings-package upgrade-package "
            "upgrade-group resolution prerelease-package prerelease no-build-isolation-package fork-strategy "
            "no-build-package no-binary-package reinstall-package python-platform group extra constraints constraint "
            "build-constraints build-constraint torch-backend package script overrides override no-editable-package "
            "with with-requirements with-editable python-version output-format only-group only-binary no-group "
            "no-extra no-binary excludes cert target requirements requirement output-file prefix no-install-package "
            "no-emit-package format env-file username token password out-dir marker editable with-executables-from "
            "trusted-publishing tag rev publish-url prune prompt optional from custom-compile-command check-url branch "
            "bounds annotation-style trusted-host python-fetch python-preference",
            "p=python i=index-url f=find-links C=config-setting P=upgrade-package c=constraints b=build-constraints "
            "w=with r=requirements o=output-file e=editable m=marker t=target",
            "U=upgrade q=quiet v=verbose n=no-cache",
        ),
        "uvx": _table(
            "index index-url extra-index-url default-index find-links index-strategy allow-insecure-host from with "
            "with-requirements with-editable python constraints overrides exclude-newer keyring-provider cache-dir "
            "prerelease resolution config-file project directory color link-mode env-file generate-shell-completion",
            "p=python i=index-url f=find-links w=with c=constraints",
        ),
        "pipx": _table(
            "index-url pip-args python suffix spec path requirement backend", "i=index-url r=requirement", "f=force"
        ),
        "poetry": _table(
            "source group python platform extras with without only format output priority repository username password "
            "cert client-cert directory project dist-dir",
            "G=group E=extras f=format o=output r=repository u=username p=password C=directory P=project",
        ),
        "pdm": _table(
            "group extra-index with without lockfile project python config repository username password ca-certs "
            "index-url dest format output venv override save-strategy exclude-newer comment identity sign-with",
            "G=group L=lockfile p=project c=config r=repository u=username P=password f=format o=output d=dest",
        ),
        "pipenv": _table(
            "index pypi-mirror extra-pip-args requirements python categories package-name",
            "i=index r=requirements",
            "d=dev",
        ),
        "conda": _table(
            "channel name prefix file set add append prepend remove remove-key get channel-alias solver subdir "
            "platform category dev",
            "c=channel n=name p=prefix f=file",
            "k=insecure y=yes",
        ),
        "pixi": _table("channel platform feature manifest-path index environment", "c=channel p=platform f=feature"),
        "hatch": _table("repo user auth env project config initialize-auth", "r=repo u=user a=auth e=env p=project"),
        "twine": _table(
            "repository repository-url username password cert client-cert config-file identity sign-with comment",
            "r=repository u=username p=password i=identity c=comment",
        ),
        "flit": _table("repository pypirc ini-file", "f=ini-file"),
        "pip-tools": _table(
            f"{_INDEXES} output-file pip-args cert client-cert constraint extra upgrade-package resolver cache-dir "
            "python-executable build-deps-for annotation-style config unsafe-package src-file",
            "i=index-url f=find-links o=output-file c=constraint P=upgrade-package",
            "U=upgrade q=quiet v=verbose",
        ),
        "easy_install": _table(
            "index-url find-links install-dir script-dir allow-hosts editable-build record",
            "i=index-url f=find-links d=install-dir"
        ),
        "curl": _table(
            "output proxy user proxy-user header data request user-agent cacert capath cert key max-time "
            "connect-timeout retry retry-delay resolve url form upload-file cookie referer write-out noproxy",
            "o=output x=proxy u=user U=proxy-user H=header d=data X=request A=user-agent E=cert m=max-time F=form "
            "T=upload-file b=cookie e=referer w=write-out",
            "k=insecure L=location f=fail s=silent S=show-error O=remote-name",
        ),
        "wget": _table(
            "output-document output-file directory-prefix tries timeout user password http-user http-password header "
            "user-agent execute ca-certificate post-data proxy-user proxy-password",
            "O=output-document o=output-file P=directory-prefix t=tries T=timeout e=execute U=user-agent",
            "q=quiet",
        ),
        "git": _table("branch depth origin", "c=config C=directory b=branch"),
    }
)  # fmt: skip
