"""pyproject.toml: what each tool reads of it."""

from __future__ import annotations

from tests.audit.collect.reading import collected, of, options

from pipway.audit.collect import hatch, pdm, pipfile, pixi, poetry, pyproject, uv_toml
from pipway.audit.facts import Fact, Index, Note, Option, Required, Variable


def facts(text: str) -> list[Fact]:
    return collected(pyproject, text, "pyproject.toml")


def indexes(found: list[Fact]) -> list[tuple[str, str, str, str]]:
    return [(index.tool, index.role, index.name, index.url) for index in of(found, Index)]


def requirements(found: list[Fact]) -> list[tuple[str, str, str, str]]:
    return [(each.name, each.specifier or each.url, each.group, each.index) for each in of(found, Required)]


def test_the_project() -> None:
    text = """
[build-system]
requires = ["hatchling>=1.27", "x @ https://files.example/x.zip"]
[project]
name = "Own"
classifiers = ["Private :: Do Not Upload"]
dependencies = [
  "a==1",
  'b @ git+https://git.corp/b@main',
]
[project.optional-dependencies]
more = ["c"]
[dependency-groups]
dev = ["d", { include-group = "e" }]
"""
    found = facts(text)
    assert requirements(found) == [
        ("a", "==1", "dependencies", ""),
        ("b", "git+https://git.corp/b@main", "dependencies", ""),
        ("c", "", "more", ""),
        ("hatchling", ">=1.27", "build-system", ""),
        ("x", "https://files.example/x.zip", "build-system", ""),
        ("d", "", "dev", ""),
    ]
    assert of(found, Required)[0].span.text == "a==1"
    project, classifiers = of(found, Note)
    assert (project.what, project.text, project.span.text) == ("project", "Own", "Own")
    assert project.traits["classifiers"] == "Private :: Do Not Upload"
    assert classifiers.span.text == '["Private :: Do Not Upload"]'


def test_uv() -> None:
    text = """
[tool.uv]
index-strategy = "unsafe-best-match"
allow-insecure-host = ["a.corp", "b.corp"]
extra-index-url = ["https://x.corp/simple"]
exclude-newer-package = { tqdm = "2099-01-01" }
constraint-dependencies = ["c<2"]
[[tool.uv.index]]
name = "corp"
url = "https://nexus.corp/simple"
ignore-error-codes = [401, 403]
[[tool.uv.index]]
name = "torch"
url = "https://torch.example/whl"
explicit = true
[tool.uv.sources]
own = { index = "corp" }
lib = { git = "https://git.corp/lib", rev = "main" }
mine = { workspace = true }
"""
    found = facts(text)
    assert options(found) == [
        ("uv", "index-strategy", "unsafe-best-match"),
        ("uv", "trusted-host", "a.corp"),
        ("uv", "trusted-host", "b.corp"),
        ("uv", "extra-index-url", "https://x.corp/simple"),
        ("uv", "exclude-newer-package", "tqdm=2099-01-01"),
    ]
    assert indexes(found) == [
        ("uv", "extra", "", "https://x.corp/simple"),
        ("uv", "extra", "corp", "https://nexus.corp/simple"),
        ("uv", "explicit", "torch", "https://torch.example/whl"),
    ]
    corp = of(found, Index)[1]
    assert corp.traits["ignore-error-codes"] == "401,403"
    assert corp.trait_spans["ignore-error-codes"].text == "ignore-error-codes = [401, 403]"
    assert corp.span.text.startswith("[[tool.uv.index]]") and corp.span.text.endswith("[401, 403]")
    assert requirements(found) == [
        ("c", "<2", "constraints", ""),
        ("own", "", "sources", "corp"),
        ("lib", "git+https://git.corp/lib@main", "sources", ""),
    ]
    assert of(found, Option)[0].key == "tool.uv.index-strategy"


def test_uv_toml_has_the_same_keys_at_its_top() -> None:
    found = collected(uv_toml, 'index = [{ url = "https://a.corp/s", default = true }]\n[pip]\npre = true\n', "uv.toml")
    assert indexes(found) == [("uv", "default", "", "https://a.corp/s")]
    assert options(found) == [("uv", "pre", "true")]
    assert of(found, Option)[0].key == "pip.pre"


def test_poetry() -> None:
    text = """
[tool.poetry]
name = "own"
[[tool.poetry.source]]
name = "corp"
url = "https://nexus.corp/simple"
priority = "supplemental"
[[tool.poetry.source]]
name = "old"
url = "https://old.corp/simple"
secondary = true
[tool.poetry.dependencies]
python = "^3.11"
a = "^1.0"
b = { version = "*", source = "corp" }
c = { git = "https://git.corp/c.git", branch = "main" }
[tool.poetry.group.dev.dependencies]
d = [{ version = "1", markers = "os_name == 'nt'" }, "2"]
"""
    found = facts(text)
    assert indexes(found) == [
        ("poetry", "supplemental", "corp", "https://nexus.corp/simple"),
        ("poetry", "secondary", "old", "https://old.corp/simple"),
    ]
    assert requirements(found) == [
        ("a", "^1.0", "dependencies", ""),
        ("b", "", "dependencies", "corp"),
        ("c", "git+https://git.corp/c.git@main", "dependencies", ""),
        ("d", "==1", "dev", ""),
        ("d", "==2", "dev", ""),
    ]


def test_a_single_source_table_is_a_note_even_in_a_broken_file() -> None:
    one = facts('[tool.poetry.source]\nname = "x"\nurl = "https://x.corp/s"\n')
    assert "poetry-source-table" in [note.what for note in of(one, Note)]
    both = facts('[tool.poetry.source]\nname = "x"\n[[tool.poetry.source]]\nname = "y"\n')
    assert [note.what for note in of(both, Note)] == ["unreadable", "poetry-source-table"]


def test_poetry_toml_and_logins() -> None:
    text = (
        '[certificates.corp]\ncert = false\nclient-cert = "/x.pem"\n[http-basic.corp]\nusername = "u"\n'
        'password = "hunter2"\n[pypi-token]\npypi = "t"\n[solver]\nmin-release-age = 7\n[repositories.corp]\n'
        'url = "http://nexus.corp/"\n'
    )
    found = collected(poetry, text, "poetry.toml")
    assert options(found) == [
        ("poetry", "verify-ssl", "false"),
        ("poetry", "client-cert", "/x.pem"),
        ("poetry", "username", "u"),
        ("poetry", "password", "hunter2"),
        ("poetry", "token", "t"),
        ("poetry", "min-release-age", "7"),
    ]
    assert indexes(found) == [("poetry", "upload", "corp", "http://nexus.corp/")]
    assert "hunter2" not in repr(found)


def test_pdm() -> None:
    text = """
[[tool.pdm.source]]
name = "corp"
url = "https://nexus.corp/simple"
verify_ssl = false
include_packages = ["own-*"]
[[tool.pdm.source]]
type = "find_links"
url = "http://wheels.corp/"
[tool.pdm.resolution]
respect-source-order = true
[tool.pdm.dev-dependencies]
test = ["pytest"]
"""
    found = facts(text)
    assert indexes(found) == [
        ("pdm", "extra", "corp", "https://nexus.corp/simple"),
        ("pdm", "find-links", "", "http://wheels.corp/"),
    ]
    assert of(found, Index)[0].traits["include_packages"] == "own-*"
    assert options(found) == [("pdm", "verify-ssl", "false"), ("pdm", "respect-source-order", "true")]
    own = '[pypi]\nurl = "https://a.corp/s"\nverify_ssl = false\n[pypi.more]\nurl = "https://b.corp/s"\n'
    found = collected(pdm, own + '[repository.up]\nurl = "http://up.corp/"\npassword = "x"\n', "pdm.toml")
    assert [(role, url) for _, role, _, url in indexes(found)] == [
        ("primary", "https://a.corp/s"),
        ("extra", "https://b.corp/s"),
        ("upload", "http://up.corp/"),
    ]
    assert options(found) == [("pdm", "verify-ssl", "false"), ("pdm", "password", "x")]


def test_hatch() -> None:
    text = """
[tool.hatch.sources]
corp = { index = "https://nexus.corp/simple" }
[tool.hatch.envs.default]
dependencies = ["a"]
[tool.hatch.envs.default.env-vars]
PIP_EXTRA_INDEX_URL = "https://b.corp/s"
"""
    found = facts(text)
    assert indexes(found) == [
        ("hatch", "extra", "corp", "https://nexus.corp/simple"),
        ("pip", "extra", "", "https://b.corp/s"),
    ]
    assert [variable.name for variable in of(found, Variable)] == ["PIP_EXTRA_INDEX_URL"]
    config = '[publish.index]\nauth = "secret"\n[publish.index.repos.corp]\nurl = "https://up.corp"\n'
    found = collected(hatch, config, "home/hatch/config.toml")
    assert options(found) == [("hatch", "password", "secret")]
    assert indexes(found) == [("hatch", "upload", "corp", "https://up.corp")]


def test_pixi() -> None:
    text = """
[workspace]
channels = ["conda-forge"]
[pypi-options]
index-url = "https://nexus.corp/simple"
extra-index-urls = ["https://b.corp/s"]
find-links = [{ path = "./w" }, { url = "http://w.corp/" }]
index-strategy = "unsafe-best-match"
[pypi-dependencies]
a = ">=1"
b = { git = "https://git.corp/b" }
[activation.env]
PIP_TRUSTED_HOST = "h.corp"
"""
    found = collected(pixi, text, "pixi.toml")
    [variable] = of(found, Variable)
    assert (variable.name, variable.value_span and variable.value_span.text) == ("PIP_TRUSTED_HOST", "h.corp")
    assert ("pip", "trusted-host", "h.corp") in options(found)
    assert [(role, url) for _, role, _, url in indexes(found)] == [
        ("primary", "https://nexus.corp/simple"),
        ("extra", "https://b.corp/s"),
        ("find-links", "http://w.corp/"),
    ]
    assert ("pixi", "index-strategy", "unsafe-best-match") in options(found)
    assert requirements(found)[1][:2] == ("b", "git+https://git.corp/b")
    config = 'tls-no-verify = true\n[pypi-config]\nallow-insecure-host = ["a.corp"]\n'
    found = collected(pixi, config, ".pixi/config.toml")
    assert options(found) == [("pixi", "tls-no-verify", "true"), ("pixi", "trusted-host", "a.corp")]


def test_pipfile() -> None:
    text = """
[[source]]
url = "https://index.example/simple"
verify_ssl = true
name = "pypi"
[[source]]
url = "https://nexus.corp/simple"
verify_ssl = false
name = "corp"
[packages]
a = "*"
own = { version = "==1", index = "corp" }
e = { path = ".", editable = true }
[dev-packages]
b = ">=2"
"""
    found = collected(pipfile, text, "Pipfile")
    assert [(role, name) for _, role, name, _ in indexes(found)] == [("primary", "pypi"), ("extra", "corp")]
    assert options(found) == [("pipenv", "verify-ssl", "true"), ("pipenv", "verify-ssl", "false")]
    assert requirements(found) == [
        ("a", "", "packages", ""),
        ("own", "==1", "packages", "corp"),
        ("e", ".", "packages", ""),
        ("b", ">=2", "dev-packages", ""),
    ]
    assert of(found, Required)[2].editable
