"""What looks like a secret, and what only looks a little like one."""

import pytest

from webapp.chat.facts.secret_words import has_secret


@pytest.mark.parametrize(
    "text",
    [
        "My key is sk-proj-" + "a1B2" * 6,
        "Use ghp_" + "x" * 36,
        "AKIA" + "ABCDEFGH12345678" + " is for the bucket",
        "-----BEGIN RSA PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "My card is 4111 1111 1111 1111.",
        "Pay to DE89 3704 0044 0532 0130 00 please",
        "The password is hunter2",
        "Das Passwort ist Sonne",
        "PIN: 1234",
    ],
)
def test_a_secret_is_seen(text: str) -> None:
    assert has_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "I live in Zurich.",
        "My number is 4111 1111 1111 1112.",
        "The password was changed in May.",
        "Order 2024-11-30 came on 2024-12-02.",
        "I like skating with Ada.",
        "DE is the code of Germany, and 12 of my friends live there.",
    ],
)
def test_other_sentences_are_none(text: str) -> None:
    assert not has_secret(text)
