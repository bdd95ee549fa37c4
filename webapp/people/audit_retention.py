"""Deletes audit entries after the number of days in the settings."""

import logging
from datetime import timedelta

from sqlalchemy import delete

from webapp.base.audit import AuditEntry
from webapp.base.db import write
from webapp.base.keeping_clock import keeping_now
from webapp.settings.service import setting

log = logging.getLogger("settings:retention")


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
