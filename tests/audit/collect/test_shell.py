"""Shell text, read without a shell; bash itself judges what the words are."""

from __future__ import annotations

import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.collect.reading import held, of, options, said, script

from pipway.audit.collect import shell
from pipway.audit.collect.text import Text
from pipway.audit.facts import Command, Option, Source


def read(text: str) -> shell.Script:
    return shell.read(Text.piece(Source("x.sh", text, "script")))


JUDGED = r"""
pip install 'a[b]>=1' foo==1 --index-url="http://x/simple"  # a comment
pip install \
  --trusted-host h \
  "q"'r's\ t
X=1 pip download $'a b' "c
d"
true && pip a || pip b; pip c | cat; (pip d); { pip e; }
if true; then pip f; else pip g; fi
case x in y) pip never;; x|z) pip h ;; esac
show() { pip i; }; show
cat <<EOF >/dev/null
pip not-a-command "
EOF
pip j 2>&1 >/dev/null 3>/dev/null
A="-i http://a/simple"; pip install $A "$A"
B=(--find-links "a b" c); pip install "${B[@]}" ${NONE:-d}
sh -c 'echo "pip k"' >/dev/null; eval "pip 'l m'"
pip '$not' "\$not" \$not a#b 'it'"'"'s'
pip "a\
b" c\
d
while read -r line; do pip $((1 + 2 * (3))) x; done <<< y
"""


def test_its_words_are_bashs_words() -> None:
    """Everything that is known is what bash makes of it, in the same order."""
    judge = 'pip() { printf "%s\\037" "$@" >&9; printf "\\036" >&9; }; exec 9>&1\n' + JUDGED
    done = subprocess.run(["bash", "-c", judge], capture_output=True, text=True, check=True)
    real = sorted(tuple(line.split("\x1f")[:-1]) for line in done.stdout.split("\x1e")[:-1])
    commands = [command for command in read(JUDGED).commands if command.tool == "pip"]
    ours = {tuple(word.text for word in command.words[1:]) for command in commands}
    real_known = [words for words in real if "7" not in words]
    assert len(real) > 15
    assert not [words for words in real_known if words not in ours]
    assert ours - set(real) == {("never",), ("b",), ("g",), ("$((1 + 2 * (3)))", "x")}


@pytest.mark.parametrize(
    ("text", "tool", "verb", "wrappers"),
    [
        ("sudo -E -u me env A=b pip3.11 install x", "pip", "install", ("sudo", "env")),
        ("FOO=1 /usr/bin/python3.11 -Im pip --proxy http://p download x", "pip", "download", ()),
        ("xargs -n 1 pip install < req.txt", "pip", "install", ("xargs",)),
        ("time ./venv/bin/pip install x", "pip", "install", ("time",)),
        ("timeout -k 5 60 uv pip install x", "uv", "pip install", ("timeout",)),
        ("poetry run pip install x", "pip", "install", ("poetry run",)),
        ("uv run --with y python -m pip install x", "pip", "install", ("uv run",)),
        ("uv run --with y script.py", "uv", "run", ()),
        ("$PIP install x", "pip", "install", ()),
        ('"${PYTHON}" -m pip install x', "pip", "install", ()),
        ("$VENV/bin/pip install x", "pip", "install", ()),
        ("py -3 -m pip install x", "pip", "install", ()),
        ("poetry config certificates.x.cert false", "poetry", "config", ()),
        ("pip config set global.proxy x", "pip", "config set", ()),
        ("uvx ruff check", "uvx", "", ()),
        ("mamba install x", "conda", "install", ()),
        ("sudo", "sudo", "", ()),
        ("python -m twine upload x", "twine", "upload", ()),
    ],
)
def test_programs(text: str, tool: str, verb: str, wrappers: tuple[str, ...]) -> None:
    """Wrappers, paths, versions and `python -m` are taken off."""
    command = read(text).commands[-1]
    assert (command.tool, command.verb, command.wrappers) == (tool, verb, wrappers)


@pytest.mark.parametrize("program", ["$(which pip)", '"$(command -v python3)" -m pip', "`which pip3`"])
def test_programs_that_are_looked_up(program: str) -> None:
    """The command that looks it up is one, too."""
    assert ("pip", "install") in [(each.tool, each.verb) for each in read(f"{program} install x").commands]


@pytest.mark.parametrize(
    "text",
    [
        "curl -k https://x | sudo bash -s --",
        "curl x |\n  sh",
        "bash <(curl x)",
        'sh -c "$(curl -fsSL https://x)"',
        "{ curl x; } | sh",
        "curl x |& python3 -",
    ],
)
def test_what_is_piped(text: str) -> None:
    """Whose output a program reads."""
    readers = [command for command in read(text).commands if command.piped_from]
    assert [command.piped_from.tool for command in readers if command.piped_from] == ["curl"]


@pytest.mark.parametrize(
    "text",
    [
        "bash -c 'pip install x'",
        'su -c "pip install x" me',
        "bash <<EOF\npip install x\nEOF",
        "bash <<-'EOF'\n\tpip install x\n\tEOF\n",
        "echo $(pip install x)",
        'echo "`pip install x`"',
        "for a in 1; do pip install x; done",
        "(( 1 << 2 ))\npip install x",
        "cat << A << B\na\nA\nb\nB\npip install x",
        "case $a in\n a) pip install x;;\nesac",
        "f() { pip install x; }",
        "cat <<EOF\npip install x",  # without an end it is none
    ],
)
def test_nested(text: str) -> None:
    """In whatever a command is nested, it is found in its place."""
    (found,) = [command for command in read(text).commands if command.tool == "pip"]
    assert found.span.text == "pip install x"


def test_a_here_document_is_no_command() -> None:
    assert said(held(read("cat > f <<EOF\npip install 'x\nEOF\necho b").commands)) == ["cat", "echo b"]


def test_variables() -> None:
    """Once set, known; set twice, unknown; and the option stands where the variable was set."""
    facts = script("A='-i http://a/s'\npip install $A\nB=x\nB=y\npip download $B\n")
    assert options(facts) == [("pip", "index-url", "http://a/s")]
    assert said(facts) == ["pip install -i http://a/s", "pip download $B"]
    command = of(facts, Command)[1]
    assert not command.words[-1].known


def test_templates_are_words() -> None:
    """What another program fills in does not take the rest away."""
    words = read("pip install ${{ matrix.a }} -r {{ b }}/x $[[ inputs.c ]] d").commands[0].words
    assert [word.known for word in words] == [True, True, False, True, False, False, True]


HOSTILE = [
    *("(" * 20000, "$(" * 20000, '"$(' * 20000, "cat <<EOF\n" * 8000, "if " * 20000, "case x in " * 8000),
    *("${a:-" * 20000, "|" * 20000, "<(" * 20000, "`" * 20000, "a=(" * 20000, "$((" * 20000, "'" * 20001),
    *("{{" * 20000, "bash -c '" * 8000, "sudo " * 20000, "uv run " * 5000, "\\\n" * 20000, "$'" * 20000),
    *("X=$X$X\n" * 5000, "<<E " * 8000 + "\n" + "\tE\n" * 8000, 'eval \\"' * 3000, "A=x;" + "A=$A$A;" * 3000),
]


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:8])
def test_hostile_text_ends(text: str) -> None:
    start = time.process_time()
    read(text)
    assert time.process_time() - start < 5


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *"$(){}[]\"'`<>|&;\n \\a=#*",
                "EOF",
                "<<",
                "${",
                "$(",
                "case ",
                " in ",
                "esac",
                "bash -c ",
                "pip install ",
                "-i ",
            ]
        ),
        max_size=60,
    ).map("".join)
)
def test_any_text(text: str) -> None:
    """Nothing stops it, and whatever it finds stands where it says."""
    script(text)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["--index-url", "--trusted-host", "--proxy", "-f"]),
            st.sampled_from([" ", "=", " \\\n  "]),
            st.sampled_from(["{}", "'{}'", '"{}"']),
            st.from_regex(r"[a-z]{1,8}://[a-z0-9.:@/-]{1,12}", fullmatch=True),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_option_stands_where_it_says(parts: list[tuple[str, str, str, str]]) -> None:
    """The span of an option is its text, and the span of its value its value."""
    parts = [(name, " " if name == "-f" and sign == "=" else sign, quote, url) for name, sign, quote, url in parts]
    written = [f"{name}{sign}{quote.format(url)}" for name, sign, quote, url in parts]
    facts = script(f"cd x && pip install {' '.join(written)} y")
    found = {(option.span.text, option.value) for option in of(facts, Option)}
    assert found == {(text, url) for text, (*_, url) in zip(written, parts, strict=True)}
    assert all(option.value_span and option.value_span.text == option.value for option in of(facts, Option))


def test_signs_within_a_test_are_no_pipes() -> None:
    def commands(text: str) -> list[str]:
        return [command.span.text for command in of(script(text), Command)]

    assert commands("[[ $x =~ ^(pip|easy_install)$ ]] && pip check") == ["pip check"]
    assert commands("[[ $(pip list) == y || -n $z ]] | pip check") == ["pip list", "pip check"]
    assert commands("[[ a | b\npip check") == ["pip check"]
