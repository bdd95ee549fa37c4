"""The second step of signing in: a later feature brings it, and this one asks it before it opens a session."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response

from webapp.base.audit import AuditAuthor
from webapp.people.accounts.sign_on import SignOnSession
from webapp.people.accounts.tables import User
from webapp.web.feature import brought


class CodeNeeded(Exception):
    """The first step was right, and the account requires a second; `proof` is the password hash that matched, if any."""

    def __init__(self, user_id: str, proof: str, sign_on: SignOnSession | None = None) -> None:
        super().__init__("a second step is needed")
        self.user_id, self.proof, self.sign_on = user_id, proof, sign_on


@dataclass(frozen=True)
class SecondStep:
    """`ask` redirects to the page that asks for a code and then to `path`; `turn_off` is for people who lost theirs.

    `is_missing` tells whether the team requires it of this person, who must then set it up, at `begins_at`, before all else.
    """

    begins_at: str
    is_on: Callable[[str], bool]
    is_missing: Callable[[User], bool]
    ask: Callable[[CodeNeeded, str], Response]
    turn_off: Callable[[User, AuditAuthor], None]


def the_second_step() -> SecondStep:
    (step,) = brought(SecondStep)
    return step
