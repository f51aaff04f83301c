"""uv: what its files, variables and options come to, beside uv's own word for it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.clients.around import around as somewhere
from tests.e2e.clients import Uv as RealUv

from pipway.clients.base import Effective, Installed, Setting, Surroundings, Wish
from pipway.clients.uv import Uv
from pipway.errors import UsageError
from pipway.findings import Place

URL = "http://127.0.0.1:3141/simple/"
PROJECT = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\n'


def around(
    tmp_path: Path,
    files: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    cwd: str = "work",
    command: tuple[str, ...] = (),
) -> Surroundings:
    return somewhere(tmp_path, files, environ, cwd=cwd, command=("uv", *command))


USER, OWN, SHARED = "home/.config/uv/uv.toml", "work/uv.toml", "work/pyproject.toml"


def come_to(surroundings: Surroundings) -> Mapping[Setting, Effective]:
    return Uv().effective(surroundings, None)


def index(url: str, more: str = "default = true") -> str:
    return f'[[index]]\nurl = "{url}"\n{more}\n'


#: name → files, variables, what the default index and the others come to. Asked of the real uv as well.
INDEXES: dict[str, tuple[dict[str, str], dict[str, str], str, list[str]]] = {
    "an [[index]] of the user beats index-url of the project": (
        {USER: index("http://h/ud"), OWN: 'index-url = "http://h/pi"\n'},
        {},
        "http://h/ud",
        [],
    ),
    "the project's [[index]] beats the user's": (
        {USER: index("http://h/ud"), OWN: index("http://h/pd")},
        {},
        "http://h/pd",
        [],
    ),
    "UV_DEFAULT_INDEX beats UV_INDEX_URL, and both beat files": (
        {OWN: index("http://h/pd")},
        {"UV_INDEX_URL": "http://h/eu", "UV_DEFAULT_INDEX": "d=http://h/ed", "UV_INDEX": "http://h/a n=http://h/b"},
        "http://h/ed",
        ["http://h/a", "http://h/b"],
    ),
    "empty variables say nothing": (
        {OWN: index("http://h/pd")},
        {"UV_INDEX_URL": "", "UV_DEFAULT_INDEX": ""},
        "http://h/pd",
        [],
    ),
    "[pip] counts for uv pip, but an [[index]] is stronger": (
        {
            OWN: 'index-url = "http://h/t"\nextra-index-url = ["http://h/te"]\n'
            '[pip]\nindex-url = "http://h/p"\nextra-index-url = ["http://h/pe"]\n'
        },
        {},
        "http://h/p",
        ["http://h/pe", "http://h/te"],
    ),
    "[[index]] beats [pip] index-url": (
        {OWN: index("http://h/top") + '[pip]\nindex-url = "http://h/p"\n'},
        {},
        "http://h/top",
        [],
    ),
    "uv.toml hides [tool.uv] beside it": (
        {OWN: 'index-url = "http://h/own"\n', SHARED: PROJECT + '[tool.uv]\nindex-url = "http://h/shared"\n'},
        {},
        "http://h/own",
        [],
    ),
    "explicit ones do not count, and a name counts once": (
        {
            OWN: index("http://h/e", 'name = "e"\nexplicit = true')
            + index("http://h/e2", 'name = "e"')
            + index("http://h/f", 'name = "f"')
        },
        {},
        "",
        ["http://h/f"],
    ),
    "lists of all files add up, the project's first": (
        {USER: 'extra-index-url = ["http://h/u1", "http://h/u2"]\n', OWN: index("http://h/p", "")},
        {"UV_EXTRA_INDEX_URL": "http://h/v"},
        "",
        ["http://h/v", "http://h/p", "http://h/u1", "http://h/u2"],
    ),
    "UV_NO_CONFIG": ({USER: index("http://h/u"), OWN: index("http://h/p")}, {"UV_NO_CONFIG": "1"}, "", []),
    "UV_CONFIG_FILE and nothing else": (
        {USER: index("http://h/u"), OWN: index("http://h/p"), "work/my.toml": index("http://h/m", "")},
        {"UV_CONFIG_FILE": "my.toml"},
        "",
        ["http://h/m"],
    ),
    "the root of the workspace, not its member": (
        {
            "work/pyproject.toml": PROJECT
            + '[tool.uv]\nindex-url = "http://h/root"\n[tool.uv.workspace]\nmembers = ["pkgs/*"]\n',
            "work/pkgs/a/pyproject.toml": PROJECT.replace('"x"', '"y"') + '[tool.uv]\nindex-url = "http://h/member"\n',
        },
        {},
        "http://h/root",
        [],
    ),
    "folders above are looked at": (
        {OWN: 'index-url = "http://h/above"\n', "work/pkgs/a/pyproject.toml": PROJECT},
        {},
        "http://h/above",
        [],
    ),
}


def where(files: Mapping[str, str]) -> str:
    return "work/pkgs/a" if any(name.startswith("work/pkgs/a/") for name in files) else "work"


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(tmp_path: Path, name: str) -> None:
    files, environ, default, extra = INDEXES[name]
    found = come_to(around(tmp_path, files, environ, cwd=where(files)))
    assert found[Setting.EXTRA_INDEXES].values == tuple(extra)
    if default:
        assert found[Setting.INDEX].value == default
    else:
        assert found[Setting.INDEX].entries == () and found[Setting.INDEX].value.startswith("https://")


@pytest.mark.slow
@pytest.mark.parametrize("name", INDEXES)
def test_uv_says_the_same(tmp_path: Path, name: str) -> None:
    files, environ, default, extra = INDEXES[name]
    surroundings = around(tmp_path, files, environ, cwd=where(files))
    assert asked(surroundings) == (default, extra)


def asked(surroundings: Surroundings) -> tuple[str, list[str]]:
    """The default index and the others, as the real uv shows its settings."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(surroundings.home), "UV_PYTHON_DOWNLOADS": "never"}
    command = [*RealUv().command(), "pip", "install", "--offline", "--show-settings", "x"]
    done = subprocess.run(
        command, cwd=surroundings.cwd, env=environ | dict(surroundings.environ), capture_output=True, text=True
    )
    shown = re.sub(r"\s+", " ", done.stdout)
    assert "index_locations" in shown, done.stderr
    default, extra, names = "", list[str](), set[str]()
    pattern = (
        r'Index \{ name: (?:None|Some\( IndexName\( "([^"]+)).*?given: Some\( "([^"]*)'
        r".*?explicit: (\w+), default: (\w+)"
    )
    for index_name, url, explicit, is_default in re.findall(pattern, shown.partition("index_locations")[2]):
        if index_name and index_name in names:
            continue
        names.add(index_name)
        if is_default == "true":
            default = default or url
        elif explicit == "false":
            extra.append(url)
    return default, extra


def test_who_said_so_and_what_that_shadows(tmp_path: Path) -> None:
    files = {USER: "# mine\n" + index("http://h/u"), SHARED: PROJECT + "[tool.uv]\nindex-url = 'http://h/p'\n"}
    found = come_to(around(tmp_path, files, {"UV_INDEX_URL": "http://h/v"}))[Setting.INDEX]
    assert [(entry.layer, entry.place) for entry in (*found.entries, *found.shadows)] == [
        ("environment", Place("UV_INDEX_URL")),
        ("user", Place(str(tmp_path / USER), 3)),
        ("project", Place(str(tmp_path / SHARED), 6)),
    ]


def test_the_command_line_and_other_commands(tmp_path: Path) -> None:
    files = {OWN: 'index-url = "http://h/t"\n[pip]\nindex-url = "http://h/p"\nrequire-hashes = true\n'}
    environ = {"UV_INDEX": "http://h/v"}
    command = ("pip", "install", "--index=http://h/c", "--default-index", "http://h/d", "x")
    found = come_to(around(tmp_path, files, environ, command=command))
    assert found[Setting.INDEX].value == "http://h/d"
    assert found[Setting.EXTRA_INDEXES].values == ("http://h/c",)
    assert [entry.key for entry in found[Setting.EXTRA_INDEXES].shadows] == ["UV_INDEX"]
    assert found[Setting.HASHES].value == "true"
    synced = come_to(around(tmp_path, files, environ, command=("sync",)))
    assert synced[Setting.INDEX].value == "http://h/t" and synced[Setting.HASHES].value == ""
    tool = come_to(around(tmp_path, files, {}, command=("tool", "install", "x")))
    assert tool[Setting.INDEX].entries == ()


A, B, C = "http://a:1", "http://b:2", "http://c:3"


@pytest.mark.parametrize(
    ("toml", "environ", "url", "proxy", "no_proxy"),
    [  # each was seen on the wire with uv 0.13.8
        ("", {"HTTP_PROXY": B, "http_proxy": C}, "http://h/", B, ""),
        ("", {"HTTP_PROXY": "", "http_proxy": C}, "http://h/", "", ""),
        ("", {"ALL_PROXY": B, "HTTP_PROXY": C}, "http://h/", C, ""),
        ("", {"ALL_PROXY": B}, "https://h/", B, ""),
        ("", {"HTTP_PROXY": B}, "https://h/", "", ""),
        (f'http-proxy = "{A}"\n', {"HTTP_PROXY": B, "NO_PROXY": "h"}, "http://h/", A, ""),
        (f'https-proxy = "{A}"\n', {"HTTP_PROXY": B}, "http://h/", "", ""),
        (f'http-proxy = "{A}"\nno-proxy = ["h", "i"]\n', {"NO_PROXY": "x"}, "http://h/", A, "h,i"),
        ('no-proxy = ["h"]\n', {"HTTP_PROXY": B}, "http://h/", B, ""),
        ("", {"HTTP_PROXY": B, "NO_PROXY": "", "no_proxy": "h"}, "http://h/", B, ""),
    ],
)
def test_proxies(tmp_path: Path, toml: str, environ: dict[str, str], url: str, proxy: str, no_proxy: str) -> None:
    found = come_to(around(tmp_path, {OWN: toml + index(url)}, environ))
    assert (found[Setting.PROXY].value, found[Setting.NO_PROXY].value) == (proxy, no_proxy)


def test_trust_and_the_rest(tmp_path: Path) -> None:
    files = {USER: 'system-certs = true\nallow-insecure-host = ["u"]\n', OWN: 'allow-insecure-host = ["p"]\n'}
    found = come_to(around(tmp_path, files))
    assert found[Setting.CA].value == "system"
    assert found[Setting.TRUSTED_HOSTS].values == ("p", "u")
    assert (found[Setting.TIMEOUT].value, found[Setting.RETRIES].value) == ("30", "3")
    environ = {"SSL_CERT_FILE": "/c.pem", "UV_SYSTEM_CERTS": "1", "HTTP_TIMEOUT": "5", "UV_REQUEST_TIMEOUT": "6"}
    found = come_to(around(tmp_path, files, environ))
    assert found[Setting.CA].value == "/c.pem" and len(found[Setting.CA].shadows) == 2
    assert found[Setting.TIMEOUT].value == "6"


def test_files(tmp_path: Path) -> None:
    found = Uv().files(around(tmp_path, {SHARED: PROJECT}))
    assert [(file.path.relative_to(tmp_path).as_posix(), file.layer, file.scope, file.exists) for file in found][
        :3
    ] == [
        ("root/etc/uv/uv.toml", "system", "global", False),
        ("root/etc/xdg/uv/uv.toml", "system", None, False),
        (USER, "user", "user", False),
    ]
    assert [file.path for file in found if file.exists] == [tmp_path / SHARED]
    windows = Surroundings({"APPDATA": "/a", "PROGRAMDATA": "/p"}, tmp_path, tmp_path, "windows")
    assert [file.path.as_posix() for file in Uv().files(windows)][:2] == ["/p/uv/uv.toml", "/a/uv/uv.toml"]
    mac = Surroundings({}, Path("/h"), tmp_path, "darwin")
    assert Path("/h/.config/uv/uv.toml") in [file.path for file in Uv().files(mac)]


def ids(surroundings: Surroundings, version: str = "0.13.8") -> list[tuple[str, str, int | None]]:
    found = Uv().findings(surroundings, Installed("uv", ("uv",), version))
    return [(one.id, one.severity.name, one.place.line if one.place else None) for one in found]


@pytest.mark.parametrize(
    ("files", "environ", "version", "expected"),
    [
        ({OWN: index(URL)}, {}, "0.13.8", []),
        ({OWN: "offline = true\nb = [\n"}, {}, "0.13.8", [("PW702", "HIGH", 3)]),
        ({SHARED: "b = [\n"}, {}, "0.13.8", [("PW702", "MEDIUM", 2)]),
        ({OWN: "index-urll = 'x'\n"}, {}, "0.13.8", [("PW703", "HIGH", 1)]),
        ({OWN: "index-urll = 'x'\nwhatever-it-is = 1\n"}, {}, "0.99", [("PW703", "HIGH", 1)]),
        ({SHARED: "[tool.uv]\nfoo = 1\n"}, {}, "0.13.8", [("PW703", "HIGH", 2)]),
        ({OWN: "https-proxy = 'http://p:1'\n"}, {}, "0.9.22", [("PW703", "HIGH", 1)]),
        ({OWN: "https-proxy = 'http://p:1'\n"}, {}, "0.9.23", []),
        ({OWN: "no-proxy = 'h'\nhttp-proxy = 'http://p:1'\n"}, {}, "0.13.8", [("PW702", "HIGH", 1)]),
        ({OWN: "no-proxy = ['h']\n"}, {}, "0.13.8", [("PW706", "MEDIUM", 1)]),
        ({OWN: "http-proxy = 'http://p:1'\n"}, {"NO_PROXY": "h"}, "0.13.8", [("PW706", "MEDIUM", None)]),
        ({OWN: "\nhttp-proxy = 'http://u:p@ss@p:1'\n"}, {}, "0.13.8", [("PW707", "HIGH", 2)]),
        ({}, {"HTTPS_PROXY": "http://p:1", "HTTP_PROXY": "http://u:p#s@p:1"}, "0.13.8", [("PW707", "HIGH", None)]),
        ({OWN: "", SHARED: "[tool.uv]\noffline = true\n"}, {}, "0.13.8", [("PW706", "MEDIUM", 2)]),
        ({"home/.config/uv.toml": ""}, {}, "0.13.8", [("PW701", "MEDIUM", None)]),
        ({}, {"UV_CONFIG_FILE": "none.toml"}, "0.13.8", [("PW702", "HIGH", None)]),
        ({}, {"PIP_INDEX_URL": URL}, "0.13.8", [("PW706", "INFO", None)]),
        ({}, {"PIP_INDEX_URL": URL, "UV_DEFAULT_INDEX": URL}, "0.13.8", []),
        ({}, {"SSL_CERT_FILE": "/nowhere.pem"}, "0.13.8", [("PW702", "HIGH", None)]),
        ({}, {"UV_INDEX_CORP_PASSWORD": "x"}, "0.13.8", [("PW706", "MEDIUM", None)]),
        ({OWN: index(URL, 'name = "corp"')}, {"UV_INDEX_CORP_PASSWORD": "x"}, "0.13.8", []),
    ],
)
def test_findings(
    tmp_path: Path,
    files: dict[str, str],
    environ: dict[str, str],
    version: str,
    expected: list[tuple[str, str, int | None]],
) -> None:
    assert ids(around(tmp_path, files, environ), version) == expected


def test_change_of_an_empty_place(tmp_path: Path) -> None:
    (change,) = Uv().change(around(tmp_path), Wish(index=URL), "user")
    assert (change.path, change.before, change.private) == (tmp_path / USER, None, False)
    assert change.after == index(URL).encode()


def test_change_keeps_the_project_where_its_settings_are(tmp_path: Path) -> None:
    before = (
        PROJECT + "[tool.uv]  # ours\nextra-index-url = ['http://old/']\nallow-insecure-host = ['old']\n\n"
        '[[tool.uv.index]]\nname = "corp"\nurl = "http://corp/"\n\n# tests\n[tool.x]\ny = 1\n'
    )
    (change,) = Uv().change(around(tmp_path, {SHARED: before}), Wish(index=URL), "project")
    assert change.after is not None
    assert change.after.decode() == (
        PROJECT + "[tool.uv]  # ours\n\n"
        '[[tool.uv.index]]\nname = "corp"\nurl = "http://corp/"\nexplicit = true\n\n'
        f'[[tool.uv.index]]\nurl = "{URL}"\ndefault = true\n\n# tests\n[tool.x]\ny = 1\n'
    )


def test_change_of_an_index_that_is_there_and_a_second_time(tmp_path: Path) -> None:
    surroundings = around(tmp_path, {OWN: index("http://old/", 'default = true # keep\nname = "pw"')})
    (change,) = Uv().change(surroundings, Wish(index=URL), "project")
    assert change.after == index(URL, 'default = true # keep\nname = "pw"').encode()
    change.path.write_bytes(change.after)
    assert Uv().change(surroundings, Wish(index=URL), "project") == []


def test_change_of_the_proxy(tmp_path: Path) -> None:
    wish = Wish(proxy="http://u:p@p:1", no_proxy="h, i")
    (change,) = Uv().change(around(tmp_path), wish, "user")
    assert change.private
    assert change.after == (b'http-proxy = "http://u:p@p:1"\nhttps-proxy = "http://u:p@p:1"\nno-proxy = ["h", "i"]\n')
    change.path.parent.mkdir(parents=True)
    change.path.write_bytes(change.after)
    (back,) = Uv().change(around(tmp_path), Wish(drop=frozenset({Setting.PROXY, Setting.NO_PROXY})), "user")
    assert back.after == b""


@pytest.mark.slow
def test_a_uv_that_would_not_start_with_it(tmp_path: Path) -> None:
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\necho uv 0.9.22\n")
    program.chmod(0o755)
    surroundings = around(tmp_path, {}, {"PATH": str(tmp_path)})
    with pytest.raises(UsageError, match="no proxy in its configuration"):
        Uv().change(surroundings, Wish(proxy="http://p:1"), "user")
    assert Uv().find(surroundings)[0].version == "0.9.22"


@pytest.mark.parametrize(
    ("wish", "scope", "fix"),
    [
        (Wish(ca=Path("/ca.pem")), "user", "export SSL_CERT_FILE=/ca.pem"),
        (Wish(timeout=5), "user", "export UV_HTTP_TIMEOUT=5"),
        (Wish(index=URL), "venv", "--scope user or project or global"),
    ],
)
def test_what_uv_has_no_place_for(tmp_path: Path, wish: Wish, scope: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        Uv().change(around(tmp_path), wish, scope)  # type: ignore[arg-type]
    assert fix in caught.value.fix


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["user", "project"])
def test_the_real_uv_reads_what_is_written(tmp_path: Path, scope: str) -> None:
    """Its index too, beside settings that are there already."""
    files = {USER: "offline = true # mine\n", SHARED: PROJECT + '[tool.uv]\nextra-index-url = ["http://old/"]\n'}
    surroundings = around(tmp_path, files)
    (change,) = Uv().change(surroundings, Wish(index=URL, proxy="http://p:1"), scope)  # type: ignore[arg-type]
    assert change.after is not None
    change.path.write_bytes(change.after)
    default, extra = asked(surroundings)
    assert default == URL
    assert extra == ([] if scope == "project" else ["http://old/"])


def test_no_login_in_what_a_project_shares(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds a login") as caught:
        Uv().change(around(tmp_path), Wish(index="https://u:secret@h/simple/"), "project")
    assert "secret" not in str(caught.value)
