"""Coming from cntlm and px."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipway.dial.credentials.imports import read_configuration
from pipway.errors import UsageError

CNTLM = """\
# comment
Username\talice
Domain\t\tCORP
{secret}
Proxy\t\t10.0.0.41:8080
Proxy proxy2.example:8080
NoProxy\t\tlocalhost, 127.0.0.*, 10.*
Listen\t\t3128
"""

PX = """\
[proxy]
server = proxy1.example:8080,proxy2.example:8080
pac =
port = 3128
noproxy = 127.0.0.*,10.*.*.*
username = CORP\\alice
auth = NTLM
[settings]
workers = 2
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "config"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("secret", "kind"),
    [("Password\ts3cret", "password"), ("PassNT\t00112233445566778899AABBCCDDEEFF", "nt-hash")],
)
def test_cntlm(tmp_path: Path, secret: str, kind: str) -> None:
    found = read_configuration(written(tmp_path, CNTLM.format(secret=secret)))
    assert [(str(parent), parent.user, credential.kind) for parent, credential in found.credentials] == [
        ("http://10.0.0.41:8080", "CORP\\alice", kind),
        ("http://proxy2.example:8080", "CORP\\alice", kind),
    ]
    assert found.settings == (
        '[parent]\nurl = ["http://CORP%5Calice@10.0.0.41:8080", "http://CORP%5Calice@proxy2.example:8080"]\n\n'
        '[outbound]\nno_proxy = "localhost, 127.0.0.*, 10.*"\n'
    )
    assert "s3cret" not in found.settings + repr(found)


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ('Password "pa#ss wo;rd"  # as cntlm takes it', "pa#ss wo;rd"),
        ("Password   two words # and a remark", "two words"),
        ('Password \t wo"rd"', 'wo"rd"'),
        ("; Password other\n  Password mine", "mine"),
    ],
)
def test_cntlms_quotes_and_remarks(tmp_path: Path, line: str, password: str) -> None:
    """What is imported wrong would be refused by the parent, and count against the account."""
    found = read_configuration(written(tmp_path, CNTLM.format(secret=line)))
    assert [credential.password for _, credential in found.credentials] == [password] * 2


def test_cntlms_own_hash_cannot_be_used_and_it_says_so(tmp_path: Path) -> None:
    """PassNTLMv2 is not the NT hash."""
    found = read_configuration(written(tmp_path, CNTLM.format(secret="PassNTLMv2\t" + "0" * 32)))
    assert found.credentials == ()
    assert "PassNTLMv2" in found.remarks[0]
    assert "pipway credentials add" in found.remarks[0]


def test_px(tmp_path: Path) -> None:
    found = read_configuration(
        written(tmp_path, PX), px_password=lambda user: "s3cret" if user == "CORP\\alice" else None
    )
    assert [str(parent) for parent, _ in found.credentials] == [
        "http://proxy1.example:8080",
        "http://proxy2.example:8080",
    ]
    assert 'no_proxy = "127.0.0.*,10.*.*.*"' in found.settings
    assert "s3cret" not in repr(found)


def test_px_without_a_password(tmp_path: Path) -> None:
    found = read_configuration(written(tmp_path, PX), px_password=lambda user: None)
    assert found.credentials == ()
    assert "keyring" in found.remarks[0]


@pytest.mark.parametrize("text", ["", "hello", "[other]\nx = 1\n", "x" * (1 << 19)])
def test_what_is_neither(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_configuration(written(tmp_path, text))
    assert caught.value.fix or caught.value.why


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_configuration(tmp_path / "none")
    assert caught.value.code == "import-unreadable"
