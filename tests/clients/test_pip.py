"""The pip client: what it finds, what it changes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.e2e.clients import Pip as RealPip
from tests.e2e.lab import neutral_environment

from pipway.clients.base import Change, Client, Installed, Setting, Surroundings, Wish
from pipway.clients.pip import Pip
from pipway.errors import UsageError

PIP: Client = Pip()


def where(folder: Path, **environ: str) -> Surroundings:
    (folder / "home").mkdir(exist_ok=True)
    return Surroundings(environ, folder / "home", folder, root=folder)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def user(folder: Path, text: str) -> Path:
    return write(folder / "home/.config/pip/pip.conf", text)


@pytest.mark.slow
def test_the_pips_of_this_machine(tmp_path: Path) -> None:
    new, old = (RealPip(version).command()[0] for version in ("26.*", "23.3.2"))
    surroundings = Surroundings(
        {"PATH": str(Path(old).parent), "VIRTUAL_ENV": str(Path(new).parents[1])}, tmp_path, tmp_path, python=new
    )
    found = PIP.find(surroundings)
    assert [(one.version[:4], one.prefix) for one in found] == [
        ("23.3", str(Path(old).parents[1])),
        ("26.3", str(Path(new).parents[1])),
    ]
    assert found[0].command == (str(Path(old).parent / "pip"),)
    assert found[0].python.startswith("3.")
    failed = Surroundings({"PATH": ""}, tmp_path, tmp_path, python=new, command=(old, "-m", "pip", "install", "x"))
    assert [one.version[:4] for one in PIP.find(failed)] == ["23.3", "26.3"]


def test_no_pip_at_all(tmp_path: Path) -> None:
    assert not PIP.find(Surroundings({}, tmp_path, tmp_path, python=str(tmp_path / "python")))


def test_a_change_keeps_comments_and_order(tmp_path: Path) -> None:
    path = user(
        tmp_path,
        "# ours\n[install]\nindex_url = https://old.example/simple\nuser = no\n\n[global]\n; why\ntimeout = 9\n"
        "extra-index-url =\n    https://a.example/simple\n    # and\n    https://b.example/simple\n"
        "trusted-host = old.example\nfind-links = /wheels\n",
    )
    wish = Wish(
        index="https://new.example/simple", ca=Path("/ca.pem"), timeout=60, require_virtualenv=True,
        drop=frozenset({Setting.FIND_LINKS}),
    )  # fmt: skip
    (change,) = PIP.change(where(tmp_path), wish, "user")
    assert change == Change(
        path,
        path.read_bytes(),
        b"# ours\n[install]\nuser = no\n\n[global]\n; why\ntimeout = 60\n"
        b"index-url = https://new.example/simple\ncert = /ca.pem\nrequire-virtualenv = true\n    # and\n",
    )


def test_a_change_is_what_pip_then_ends_up_with(tmp_path: Path) -> None:
    user(tmp_path, "[global]\nindex-url = https://old.example/s\nproxy = http://old.example:1\n[install]\nproxy = x\n")
    wish = Wish(index="https://new.example/simple", proxy="http://proxy.example:3128")
    (change,) = PIP.change(where(tmp_path), wish, "user")
    assert change.after is not None
    change.path.write_bytes(change.after)
    end = PIP.effective(where(tmp_path), None)
    assert (end[Setting.INDEX].value, end[Setting.PROXY].value) == (wish.index, wish.proxy)
    assert PIP.change(where(tmp_path), wish, "user") == ()


def test_a_new_file(tmp_path: Path) -> None:
    (change,) = PIP.change(where(tmp_path), Wish(timeout=30), "user")
    expected = tmp_path / "home/.config/pip/pip.conf"
    assert change == Change(expected, None, b"[global]\ntimeout = 30\n")


def test_a_login_makes_the_file_private(tmp_path: Path) -> None:
    (change,) = PIP.change(where(tmp_path), Wish(index="https://u:hidden@index.example/simple"), "user")
    assert change.private
    assert "hidden" not in repr(change)


def test_scopes(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    surroundings = where(tmp_path, VIRTUAL_ENV=str(venv))
    paths = [PIP.change(surroundings, Wish(timeout=1), scope)[0].path for scope in ("global", "user", "venv")]
    assert paths == [tmp_path / "etc/pip.conf", tmp_path / "home/.config/pip/pip.conf", venv / "pip.conf"]


def test_pip_config_file_takes_the_place_of_the_users(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine", "")
    assert PIP.change(where(tmp_path, PIP_CONFIG_FILE=str(mine)), Wish(timeout=1), "user")[0].path == mine


@pytest.mark.parametrize(
    ("scope", "environ", "wish", "code"),
    [
        ("project", {}, Wish(timeout=1), "no-such-scope"),
        ("venv", {}, Wish(timeout=1), "no-venv"),  # that of pipway itself is not meant
        ("user", {"PIP_CONFIG_FILE": os.devnull}, Wish(timeout=1), "pip-config-off"),
        ("user", {}, Wish(no_proxy="a.example"), "no-such-setting"),
        ("user", {}, Wish(index="https://a.example\nproxy = x"), "value-unwritable"),
    ],
)
def test_what_cannot_be_changed(tmp_path: Path, scope: str, environ: dict[str, str], wish: Wish, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        PIP.change(where(tmp_path, **environ), wish, scope)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert caught.value.fix


def test_there_is_no_venv(tmp_path: Path) -> None:
    surroundings = Surroundings({}, tmp_path, tmp_path, root=tmp_path, python=str(tmp_path / "bin/python"))
    with pytest.raises(UsageError, match="no virtual environment"):
        PIP.change(surroundings, Wish(timeout=1), "venv")


def test_a_broken_file_is_not_changed(tmp_path: Path) -> None:
    user(tmp_path, "[global]\ntrusted-host =\na.example\n")
    with pytest.raises(UsageError) as caught:
        PIP.change(where(tmp_path), Wish(timeout=1), "user")
    assert "doctor --fix" in caught.value.fix


def starts(pip: RealPip, home: Path) -> bool:
    """Whether pip starts with that home's configuration."""
    environ = neutral_environment() | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    del environ["PIP_CONFIG_FILE"]
    done = subprocess.run([*pip.command(), "config", "list"], env=environ, capture_output=True, timeout=60, check=False)
    return done.returncode == 0


BROKEN = {
    "lost indent": ("[global]\ntrusted-host =\na.example\nb.example\ntimeout = 3\n", ["a.example", "b.example"]),
    "lost indent of URLs": (
        "[global]\nextra-index-url =\nhttps://a.example/simple\nhttps://b.example/simple\n",
        ["https://a.example/simple", "https://b.example/simple"],
    ),
    "a mark": ("\ufeff[global]\nextra-index-url = https://a.example/simple\n", ["https://a.example/simple"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lost indent", "lost indent of URLs", "a mark"])
def test_what_stops_pip_is_mended(tmp_path: Path, name: str) -> None:
    """By the library and, where a shell can, by the command of the finding."""
    text, values = BROKEN[name]
    path, pip = user(tmp_path, text), RealPip("26.*")
    (finding,) = [one for one in PIP.findings(where(tmp_path), None) if one.id == "PW702"]
    assert finding.place is not None
    assert finding.place.name == str(path)
    assert finding.fix is not None
    assert finding.fix.safe
    assert not starts(pip, tmp_path / "home")
    change = Pip().mended(path)
    assert change is not None
    assert change.after is not None
    if finding.fix.commands != ("pipway doctor --fix",):
        (command,) = finding.fix.commands
        subprocess.run(["sh", "-c", command], check=True)
        assert path.read_bytes() == change.after
    path.write_bytes(change.after)
    assert starts(pip, tmp_path / "home")
    end = PIP.effective(where(tmp_path), None)
    assert [*end[Setting.TRUSTED_HOSTS].values, *end[Setting.EXTRA_INDEXES].values] == values
    assert Pip().mended(path) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[global]\ntimeout = 3\ntimeout = 3\nretries = 1\n", "[global]\ntimeout = 3\nretries = 1\n"),
        ("[global]\ntimeout = 3\ntimeout = 4\n", None),
        ("[global]\ntimeoutt = 3\nindxe-url = b\n", "[global]\ntimeout = 3\nindxe-url = b\n"),
        ("[global]\ntrusted-hosts = a\nindxe-url = b\n", None),  # decides who is believed, and what is installed
        ("[global]\nextra-index-url =\nhttps://a.example\n", None),  # pip reads it today, and asks nobody there
        ("[global]\ntimeout = 3\ntimeoutt = 4\n", None),
        ("timeout = 3\n", None),
        ("[global]\ntimeout = 3\n", None),
    ],
)
def test_mended(tmp_path: Path, before: str, after: str | None) -> None:
    change = Pip().mended(user(tmp_path, before))
    assert (change.after.decode() if change and change.after else None) == after


def test_utf_16_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "pip.ini"
    path.write_bytes("\ufeff[global]\r\ntimeout = 3\r\n".encode("utf-16-le"))
    change = Pip().mended(path)
    assert change is not None
    assert change.after == b"[global]\r\ntimeout = 3\r\n"


def test_nothing_to_mend(tmp_path: Path) -> None:
    assert Pip().mended(tmp_path / "none") is None


def test_an_older_pip_reads_what_a_newer_one_refuses(tmp_path: Path) -> None:
    user(
        tmp_path,
        "[global]\ntimeout = 3\n[install]\nindex-url = https://a.example/simple\nindex_url = https://b.example/s\n",
    )
    old, new = (Installed("pip", (), version, "3.11") for version in ("25.0.1", "26.3"))
    assert PIP.effective(where(tmp_path), old)[Setting.INDEX].value == "https://b.example/s"
    assert PIP.effective(where(tmp_path), new)[Setting.TIMEOUT].value == "15"
    assert [one.id for one in PIP.findings(where(tmp_path), new) if one.id == "PW702"] == ["PW702"]
