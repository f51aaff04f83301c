"""What every place for secrets must do. A place's test class inherits `PlaceContract` and gives the fixture `place`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipway.dial.credentials.base import Credential, Place

KEY = "CORP\\alice@proxy.example:8080"
USER = "CORP\\alice"
KINDS = [
    Credential(USER, password="pä s@:/%\"'\\word"),
    Credential(USER, nt_hash=bytes(range(16))),
    Credential(USER, keytab=Path("/etc/alice.keytab")),
    Credential(USER, password="00112233445566778899aabbccddeeff"),
    Credential(USER, password='["password", "x"]'),
]


def same(one: Credential | None, other: Credential) -> bool:
    return one is not None and (one.user, one.password, one.nt_hash, one.keytab) == (
        other.user,
        other.password,
        other.nt_hash,
        other.keytab,
    )


class PlaceContract:
    """The contract; nothing here knows where the secrets lie."""

    @pytest.mark.parametrize("credential", KINDS, ids=lambda credential: credential.kind)
    def test_what_is_put_is_got(self, place: Place, credential: Credential) -> None:
        place.put(KEY, credential)
        assert same(place.get(KEY), credential)

    def test_putting_again_replaces(self, place: Place) -> None:
        for credential in KINDS:
            place.put(KEY, credential)
        assert same(place.get(KEY), KINDS[-1])

    def test_what_was_never_put_is_not_there(self, place: Place) -> None:
        place.put(KEY, KINDS[0])
        assert place.get("bob@proxy.example:8080") is None
        assert not place.delete("bob@proxy.example:8080")

    def test_deleted_is_gone(self, place: Place) -> None:
        place.put(KEY, KINDS[0])
        assert place.delete(KEY)
        assert place.get(KEY) is None
        assert not place.delete(KEY)

    def test_it_says_where_a_secret_came_from_and_never_the_secret(self, place: Place) -> None:
        place.put(KEY, KINDS[0])
        found = place.get(KEY)
        assert found is not None
        assert found.origin
        assert "word" not in repr(found)
        assert place.name
