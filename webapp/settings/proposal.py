"""What a fresh house with OpenRouter begins with: a short list of models that may be chosen, in place of hundreds.

It is proposed once, and nobody's trap: it goes by itself as soon as it could shut out what the house has, unless somebody
has made it their own by saving it.
"""

from collections.abc import Iterable
from typing import Unpack

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.accounts import audit
from webapp.accounts.audit import About
from webapp.extensions import db
from webapp.providers.openrouter import BASE_URL
from webapp.settings.keys import BUILT_IN
from webapp.settings.live import LiveConnection
from webapp.settings.tables import ApplicationSetting, Connection

MODELS = ("openai/gpt-oss-120b", "deepseek/deepseek-coder", "deepseek/deepseek-chat", "moonshotai/kimi-dev-72b")
LISTS = ("models.allowed", "models.fallbacks")
TEXT = ", ".join(MODELS)


def propose(session: Session, before: LiveConnection, **about: Unpack[About]) -> None:
    """With the first key for OpenRouter itself, in a house where nobody has chosen a model, a list or another server."""
    is_first = before.is_built_in and before.base_url == BASE_URL and before.key.source == "none" and not before.models_at
    if is_first and not before.default_model and not _is_furnished(session):
        session.add_all(ApplicationSetting(key=name, value=TEXT) for name in LISTS)
        _note(session, "proposed models", TEXT, about)


def withdraw(session: Session, why: str, **about: Unpack[About]) -> None:
    """Takes back what is still as it was proposed."""
    rows = [row for name in LISTS if (row := session.get(ApplicationSetting, name)) and _is_untouched(row)]
    for row in rows:
        session.delete(row)
    if rows:
        _note(session, "took back the proposed models", why, about)


def withdraw_if_unknown(session: Session, connection: Connection, listed: Iterable[str], **about: Unpack[About]) -> None:
    """OpenRouter has none of them any more."""
    if connection.id == BUILT_IN and not set(listed) & set(MODELS):
        withdraw(session, "None of them is listed.", **about)


def is_in_effect() -> bool:
    """Whether what may be chosen is still what was proposed."""
    row = db.session.get(ApplicationSetting, "models.allowed")
    return row is not None and _is_untouched(row)


def _is_untouched(row: ApplicationSetting) -> bool:
    return row.value == TEXT and row.changed_by is None


def _is_furnished(session: Session) -> bool:
    """Whether anybody has said which models they want, or where from."""
    chosen = select(func.count()).where(ApplicationSetting.key.in_((*LISTS, "models.default")))
    others = select(func.count()).where(Connection.id != BUILT_IN)
    return bool(session.scalar(chosen) or session.scalar(others))


def _note(session: Session, action: str, detail: str, about: About) -> None:
    entry: About = {**about, "object_kind": "setting", "object_id": LISTS[0], "detail": detail}
    audit.add(session, action, **entry)
    # What is asked next sees it, and not only in a second.
    current_app.extensions.pop("settings", None)
