"""What commands say to installers, with the places of what they say."""

from __future__ import annotations

import pytest
from tests.audit.collect.reading import of, options, script

from pipway.audit.facts import Index, Option, Required, Variable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install -i http://a x", ("pip", "index-url", "http://a", "-i http://a")),
        ("pip install -ihttp://a x", ("pip", "index-url", "http://a", "-ihttp://a")),
        ("pip install --index http://a x", ("pip", "index-url", "http://a", "--index http://a")),
        ("pip install --trusted-host='h' x", ("pip", "trusted-host", "h", "--trusted-host='h'")),
        ("pip install --break-system-packages x", ("pip", "break-system-packages", "true", "--break-system-packages")),
        ("uv sync --default-index http://a", ("uv", "default-index", "http://a", "--default-index http://a")),
        ("uv pip install --allow-insecure-host h x", ("uv", "trusted-host", "h", "--allow-insecure-host h")),
        ("uvx --index-url http://a ruff", ("uv", "index-url", "http://a", "--index-url http://a")),
        ("pip config set global.trusted-host h", ("pip", "trusted-host", "h", "global.trusted-host h")),
        ("poetry config certificates.x.cert false", ("poetry", "verify-ssl", "false", "certificates.x.cert false")),
        ("pdm config pypi.verify_ssl false", ("pdm", "verify-ssl", "false", "pypi.verify_ssl false")),
        ("conda config --set ssl_verify false", ("conda", "verify-ssl", "false", "--set ssl_verify false")),
        ("git config --global http.sslVerify false", ("git", "http.sslverify", "false", "http.sslVerify false")),
        ("curl -fsSLk https://x", ("curl", "insecure", "true", "-fsSLk")),
        ("wget --no-check-certificate https://x", ("wget", "insecure", "true", "--no-check-certificate")),
        ("twine upload --repository-url http://t d/*", ("twine", "repository-url", "http://t", "--repository-url http://t")),
        ("pipx install --pip-args '--index-url http://z' black", ("pip", "index-url", "http://z", "--index-url http://z")),
        ("pipenv install -i http://q requests", ("pipenv", "index-url", "http://q", "-i http://q")),
        ("A=-i; B='--proxy http://p'; pip install $B x", ("pip", "proxy", "http://p", "--proxy http://p")),
        ("PIP_TRUSTED_HOST=h pip install x", ("pip", "trusted-host", "h", "PIP_TRUSTED_HOST=h")),
        ("export UV_INDEX_STRATEGY=unsafe", ("uv", "index-strategy", "unsafe", "UV_INDEX_STRATEGY=unsafe")),
    ],
)  # fmt: skip
def test_options(text: str, expected: tuple[str, str, str, str]) -> None:
    """Name and value as pip would call them, and the piece of text that says so."""
    found = [(option.tool, option.name, option.value, option.span.text) for option in of(script(text), Option)]
    assert expected in found


def test_a_value_is_no_requirement() -> None:
    """`--target x` takes x."""
    facts = script("pip install --target x -qr req.txt --python-version 3 --hash sha256:a y")
    assert [required.name for required in of(facts, Required)] == ["y"]
    assert ("pip", "requirement", "req.txt") in options(facts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install 'a[b]>=1' c", [("a", ">=1"), ("c", "")]),
        ("pip install foo==$VERSION $OTHER", [("foo", "==$VERSION")]),
        ("uv add httpx", [("httpx", "")]),
        ("uvx ruff@1.2 check", [("ruff", "==1.2")]),
        ("uv tool run --from black==1 black .", [("black", "==1"), ("black", "")]),
        ("poetry add foo@^1.2", [("foo", "^1.2")]),
        ("pipx install black", [("black", "")]),
        ("pip uninstall x", []),
        ("conda install numpy", []),
    ],
)
def test_requirements(text: str, expected: list[tuple[str, str]]) -> None:
    """The arguments of what installs."""
    assert [(required.name, required.specifier) for required in of(script(text), Required)] == expected


def test_indexes() -> None:
    """Each URL of several has its place; uv's names are taken off."""
    facts = script(
        "export PIP_EXTRA_INDEX_URL='http://a http://b'\nuv sync --index corp=https://c\n"
        "poetry source add --priority=supplemental d https://e"
    )
    found = of(facts, Index)
    assert [(index.url, index.role, index.name, index.url_span and index.url_span.text) for index in found] == [
        ("https://c", "extra", "corp", "https://c"),
        ("https://e", "supplemental", "d", "https://e"),
        ("http://a", "extra", "", "http://a"),
        ("http://b", "extra", "", "http://b"),
    ]  # fmt: skip


def test_a_variable_that_is_used_twice_says_it_once() -> None:
    facts = script("A='-i http://a'\npip install $A x\npip install $A y\n")
    assert len(of(facts, Option)) == 1


def test_how_variables_are_set() -> None:
    facts = script("A=1\nexport B=2\nC=3 pip install x\n")
    assert {(variable.name, variable.how) for variable in of(facts, Variable)} == {
        ("A", "shell"),
        ("B", "export"),
        ("C", "prefix"),
    }
