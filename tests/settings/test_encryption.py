"""Encryption of keys: what can be decrypted, where, and with which key."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, strategies as st

from webapp.base.errors import Unavailable
from webapp.settings.secrets.encryption import MISPLACED, UNREADABLE, DecryptionError, EncryptionService

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
SECRET = "sk-or-v1-0123456789abcdef"
PLACE = {"owner": "openrouter", "purpose": "api key"}


def service(*keys: str) -> EncryptionService:
    return EncryptionService(keys)


@pytest.mark.slow
@given(st.text())
def test_what_was_encrypted_can_be_read(secret: str) -> None:
    token = service(NEW).encrypt_api_key(secret, **PLACE)

    assert service(NEW).decrypt_api_key(token, **PLACE) == secret


def test_a_token_shows_nothing_and_is_another_one_each_time() -> None:
    tokens = [service(NEW).encrypt_api_key(SECRET, **PLACE) for _ in range(2)]

    assert tokens[0] != tokens[1]
    assert not any(part in token for token in tokens for part in (SECRET, "openrouter"))


@pytest.mark.parametrize(
    "elsewhere", [{"owner": "another"}, {"purpose": "another"}, {"owner": "api key", "purpose": "openrouter"}]
)
def test_a_token_is_of_no_use_elsewhere(elsewhere: dict[str, str]) -> None:
    token = service(NEW).encrypt_api_key(SECRET, **PLACE)

    with pytest.raises(DecryptionError) as refused:
        service(NEW).decrypt_api_key(token, **{**PLACE, **elsewhere})
    assert refused.value.message == MISPLACED


def test_a_token_of_ours_that_holds_something_else_is_refused() -> None:
    for plain in (b"sk-bare", b"[1]", b'{"key": "sk"}', b"\xff"):
        with pytest.raises(DecryptionError):
            service(NEW).decrypt_api_key(Fernet(NEW).encrypt(plain).decode(), **PLACE)


def test_another_key_and_a_changed_token_are_told_in_words() -> None:
    token = service(OLD).encrypt_api_key(SECRET, **PLACE)
    changed = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]

    for opening in (
        lambda: service(NEW).decrypt_api_key(token, **PLACE),
        lambda: service(OLD).decrypt_api_key(changed, **PLACE),
        lambda: service(OLD).decrypt_api_key("", **PLACE),
        lambda: service(OLD).decrypt_api_key("no token: é", **PLACE),
        lambda: service().decrypt_api_key(token, **PLACE),
        lambda: service(NEW).rotate(token),
    ):
        with pytest.raises(DecryptionError) as refused:
            opening()
        assert refused.value.message == UNREADABLE == "The stored key cannot be read with this ENCRYPTION_KEY. Enter it again."


def test_the_first_key_encrypts_and_all_of_them_decrypt() -> None:
    token = service(OLD).encrypt_api_key(SECRET, **PLACE)

    assert service(NEW, OLD).decrypt_api_key(token, **PLACE) == SECRET
    fresh = service(NEW, OLD).encrypt_api_key(SECRET, **PLACE)
    assert service(NEW).decrypt_api_key(fresh, **PLACE) == SECRET


def test_rotating_brings_a_token_under_the_first_key_and_leaves_it_there() -> None:
    token = service(OLD).encrypt_api_key(SECRET, **PLACE)

    fresh = service(NEW, OLD).rotate(token)

    assert service(NEW).decrypt_api_key(fresh, **PLACE) == SECRET
    assert service(NEW, OLD).rotate(fresh) == fresh


def test_without_a_key_nothing_is_encrypted() -> None:
    with pytest.raises(Unavailable, match="flask prepare"):
        service().encrypt_api_key(SECRET, **PLACE)


def test_a_fingerprint_names_the_first_key_and_tells_nothing_of_it() -> None:
    assert service(NEW, OLD).fingerprint() == service(NEW).fingerprint() != service(OLD).fingerprint()
    assert len(service(NEW).fingerprint()) == 8
    assert service(NEW).fingerprint() not in NEW
    assert service().fingerprint() == "none"
