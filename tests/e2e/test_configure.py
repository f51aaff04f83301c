"""`pipway configure` with the real pip and uv: they install without any option, and an undo leaves no trace."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.e2e.clients import Pip, Uv, installed, run
from tests.e2e.lab import neutral_environment
from tests.servers.upstream import Upstream

PIP_CONF = b"""# of my own\r
[global]\r
; slow line\r
timeout = 60\r
extra-index-url =\r
    https://extra.example/simple/\r
    https://svc:hunter2@more.example/simple/\r
trusted-host = extra.example\r
[install]\r
no-compile = true  \r
"""
UV_TOML = b"""# of my own
concurrent-downloads = 4   # slow line
allow-insecure-host = ["extra.example"]

[[index]]
name = "extra"
url = "https://extra.example/simple/"

[pip]
compile-bytecode = false
"""


@pytest.mark.slow
def test_real_clients_need_no_option_and_an_undo_restores_every_byte(tmp_path: Path) -> None:
    pip, uv = Pip("26.*").command(), Uv().command()
    environ = {
        name: value for name, value in neutral_environment().items() if name not in ("PIP_CONFIG_FILE", "UV_NO_CONFIG")
    }
    environ |= {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CONFIG_DIRS": str(tmp_path / "none"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PATH": f"{Path(pip[0]).parent}:{Path(uv[0]).parent}:/usr/bin:/bin",
    }
    files = {tmp_path / "config" / "pip" / "pip.conf": PIP_CONF, tmp_path / "config" / "uv" / "uv.toml": UV_TOML}
    for path, content in files.items():
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        path.chmod(0o640)
    pipway = [sys.executable, "-m", "pipway", "configure"]
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("alpha")
        done = run([*pipway, "pip", "uv", "--index-url", upstream.url], env=environ, cwd=tmp_path)
        assert done.code == 0, done
        assert "hunter2" not in done.output
        for command in (
            [*pip, "install", "--no-cache-dir", "--target", str(tmp_path / "pip"), "alpha"],
            [
                *uv,
                "pip",
                "install",
                "--no-cache",
                "--python",
                sys.executable,
                "--target",
                str(tmp_path / "uv"),
                "alpha",
            ],
        ):
            before = len(upstream.requests)
            done = run(command, env=environ, cwd=tmp_path)
            assert done.code == 0, done
            assert len(upstream.requests) > before
    assert installed(tmp_path / "pip") == installed(tmp_path / "uv") == {"alpha"}
    for path, content in files.items():
        kept = path.read_bytes()
        assert b"of my own" in kept
        assert b"slow line" in kept
        assert b"extra.example" not in kept
        assert kept.count(b"\r\n") == (kept.count(b"\n") if b"\r\n" in content else 0)
    done = run([*pipway, "--undo"], env=environ, cwd=tmp_path)
    assert done.code == 0, done
    assert {path: path.read_bytes() for path in files} == files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o640}
