"""Passwords: which are refused, and what a hash contains."""

import pytest

from webapp.people.accounts.passwords import COMMONEST, MOST, NOBODY, hash_of, is_outdated, is_right, objection

OF_OLDER_PARAMETERS = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$5oajB6v0sIqeTb4ghEK1Xw"


@pytest.mark.parametrize("password", ["", "short", "1234567", "Password", "PASSWORD123", "letmein1", "zzzzzzzzzzz", "xy" * MOST])
def test_it_objects_to_what_is_short_common_or_endless(password: str) -> None:
    assert objection(password)


@pytest.mark.parametrize(
    "password", ["only words", "12345679", "        a", "ключ от двери", "🦉" * 4 + "🐟" * 4, "a" + "b" * (MOST - 1)]
)
def test_it_takes_anything_else_without_rules_of_composition(password: str) -> None:
    assert objection(password) == ""


def test_the_commonest_are_ones_that_length_alone_would_let_through() -> None:
    assert not [password for password in COMMONEST if len(password) < 8 or password != password.casefold()]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("correct horse", "Correct horse"),
        (" spaces count ", "spaces count"),
        ("nothing ends\0here", "nothing ends\0there"),
        ("🦉" * 200, "🦉" * 199),
        ("x" * 72 + "y", "x" * 72 + "z"),
        ("caf\u00e9 au lait", "cafe\u0301 au lait"),
        ("half a pair \ud800", "half a pair \ud801"),
    ],
)
def test_every_character_counts(password: str, other: str) -> None:
    stored = hash_of(password)

    assert is_right(stored, password)
    assert not is_right(stored, other)


def test_the_same_password_has_another_hash_each_time() -> None:
    assert hash_of("the same password") != hash_of("the same password")


def test_nobody_has_a_password_and_yet_it_costs_the_same() -> None:
    assert not is_right(None, "nobody has this password, it only takes its time")
    assert is_right(NOBODY, "nobody has this password, it only takes its time")
    assert not is_outdated(NOBODY)


@pytest.mark.parametrize("stored", ["", "!", "$argon2id$v=19$m=8", "plain text"])
def test_what_is_no_hash_fits_no_password(stored: str) -> None:
    assert not is_right(stored, "plain text")


def test_a_hash_of_older_parameters_is_noticed() -> None:
    assert is_outdated(OF_OLDER_PARAMETERS)
    assert not is_outdated(hash_of("a new password"))
