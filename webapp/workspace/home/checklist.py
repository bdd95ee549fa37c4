"""The next useful steps for admins: to the first real answer, then to a second person."""

from dataclasses import dataclass

from flask import url_for
from sqlalchemy import select

from webapp.base.current import PerApp
from webapp.base.db import db, utc_now
from webapp.base.languages import gettext as _
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.shown import refused_connections
from webapp.people.accounts import queries as account_queries
from webapp.people.accounts.roles import invitable
from webapp.people.accounts.tables import User
from webapp.web.filters import ago


@dataclass(frozen=True)
class ChecklistStep:
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
    """Steps under a title; `hint` names those that can be dismissed."""

    title: str
    steps: tuple[ChecklistStep, ...]
    hint: str = ""


def next_steps(user: User) -> Checklist | None:
    """Returns what the home page shows an admin: the steps to the first answer, later to invite someone; None for members."""
    dismissed = user.dismissed.split()
    steps = checklist(user)
    if steps and (not steps.hint or steps.hint not in dismissed):
        return steps
    return _invitation(user) if not steps and "invite" not in dismissed else None


def checklist(user: User | None) -> Checklist | None:
    """Returns the steps for an admin until a real model has answered, or while a key is rejected; None for anyone else."""
    if user is None or not user.is_admin:
        return None
    if _has_answered():
        connections = refused_connections()
        return _another_key(connections[0]) if connections else None
    best = max(
        the_connections().team(),
        key=lambda connection: (connection.is_usable, bool(connection.is_working), connection.is_built_in),
    )
    page = url_for("connections.edit", slug=best.slug)
    done = (best.is_usable, best.is_usable and bool(best.is_working), False)
    following = done.index(False)
    has_failed = done[0] and best.is_working is False
    other = (_("connect another server"), url_for("connections.new"))
    steps = (
        ChecklistStep(_("Add a key"), done[0], following == 0, _("Add a key"), page, _("From openrouter.ai/keys, or"), *other),
        ChecklistStep(
            _("Test it"),
            done[1],
            following == 1,
            _("View") if has_failed else _("Test it"),
            page,
            _trouble(best) if has_failed else "",
        ),
        ChecklistStep(_("Send a message"), done[2], following == 2, hint=_("Type it above.")),
    )
    title = _("Almost there") if done[0] else _("The demo answers until you add a key")
    return Checklist(_("%(name)s isn't working", name=best.name) if has_failed else title, steps, hint="setup")


def _invitation(user: User) -> Checklist | None:
    """Returns the step to a second person, while there is none and none is invited."""
    if not invitable(user.role) or account_queries.open_invites() or _is_team():
        return None
    hint = _("Everyone has their own account and sees only what others share.")
    step = ChecklistStep(
        _("Invite someone"), is_done=False, is_next=True, action=_("Invite"), url="/admin/people#invite", hint=hint
    )
    return Checklist(_("Millrace is ready"), (step,), hint="invite")


def _is_team() -> bool:
    return len(db.session.scalars(select(User.id).limit(2)).all()) > 1


def _another_key(live: LiveConnection) -> Checklist:
    page = url_for("connections.edit", slug=live.slug)
    step = ChecklistStep(live.check_result, is_done=False, is_next=True, action=_("View"), url=page, hint=_trouble(live))
    return Checklist(_("%(name)s is refusing requests", name=live.name), (step,))


def _trouble(live: LiveConnection) -> str:
    if live.refused_at:
        return _("Refused %(when)s, and not working since.", when=ago(live.refused_at, utc_now()))
    return live.check_result or _("The test failed.")


HAS_ANSWERED = PerApp[bool](bool)


def _has_answered() -> bool:
    """Returns whether there was any real answer; caches a yes permanently."""
    if not HAS_ANSWERED.get():
        query = select(Generation.id).where(Generation.is_demo.is_(False), Generation.status == "completed").limit(1)
        HAS_ANSWERED.set(db.session.scalar(query) is not None)
    return HAS_ANSWERED.get()
