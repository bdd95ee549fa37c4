"""Retention: old entries of the audit log are deleted."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from tests.support.marks import on_both_databases
from webapp.base.audit import AuditEntry
from webapp.base.db import db, utc_now, write
from webapp.people.audit_retention import forget_old_entries
from webapp.settings.service import set_setting


def keep(*ages: int) -> None:
    with write() as session:
        session.add_all(AuditEntry(action=f"{age} days ago", at=utc_now() - timedelta(days=age)) for age in ages)


def kept() -> set[str]:
    return set(db.session.scalars(select(AuditEntry.action).where(AuditEntry.action.contains("days ago"))))


@on_both_databases
def test_entries_go_after_a_year_or_as_the_setting_says(app: Flask) -> None:
    with app.app_context():
        keep(1, 40, 364, 366)
        assert forget_old_entries() == 1
        assert kept() == {"1 days ago", "40 days ago", "364 days ago"}
        set_setting("audit.days", "30", confirmed=2)
        assert forget_old_entries() == 2
        assert kept() == {"1 days ago"}


def test_without_a_limit_they_stay(app: Flask) -> None:
    with app.app_context():
        set_setting("audit.days", "0")
        keep(4000)
        assert forget_old_entries() == 0
        assert kept() == {"4000 days ago"}


def test_they_go_where_the_trash_goes(app: Flask, member, fake) -> None:
    fake.says("Fine.")
    with app.app_context():
        keep(400)
    chat = member.submit("/", message="For the trash").path
    member.post(f"{chat}/delete")
    with app.app_context():
        assert kept() == set()
