"""Audit entries that go after the number of days in the settings, or lose the name of an erased person."""

import logging
from datetime import timedelta

from sqlalchemy import delete, or_, select, update

from webapp.base.audit import AuditEntry
from webapp.base.db import db, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.keeping_clock import keeping_now
from webapp.settings.service import setting

log = logging.getLogger("settings:retention")
AT_ONCE = 200


def forget_old_entries() -> int:
    """Deletes expired entries of the audit log; returns how many there were."""
    days = int(setting("audit.days"))
    if not days:
        return 0
    with write() as session:
        old = delete(AuditEntry).where(AuditEntry.at < keeping_now() - timedelta(days=days))
        count = len(session.scalars(old.returning(AuditEntry.id)).all())
    if count:
        log.info("audit_entries_forgotten", extra={"fields": {"count": count, "days": days}})
    return count


def forget_person(person_id: str, email: str, name: str) -> int:
    """Replaces a person's addresses and name in all entries by a word for the account; returns how many entries changed.

    Entries of the same person still have the same word, so what happened can be followed without saying who it was.
    """
    alias, last, count = f"deleted account {person_id[-6:]}", "", 0
    actors = select(AuditEntry.actor).where(AuditEntry.actor_id == person_id).distinct()
    addresses = {email, *filter(None, db.session.scalars(actors))}
    is_about = or_(
        AuditEntry.actor_id == person_id,
        AuditEntry.actor.in_(addresses),
        AuditEntry.detail == f"with {name}",
        *(AuditEntry.detail.contains(address, autoescape=True) for address in addresses),
    )
    query = select(AuditEntry.id, AuditEntry.actor, AuditEntry.address, AuditEntry.detail).order_by(AuditEntry.id).limit(AT_ONCE)
    while rows := db.session.execute(query.where(is_about, AuditEntry.id > last)).all():
        last, count = rows[-1].id, count + len(rows)
        with write() as session:
            for id, actor, address, detail in rows:
                is_theirs = actor in addresses
                for known in addresses:
                    detail = detail.replace(known, alias)
                detail = f"with {alias}" if detail == f"with {name}" else detail
                values = {"actor": alias, "address": ""} if is_theirs else {"actor": actor, "address": address}
                session.execute(update(AuditEntry).where(AuditEntry.id == id).values(detail=detail[:300], **values))
        queue_for_turn()
    return count
