"""Validates and normalizes the fields of an account."""

import unicodedata

from webapp.base.errors import Invalid
from webapp.base.inputs import NAME, TEXT_CHARS, storable
from webapp.base.words import number, plural
from webapp.people.accounts import passwords

# Longer than any real input: Unicode normalization of a hundred thousand characters can take half a minute.
MOST_TYPED = 1_000
EMAIL_CHARS = 254
NO_EMAIL = "Enter an email address such as name@example.org."


def normal_email(email: str) -> str:
    """Normalizes an address, so that all ways to type or paste it compare as equal; empty if it is far too long."""
    if len(email) > MOST_TYPED:
        return ""
    visible = "".join(filter(str.isprintable, unicodedata.normalize("NFKC", email)))
    return unicodedata.normalize("NFKC", visible.strip().lower())


def checked_email(email: str) -> str:
    email = normal_email(email)
    before, at, after = email.partition("@")
    if not (before and at and after) or "@" in after or " " in email or len(email) > EMAIL_CHARS:
        raise Invalid(NO_EMAIL, field="email")
    return email


def checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not NAME.allows(name):
        raise Invalid(NAME.sentence, field="name")
    return name


def checked_text(text: str, field: str, *, most: int = TEXT_CHARS) -> str:
    """Returns a text that every database can store, with LF line endings; raises `Invalid` for one that is too long."""
    text = storable(text)
    if len(text) > most:
        over = plural(len(text) - most, "character")
        raise Invalid(f"That is {over} too long. The limit is {number(most)}.", field=field)
    return text


def checked_password(password: str) -> str:
    """Returns a new password; raises Invalid if it is too short or too common."""
    if objection := passwords.objection(password):
        raise Invalid(objection, field="password")
    return password


def password_hash(password: str) -> str:
    """Returns the hash of a new password after checking it."""
    return passwords.hash_of(checked_password(password))
