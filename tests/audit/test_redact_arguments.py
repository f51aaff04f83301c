"""Secrets that programs are given by name are hidden wherever their line is shown."""

from __future__ import annotations

import pytest

from pipway.audit.facts import Project
from pipway.audit.redact_arguments import hide_arguments
from pipway.audit.report import Veil


@pytest.mark.parametrize(
    "line",
    [
        "curl -u me:Sup3rSecret https://nexus.corp/x -o x",
        'curl -fsS --user "me:Sup3rSecret" https://nexus.corp/x',
        "curl --proxy-user me:Sup3rSecret https://x",
        "wget --password=Sup3rSecret --http-password Sup3rSecret https://x.corp",
        "poetry config http-basic.corp me Sup3rSecret",
        "poetry config --local pypi-token.pypi Sup3rSecret",
        "pdm config repository.corp.password Sup3rSecret",
        "uv publish --token Sup3rSecret -p Sup3rSecret",
        "uv publish -t 'Sup3rSecret'",
        "twine upload -u me -p Sup3rSecret dist/*",
        "twine upload -pSup3rSecret dist/*",
        "docker login -u me -p Sup3rSecret nexus.corp",
        'curl -H "Authorization: Bearer Sup3rSecret" https://x.corp',
        "curl -H 'X-Api-Key: Sup3rSecret' https://x.corp",
        "export NEXUS_PASSWORD=Sup3rSecret",
        'PASSWORD="Sup3rSecret" pip install y',
        "pdm publish -P Sup3rSecret",
        "hatch publish -u __token__ -a Sup3rSecret",
        "flit publish --password Sup3rSecret",
        'echo "machine x.corp login me password Sup3rSecret" > ~/.netrc',
        "pip install --proxy me:Sup3rSecret@proxy.corp:8080 z",
        "git clone https://oauth2:Sup3rSecret@git.corp/x.git",
        "NEXUS_PW=Sup3rSecret",
        "sshpass -p Sup3rSecret ssh x",
        'git config --global http.extraheader "AUTHORIZATION: basic Sup3rSecret="',
        "uv auth login x --password Sup3rSecret -u x",
        "uv publish -t Sup3rSecret -u me -p Sup3rSecret",
        "uv publish -t $TOKEN -u me -p Sup3rSecret",
        "twine upload -p ${TWINE_PASSWORD:-Sup3rSecret} dist/*",
        'RUN ["twine", "upload", "--password", "Sup3rSecret"]',
        'env TWINE_PASSWORD="Sup3rSecret" twine upload dist/*',
        "env TWINE_PASSWORD='x'\"'\"'Sup3rSecret' twine upload dist/*",
        '- run: "env TWINE_PASSWORD=\\"Sup3rSecret\\" twine upload dist/*"',
        "export GITHUB_PAT=Sup3rSecret",
        "poetry config http-basic.corp me -- Sup3rSecret",
        "curl -H 'X-JFrog-Art-Api: Sup3rSecret' https://x.corp",
        'curl --header "PRIVATE-TOKEN: Sup3rSecret" https://x.corp',
        'curl -H "JOB-TOKEN:Sup3rSecret" https://x.corp',
        "keyring set https://x.corp me <<< Sup3rSecret",
        "echo 'Sup3rSecret' | twine upload -u me --password-stdin",
        "echo Sup3rSecret | keyring set https://x.corp me",
        'echo -e "machine x.corp\\nlogin me\\npassword Sup3rSecret\\n" > ~/.netrc',
        '    "password Sup3rSecret\\n",',
        "conda config --add channels https://x.corp/t/Sup3rSecret-1/c",
        "export PIP_INDEX_URL='https://me:Sup3rSecret'",
        'pypi = "pypi-AgSup3rSecret"',
        "x ghp_Sup3rSecret12345678 y",
    ],
)
def test_no_secret_is_shown(line: str) -> None:
    shown = Veil(Project((), ()))(line)
    assert "Sup3r" not in shown
    assert "[hidden]" in shown


@pytest.mark.parametrize(
    "line",
    [
        "docker run -p 80:80 -u 1000:1000 x",
        "uv pip install -p 3.13 --keyring-provider subprocess x",
        "twine upload -u __token__ -p $TOKEN dist/*",
        'twine upload --password "${TWINE_PASSWORD}" dist/*',
        "docker login --password-stdin nexus.corp",
        "pip install --trusted-host a.corp -i https://a.corp/simple x",
        "pip config set global.index-url https://a.corp/simple",
        "git config --global user.name me",
        "pip install -i https://a.corp:8443/simple x",
        "pip install -i https://a.corp:$PORT/simple x",
        "pip install -i https://[::1]:8443/simple x",
        "echo done | tee x",
        'curl -H "PRIVATE-TOKEN: $TOKEN" https://x.corp',
        "docker login --password-stdin nexus.corp <<< $TOKEN",
    ],
)
def test_the_rest_is(line: str) -> None:
    assert hide_arguments(line) == line
    assert Veil(Project((), ()))(line) == line


def test_lines_without_end_take_no_time() -> None:
    signs = ("--a-token ", "curl -u ", "config ", "twine upload -p ", "x_PW=", "--x-", 'echo "', "login x\\n", "-H a")
    for piece in signs:
        hide_arguments(piece * 800)
