"""The second step of signing in: what the browser remembers between the password and the code."""

import time
from dataclasses import dataclass

from flask import Response, session

from webapp.people.accounts import queries
from webapp.people.accounts.queries import hashed
from webapp.people.accounts.second_step import CodeNeeded
from webapp.people.accounts.tables import User
from webapp.web.htmx import redirect

# In the signed form session: the browser can read it, but not change it.
AWAITED = "second_step"
MOST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Awaited:
    """A person who still has to enter a code, the hash of the password that was right, and the page to go to."""

    user: User
    proof: str
    path: str


def ask(needed: CodeNeeded, path: str) -> Response:
    """Redirects to the page that asks for a code."""
    proof = hashed(needed.proof) if needed.proof else ""
    session[AWAITED] = {"user": needed.user_id, "proof": proof, "path": path, "until": time.time() + MOST_SECONDS}
    return redirect("/login/code")


def awaited() -> Awaited | None:
    """Returns who has to enter a code; None if that took too long, or if the password has changed since."""
    kept = session.get(AWAITED) or {}
    user = queries.person(kept["user"]) if kept and kept["until"] > time.time() else None
    if user is None or kept["proof"] not in ("", hashed(user.password_hash)):
        return None
    return Awaited(user, user.password_hash if kept["proof"] else "", kept["path"])


def forget() -> None:
    session.pop(AWAITED, None)
