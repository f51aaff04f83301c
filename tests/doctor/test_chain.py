"""Chains are judged as OpenSSL and rustls judge them; tests/scenarios/on_tls.py asks the real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from tests.servers.certificates import Issued, issue

from pipway.doctor import chain
from pipway.doctor.chain import Problem, Rules, judge, read

HOST = "index.example"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
ROOT = issue("Root", authority=True)
ISSUING = issue("Issuing", ROOT, authority=True)
LEAF = issue(HOST, ISSUING, names=[HOST, "*.files.example", "127.0.0.1"])


def judged(shown: list[Issued], roots: list[Issued], rules: Rules = "openssl", **more: object) -> Problem | None:
    asked: dict[str, object] = {"host": HOST, "now": NOW, **more}
    certificates = [each.certificate for each in shown]
    return judge(certificates, {each.certificate for each in roots}, rules=rules, **asked).problem  # type: ignore[arg-type]


@pytest.mark.parametrize("rules", ["openssl", "strict", "webpki"])
def test_a_good_chain_has_no_problem(rules: Rules) -> None:
    assert judged([LEAF, ISSUING], [ROOT], rules) is None
    assert judged([LEAF, ISSUING, ROOT], [ROOT], rules) is None
    assert judged([LEAF, ROOT, ISSUING], [ROOT], rules) is None  # out of order, as many servers send it


def test_without_its_root_or_with_a_hole_nobody_knows_it() -> None:
    assert judged([LEAF, ISSUING, ROOT], [issue("Root", authority=True)]) is Problem.UNKNOWN_ROOT
    assert judged([LEAF], [ROOT]) is Problem.UNKNOWN_ROOT
    assert chain.missing([LEAF.certificate]) == LEAF.certificate
    assert chain.missing([LEAF.certificate, ISSUING.certificate]) == ISSUING.certificate


def test_the_same_name_is_not_the_same_signature() -> None:
    impostor = issue("Issuing", issue("Root", authority=True), authority=True)
    assert judged([LEAF, impostor], [ROOT]) is Problem.UNKNOWN_ROOT


def test_certificates_that_all_sign_each_other_are_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    first = issue("Mesh", authority=True)
    mesh = [first, *(issue("Mesh", authority=True, key=first.key) for _ in range(29))]
    looked = 0

    def counted(certificate: chain.Certificate, issuer: chain.Certificate) -> bool:
        nonlocal looked
        looked += 1
        assert looked < 2000
        return certificate.issuer == issuer.subject

    monkeypatch.setattr(chain, "signed", counted)
    assert judged(mesh, [ROOT]) is Problem.UNKNOWN_ROOT


def test_a_name_without_end_is_shortened() -> None:
    with pytest.warns(UserWarning, match="length"):
        long = x509.NameAttribute(NameOID.COMMON_NAME, "x" * 5000, _validate=False)
    assert len(chain.words(x509.Name([long]))) <= 100


def test_an_intermediate_alone_is_an_anchor_for_uv_and_python_3_13_and_not_for_older_ones() -> None:
    assert judged([LEAF], [ISSUING], "webpki") is None
    assert judged([LEAF], [ISSUING], "strict") is None
    assert judged([LEAF], [ISSUING]) is Problem.UNKNOWN_ROOT


def test_dates() -> None:
    assert judged([LEAF, ISSUING], [ROOT], now=NOW + 91 * DAY) is Problem.EXPIRED
    assert judged([LEAF, ISSUING], [ROOT], now=NOW - 2 * DAY) is Problem.NOT_YET_VALID


def test_an_expired_root_is_one_for_openssl_and_none_for_uv() -> None:
    old = issue("Old", authority=True, begins=NOW - 9 * DAY, ends=NOW - DAY)
    leaf = issue(HOST, old, names=[HOST])
    assert judged([leaf], [old]) is Problem.EXPIRED
    assert judged([leaf], [old], "webpki") is None


def test_of_an_old_and_a_renewed_root_the_good_one_counts() -> None:
    old = issue("Renewed", authority=True, begins=NOW - 9 * DAY, ends=NOW - DAY)
    new = issue("Renewed", authority=True, key=old.key)
    assert judged([issue(HOST, old, names=[HOST])], [old, new]) is None


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        (HOST, True),
        ("INDEX.example.", True),
        ("a.files.example", True),
        ("a.b.files.example", False),
        ("files.example", False),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("other.example", False),
    ],
)
def test_names(host: str, covered: bool) -> None:
    assert chain.covers(LEAF.certificate, host) is covered
    assert (judged([LEAF, ISSUING], [ROOT], host=host) is None) is covered


def test_a_common_name_alone_is_enough_for_pip_and_not_for_uv() -> None:
    leaf = issue(HOST, ROOT)
    assert judged([leaf], [ROOT]) is None
    assert judged([leaf], [ROOT], "webpki") is Problem.WRONG_NAME


def test_what_openssl_refuses() -> None:
    not_one = issue("Issuing", ROOT)
    assert judged([issue(HOST, not_one, names=[HOST]), not_one], [ROOT]) is Problem.UNFIT
    weak = issue("Weak", authority=True, bits=1024)
    leaf = issue(HOST, weak, names=[HOST])
    verdict = judge([leaf.certificate], {weak.certificate}, HOST, NOW)
    assert verdict.problem is Problem.UNFIT
    assert "1024 bits" in verdict.reason


def test_a_server_that_says_it_is_an_authority_is_refused_by_uv_alone() -> None:
    leaf = issue(HOST, names=[HOST], authority=True)
    assert judged([leaf], [leaf]) is None
    assert judged([leaf], [leaf], "webpki") is Problem.UNFIT


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("critical", "critical"), ("usage", "keyUsage"), ("identifiers", "subject key identifier")],
)
def test_what_python_3_13_refuses(fault: str, reason: str) -> None:
    root = issue("Lax", authority=True, **{fault: False})  # type: ignore[arg-type]
    leaf = issue(HOST, root, names=[HOST])
    verdict = judge([leaf.certificate], {root.certificate}, HOST, NOW, "strict")
    assert verdict.problem is Problem.UNFIT
    assert reason in verdict.reason
    assert judged([leaf], [root]) is None


def test_a_leaf_without_an_authority_key_identifier_is_refused_strictly() -> None:
    leaf = issue(HOST, ROOT, names=[HOST], identifiers=False)
    verdict = judge([leaf.certificate], {ROOT.certificate}, HOST, NOW, "strict")
    assert "authority key identifier" in verdict.reason


def test_certificates_that_go_round_in_a_circle_end() -> None:
    first = issue("First", authority=True)
    second = issue("Second", first, authority=True)
    back = issue("First", second, authority=True, key=first.key)
    leaf = issue(HOST, second, names=[HOST])
    assert judged([leaf, second, back], [ROOT]) is Problem.UNKNOWN_ROOT


def test_rubbish_is_left_out() -> None:
    assert read([LEAF.der, b"\x30\x03rub", ISSUING.der]) == [LEAF.certificate]
    assert read([]) == []


def test_people_read_names_and_fingerprints() -> None:
    assert chain.words(ROOT.certificate.subject) == "Root (Example Ltd)"
    assert chain.issuer_of([LEAF.certificate, ISSUING.certificate]) == "Root (Example Ltd)"
    assert len(chain.fingerprint(ROOT.certificate).split(":")) == 32
