"""Where settings come from, which source wins, and what a person is told when they are wrong."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from pipway.errors import UsageError
from pipway.settings import Address, Settings, SettingsError, Upstream, load
from pipway.settings.table import options


def write(folder: Path, text: str) -> Path:
    path = folder / "pipway.toml"
    path.write_text(text)
    return path


def test_without_any_source_everything_is_default() -> None:
    """Loading nothing gives the same as making the object, and says so."""
    settings = load(environ={})
    assert settings.server.listen == Address("127.0.0.1", 3141)
    assert settings.cache.page_ttl == 600.0
    assert settings.upstreams == ()
    assert settings.data == Settings().data
    assert set(settings.origins.values()) == {"default"}
    assert set(settings.origins) == {option.name for option in options()}


def test_later_sources_win_and_the_origin_is_kept(tmp_path: Path) -> None:
    """Defaults < file < environment < arguments."""
    path = write(tmp_path, 'offline = true\n\n[cache]\npage_ttl = "5m"\nnegative_ttl = 5\n[server]\ngrace = 1\n')
    environ = {"PIPWAY_CACHE_NEGATIVE_TTL": "7s", "PIPWAY_SERVER_GRACE": "2s"}
    settings = load(config=path, environ=environ, arguments={"server.listen": "127.0.0.1:0", "server.grace": "3s"})
    assert settings.offline is True
    assert settings.cache.page_ttl == 300.0
    assert settings.cache.negative_ttl == 7.0
    assert settings.server.grace == 3.0
    assert settings.origins["offline"] == f"{path}:1"
    assert settings.origins["cache.page_ttl"] == f"{path}:4"
    assert settings.origins["cache.negative_ttl"] == "PIPWAY_CACHE_NEGATIVE_TTL"
    assert settings.origins["server.listen"] == "--listen"


@pytest.mark.parametrize(
    "text",
    [
        '[[upstream]]\nname = "a"\nurl = "https://one.example/"\n[[upstream]]\nurl = "https://two.example/"\n',
        'upstreams = ["a=https://one.example/", "https://two.example/"]\n',
    ],
)
def test_upstreams_in_a_file(tmp_path: Path, text: str) -> None:
    """As tables or as a list, in order."""
    settings = load(config=write(tmp_path, text), environ={})
    expected = (Upstream("a", "https://one.example/"), Upstream("two.example", "https://two.example/"))
    assert settings.upstreams == expected
    assert settings.origins["upstreams"].endswith(":1")


def test_upstreams_both_ways_are_a_fault(tmp_path: Path) -> None:
    """Which of the two would come first? Nobody could guess."""
    path = write(tmp_path, 'upstreams = ["https://one.example/"]\n[[upstream]]\nurl = "https://two.example/"\n')
    with pytest.raises(SettingsError, match="not both"):
        load(config=path, environ={})


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    """With its place, and with what was probably meant."""
    path = write(tmp_path, 'oflline = true\n[cache]\npage_tll = 3\nnegative_ttl = "soon"\n[colour]\nbright = true\n')
    with pytest.raises(SettingsError) as caught:
        load(config=path, environ={"PIPWAY_LISTN": "x"}, arguments={"server.listen": "nowhere"})
    places = {str(finding.place): finding for finding in caught.value.findings}
    fixes = {place: finding.fix.text for place, finding in places.items() if finding.fix}
    assert fixes[f"{path}:1"] == "Did you mean offline?"
    assert fixes[f"{path}:3"] == "Did you mean cache.page_ttl?"
    assert "duration" in places[f"{path}:4"].what
    assert "colour" in places[f"{path}:5"].what
    assert fixes["environment"] == "Did you mean PIPWAY_LISTEN?"
    assert "HOST:PORT" in places["--listen"].what
    assert len(places) == 6
    assert caught.value.exit_code == 2
    assert caught.value.what == "6 settings are wrong"


def test_a_group_given_as_a_value_is_a_fault(tmp_path: Path) -> None:
    """`cache = 3` names no setting."""
    with pytest.raises(SettingsError, match="no setting cache"):
        load(config=write(tmp_path, "cache = 3\n"), environ={})


def test_a_setting_given_as_a_group_is_a_fault(tmp_path: Path) -> None:
    """`[offline]` is no switch."""
    with pytest.raises(SettingsError, match="true or false"):
        load(config=write(tmp_path, "[offline]\nnow = true\n"), environ={})


def test_variables_that_are_not_settings_are_left_alone() -> None:
    """Kubernetes sets some for a service called pipway; the tests have their own; an empty one means unset."""
    environ = {
        "PIPWAY_SERVICE_HOST": "10.0.0.1",
        "PIPWAY_SERVICE_PORT_HTTP": "3141",
        "PIPWAY_PORT": "tcp://10.0.0.1:3141",
        "PIPWAY_PORT_3141_TCP_ADDR": "10.0.0.1",
        "PIPWAY_TEST_SKIP": "nginx",
        "PIPWAY_OFFLINE": "",
        "PATH": "/bin",
    }
    assert load(environ=environ) == load(environ={})


def test_the_file_named_by_the_environment_is_read(tmp_path: Path) -> None:
    """PIPWAY_CONFIG, unless the argument names another."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text("server.grace = 1\n")
    second.write_text("server.grace = 2\n")
    assert load(environ={"PIPWAY_CONFIG": str(first)}).server.grace == 1.0
    assert load(config=second, environ={"PIPWAY_CONFIG": str(first)}).server.grace == 2.0
    assert load(environ={"PIPWAY_CONFIG": str(first)}).origins["server.grace"] == f"{first}:1"


def test_the_users_own_file_is_read_if_it_exists() -> None:
    """From the platform's configuration folder."""
    path = platformdirs.user_config_path("pipway", appauthor=False) / "pipway.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("offline = true\n")
    try:
        assert load(environ={}).offline is True
    finally:
        path.unlink()


def test_relative_paths_start_where_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file at the file, elsewhere at the working directory."""
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "etc", 'data = "cache"\n')
    assert load(config=path, environ={}).data == tmp_path / "etc" / "cache"
    assert load(environ={"PIPWAY_DATA": "cache"}).data == tmp_path / "cache"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a = = 1", "bad-toml"),
        (b"\xff\xfe", "bad-toml"),
        (b"a = " + b"[" * 20000, "bad-toml"),
        (b"#" * (2**20 + 1), "config-too-big"),
    ],
)
def test_a_broken_file_is_one_clear_error(tmp_path: Path, content: bytes, code: str) -> None:
    """And names the file."""
    path = tmp_path / "pipway.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load(config=path, environ={})
    assert caught.value.code == code
    assert str(path) in caught.value.what


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """Whoever names a file means it."""
    with pytest.raises(UsageError) as caught:
        load(config=tmp_path / "none.toml", environ={})
    assert caught.value.code == "config-unreadable"
    assert "--config" in caught.value.fix


@pytest.mark.parametrize("bad", ["https://alice:hunter2@index.example:port/", "alice:hunter2@index.example/simple"])
def test_a_fault_in_an_upstream_does_not_repeat_its_password(tmp_path: Path, bad: str) -> None:
    """Nor when the URL is too broken to see where the password is."""
    path = write(tmp_path, f'upstreams = ["{bad}"]\n')
    for config, environ in ((path, {}), (None, {"PIPWAY_UPSTREAM": bad})):
        with pytest.raises(SettingsError) as caught:
            load(config=config, environ=environ)
        assert "hunter2" not in str(caught.value)
        assert "hunter2" not in repr(caught.value.findings)


def test_a_removed_setting_says_what_replaced_it(tmp_path: Path) -> None:
    """Rather than that it is unknown."""
    path = write(tmp_path, "[cache]\nttl = 3\n")
    with pytest.raises(SettingsError, match=r"cache\.ttl is gone: Use cache\.page_ttl\."):
        load(config=path, environ={}, removed={"cache.ttl": "Use cache.page_ttl."})


def test_every_default_is_a_value_that_could_be_written() -> None:
    """What the table says by default, its own kind reads back unchanged."""
    for option in options():
        if option.default is not None:
            assert option.kind.read(option.kind.show(option.default), Path.cwd()) == option.default, option.name
