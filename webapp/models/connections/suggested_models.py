"""The suggested models of a new server with OpenRouter: a short list of available models instead of hundreds.

It is suggested once, and removed automatically as soon as it could hide the server's own models, unless an admin has saved it.
"""

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import db
from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.tables import Connection
from webapp.models.providers.openrouter import BASE_URL
from webapp.settings.service import STORED_VALUES
from webapp.settings.tables import ApplicationSetting

MODELS = ("openai/gpt-oss-120b", "deepseek/deepseek-coder", "deepseek/deepseek-chat", "moonshotai/kimi-dev-72b")
LISTS = ("models.allowed", "models.fallbacks")
TEXT = ", ".join(MODELS)


def propose(session: Session, before: LiveConnection, *, author: audit.AuditAuthor) -> None:
    """Stores the suggestion with the first key for OpenRouter itself, if no models or other connections are configured."""
    is_first = before.is_built_in and before.base_url == BASE_URL and before.key.source == "none" and not before.models_at
    if is_first and not before.default_model and not _is_furnished(session):
        session.add_all(ApplicationSetting(key=name, value=TEXT) for name in LISTS)
        _note(session, "suggested models", TEXT, author)


def withdraw(session: Session, why: str, *, author: audit.AuditAuthor) -> None:
    """Removes the suggested settings that are unchanged."""
    rows = [row for name in LISTS if (row := session.get(ApplicationSetting, name)) and _is_untouched(row)]
    for row in rows:
        session.delete(row)
    if rows:
        _note(session, "removed the suggested models", why, author)


def withdraw_if_unknown(session: Session, connection: Connection, listed: Iterable[str], *, author: audit.AuditAuthor) -> None:
    """Removes the suggestion once OpenRouter lists none of these models."""
    if connection.id == BUILT_IN and not set(listed) & set(MODELS):
        withdraw(session, "None of them is listed by a connection.", author=author)


def is_in_effect() -> bool:
    """Returns whether the available models are still the suggested ones."""
    row = db.session.get(ApplicationSetting, "models.allowed")
    return row is not None and _is_untouched(row)


def _is_untouched(row: ApplicationSetting) -> bool:
    return row.value == TEXT and row.changed_by is None


def _is_furnished(session: Session) -> bool:
    """Returns whether models or other connections are configured already."""
    query = select(func.count()).where(ApplicationSetting.key.in_((*LISTS, "models.default")))
    others = select(func.count()).where(Connection.id != BUILT_IN)
    return bool(session.scalar(query) or session.scalar(others))


def _note(session: Session, action: str, detail: str, author: audit.AuditAuthor) -> None:
    audit.add(session, action, author=author, object_kind="setting", object_id=LISTS[0], detail=detail)
    STORED_VALUES.read_again_after(session)
