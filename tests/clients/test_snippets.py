"""Snippets to paste: well-formed, without what an audit would find, and their lines work with the real pip."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.servers.distributions import make_wheel
from tests.servers.upstream import Upstream

from pipway.clients.snippets import AUDIT, CI, INSTALL, Needs, docker
from pipway.errors import UsageError

ALL = {**CI, "docker": docker}
SECRET = Needs()
PLAIN = Needs(index="https://nexus.example/simple/", proxy="http://proxy.example:8080", ca="certs/ca.pem")
MIXED = Needs(index="https://nexus.example/simple/", proxy_secret=True)
NEEDS = {"secret": SECRET, "plain": PLAIN, "mixed": MIXED}


def loaded(text: str) -> Any:
    return YAML(typ="safe").load(StringIO(text))


@pytest.mark.parametrize("needs", NEEDS.values(), ids=NEEDS)
@pytest.mark.parametrize("place", ALL)
def test_what_an_audit_looks_for(place: str, needs: Needs) -> None:
    """PW101, PW102, PW201, PW304, PW306, PW401, PW408, PW501, PW601."""
    text = ALL[place](needs)
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", "//")))
    assert not re.search(
        r"extra-index|trusted-host|find-links|EXTRA_INDEX|TRUSTED_HOST|\bARG\b|pip config|sudo|curl", text
    )
    assert not re.search(r"https?://[^\s\"']*@", code)
    for line in code.splitlines():
        if "pip install" in line:
            assert "--require-hashes" in line or "==" in line
            assert "--index-url" not in line
            assert "--proxy" not in line
    assert not re.findall(r"(?m)^ENV (?!PATH=|PIP_CACHE_DIR=)", code)
    for command in (*INSTALL, *AUDIT):
        tail = command.partition(" ")[2]
        assert tail.replace(".venv", "/opt/venv").replace(".audit", "/opt/audit") in text or tail in text
    assert all("\t" not in line and line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("needs", NEEDS.values(), ids=NEEDS)
def test_github(needs: Needs) -> None:
    steps = loaded(CI["github"](needs))["jobs"]["install"]["steps"]
    assert all(re.fullmatch(r"[\w/-]+@COMMIT_OF_\w+", step["uses"]) for step in steps if "uses" in step)
    install, audit = (step for step in steps if "run" in step)
    assert install["run"].splitlines() == [*INSTALL]
    assert audit["run"].splitlines() == [*AUDIT]
    assert install["env"] == audit["env"]
    if needs is SECRET:
        assert install["env"] == {"PIP_INDEX_URL": "${{ secrets.PIP_INDEX_URL }}"}
    if needs is PLAIN:
        assert install["env"]["PIP_INDEX_URL"] == "https://nexus.example/simple/"
        assert install["env"]["HTTPS_PROXY"] == "http://proxy.example:8080"
        assert install["env"]["PIP_CERT"] == "${{ github.workspace }}/certs/ca.pem"
    if needs is MIXED:
        assert install["env"]["HTTP_PROXY"] == "${{ secrets.HTTPS_PROXY }}"


@pytest.mark.parametrize("needs", NEEDS.values(), ids=NEEDS)
def test_gitlab(needs: Needs) -> None:
    """A masked variable is there by itself; one of the file would hide it."""
    job = loaded(CI["gitlab"](needs))["install"]
    assert job["script"][-6:] == [*INSTALL, *AUDIT]
    assert ("PIP_INDEX_URL" in job["variables"]) == (needs is not SECRET)
    assert ('export HTTP_PROXY="$HTTPS_PROXY"' in job["script"]) == (needs is MIXED)
    assert "HTTPS_PROXY" not in job["variables"] or needs is PLAIN


@pytest.mark.parametrize("needs", NEEDS.values(), ids=NEEDS)
def test_azure(needs: Needs) -> None:
    steps = [step for step in loaded(CI["azure"](needs))["steps"] if "script" in step]
    assert [step["script"].splitlines() for step in steps] == [["set -e", *INSTALL], ["set -e", *AUDIT]]
    if needs is SECRET:
        assert steps[0]["env"] == {"PIP_INDEX_URL": "$(PIP_INDEX_URL)"}


@pytest.mark.parametrize("needs", NEEDS.values(), ids=NEEDS)
def test_jenkins(needs: Needs) -> None:
    """Groovy fills nothing into what the shell runs."""
    text = CI["jenkins"](needs)
    assert text.count("{") == text.count("}")
    assert text.count("sh '''") == 2
    assert ("withCredentials" in text) == (needs is not PLAIN)
    assert ("credentialsId: 'pip-index-url'" in text) == (needs is SECRET)
    for script in re.findall(r"sh '''(.*?)'''", text, re.DOTALL):
        assert "${" not in script


@pytest.mark.parametrize(
    "values",
    [{"index": "https://nexus.example/$(x)/"}, {"proxy": "http://a'b:1"}, {"ca": "/etc/ca.pem"}, {"ca": "../ca.pem"}],
)
def test_what_would_need_quoting_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as raised:
        Needs(**values)
    assert raised.value.code == "snippet-value"


def test_docker_mounts_its_configuration() -> None:
    text = docker(PLAIN)
    assert "\n#   index-url = https://nexus.example/simple/\n#   proxy = http://proxy.example:8080\n" in text
    runs = re.findall(r"(?m)^RUN (?:.*\\\n)*.*$", text)
    assert len(runs) == 2
    for run in runs:
        assert "--mount=type=secret,id=pipconf,target=/etc/pip.conf,required=true" in run
        assert "--mount=type=cache,target=/var/cache/pip" in run
    assert text.index("ENV PIP_CACHE_DIR=/var/cache/pip\n") < text.index(runs[0])
    assert text.rpartition("FROM ")[2].count("COPY") == 1  # of the last stage: the environment, no configuration


def test_the_audit_of_an_image_finds_its_way() -> None:
    """pip-audit reads the variables of requests, and no pip.conf; a login stays a mounted secret."""
    audit = docker(PLAIN).partition(" AS audit\n")[2]
    assert (
        "export HTTPS_PROXY=http://proxy.example:8080 && \\\n    export REQUESTS_CA_BUNDLE=/tmp/ca.pem && \\" in audit
    )
    text = docker(MIXED)
    assert (
        "# docker build --secret id=pipconf,src=pip.conf --secret id=https_proxy,env=HTTPS_PROXY --target audit ."
        in text
    )
    assert text.count("--mount=type=secret,id=https_proxy,env=HTTPS_PROXY,required=true") == 1
    assert "HTTPS_PROXY" not in docker(SECRET)


@pytest.mark.slow
def test_the_first_instruction_of_the_dockerfile_installs_from_the_mounted_index(tmp_path: Path) -> None:
    """Run by sh with the real pip, its mounts replaced by what they would mount."""
    wheel = make_wheel("alpha", "1.0")
    text = docker(SECRET)
    run = re.search(r"(?m)^RUN ((?:.*\\\n)*.*)$", text)
    assert run is not None
    script = re.sub(r"--mount=\S+ (\\\n *)?", "", run[1]).replace("/opt/", f"{tmp_path}/")
    with Upstream().in_thread() as upstream:
        upstream.add_wheel("alpha", "1.0")
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {upstream.url}\n")
        digest = hashlib.sha256(wheel).hexdigest()
        (tmp_path / "requirements.txt").write_text(f"alpha==1.0 --hash=sha256:{digest}\n")
        folder = Path(sys.executable).resolve().parent
        environ = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No broken requirements found." in done.stdout
    assert list((tmp_path / "venv").rglob("alpha-1.0.dist-info"))
