"""What may stand in the fields of an account, in one spelling."""

import unicodedata

from webapp.accounts import passwords
from webapp.errors import Invalid
from webapp.extensions import offload


def normal_email(email: str) -> str:
    """One spelling for all the ways in which people type, or paste, the same address."""
    visible = "".join(filter(str.isprintable, unicodedata.normalize("NFKC", email)))
    return unicodedata.normalize("NFKC", visible.strip().lower())


def checked_email(email: str) -> str:
    email = normal_email(email)
    before, at, after = email.partition("@")
    if not (before and at and after) or "@" in after or " " in email or len(email) > 254:
        raise Invalid("An email looks like name@example.org.", field="email")
    return email


def checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable() or len(name) > 120:
        raise Invalid("A name has 1 to 120 characters.", field="name")
    return name


def checked_password(password: str) -> str:
    """A new password, unless it is too short or one that everybody tries."""
    if objection := passwords.objection(password):
        raise Invalid(objection, field="password")
    return password


def password_hash(password: str) -> str:
    """The hash of a new password that is good enough."""
    return offload(passwords.hash_of, checked_password(password))
