"""What is said of a login before anybody logs in."""

from __future__ import annotations

from datetime import timedelta

from pipway.doctor.anatomy import Anatomy, encryption_types
from pipway.wire.auth.base import Unusable
from pipway.wire.auth.ntlm_challenge import NtlmChallenge

KLIST = """Ticket cache: FILE:/tmp/krb5cc_0
Default principal: alice@PIPWAY.TEST

Valid starting       Expires              Service principal
11/21/2026 11:00:00  11/21/2026 21:00:00  krbtgt/PIPWAY.TEST@PIPWAY.TEST
\tEtype (skey, tkt): aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha384-192
11/21/2026 11:00:01  11/21/2026 21:00:00  HTTP/localhost@PIPWAY.TEST
\tEtype (skey, tkt): aes256-cts-hmac-sha1-96, DEPRECATED:arcfour-hmac
"""


def test_the_encryption_of_tickets_is_read_once_each() -> None:
    found = encryption_types(KLIST)
    assert found == ("aes256-cts-hmac-sha1-96", "aes256-cts-hmac-sha384-192", "DEPRECATED:arcfour-hmac")
    says = Anatomy("Negotiate", kerberos=True, encryption=found, service="HTTP@proxy.example").says
    assert "there is a Kerberos ticket for it (HTTP@proxy.example)" in says
    assert "DEPRECATED:arcfour-hmac is weak" in says


def test_what_is_missing_is_said() -> None:
    says = Anatomy("Negotiate", kerberos=True, ticket=Unusable("Kerberos: the ticket has expired", "kinit")).says
    assert "the ticket has expired" in says
    assert "weak" not in says


def test_a_clock_is_told_only_when_it_matters() -> None:
    challenge = NtlmChallenge("CORP")
    assert "clock" not in Anatomy("NTLM", challenge, skew=timedelta(minutes=4)).says
    assert "7 minutes behind" in Anatomy("NTLM", challenge, skew=timedelta(minutes=-7)).says


def test_a_proxy_that_does_not_say_is_told() -> None:
    assert Anatomy("").says == "it does not say which login it takes"
