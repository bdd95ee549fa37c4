"""The way to the first real answer: add a key, test it, send a message."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app, url_for
from sqlalchemy import select

from webapp.accounts.tables import User
from webapp.extensions import db, utc_now
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.settings.live import LiveConnection
from webapp.web.filters import ago


@dataclass(frozen=True)
class Step:
    words: str
    is_done: bool
    is_next: bool
    action: str = ""
    url: str = ""
    hint: str = ""
    other: str = ""
    other_url: str = ""


@dataclass(frozen=True)
class Checklist:
    title: str
    steps: tuple[Step, ...]


def checklist(user: User | None) -> Checklist | None:
    """What an admin still has to do until a real model has answered, and whenever a key is refused; nothing for anybody else."""
    if user is None or not user.is_admin:
        return None
    if _has_answered():
        refused = refused_connections()
        return _another_key(refused[0]) if refused else None
    best = _furthest(providers().connections())
    page = url_for("settings.connections.edit", slug=best.slug)
    done = (best.is_usable, best.is_usable and bool(best.is_working), False)
    following = done.index(False)
    hint = "" if best.is_working is not False else _trouble(best)
    other = ("connect another server", url_for("settings.connections.new"))
    steps = (
        Step("Add a key", done[0], following == 0, "Add a key", page, "From openrouter.ai/keys, or", *other),
        Step("Test it", done[1], following == 1, "Test it", page, hint),
        Step("Send a message", done[2], following == 2, hint="Write it above."),
    )
    title = "The demo answers until you add a key" if not done[0] else "Almost there"
    return Checklist(title, steps)


def refused_connections() -> list[LiveConnection]:
    """Those that should answer and do not, because their server refuses the key."""
    return [each for each in providers().connections() if each.is_usable and each.refused_at]


def _another_key(live: LiveConnection) -> Checklist:
    page = url_for("settings.connections.edit", slug=live.slug)
    step = Step(live.check_result, is_done=False, is_next=True, action="Look at it", url=page, hint=_trouble(live))
    return Checklist(f"{live.name} gives no answers", (step,))


def _trouble(live: LiveConnection) -> str:
    if live.refused_at:
        return f"The key was refused {ago(live.refused_at, utc_now())}, and since then."
    return "It did not work: look at what the server said."


def _furthest(connections: Sequence[LiveConnection]) -> LiveConnection:
    return max(connections, key=lambda each: (each.is_usable, bool(each.is_working), each.is_built_in))


def _has_answered() -> bool:
    """Whether any real answer was given; once that is so, it is so for good."""
    if not current_app.extensions.get("has_answered"):
        wanted = select(Generation.id).where(Generation.is_demo.is_(False), Generation.status == "completed").limit(1)
        current_app.extensions["has_answered"] = db.session.scalar(wanted) is not None
    return bool(current_app.extensions["has_answered"])
