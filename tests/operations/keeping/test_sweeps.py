"""What has its days goes when they are over, and the page of the administration says what there is."""

from datetime import timedelta

import pytest

from tests.api.client import client_of
from tests.support.browser import Browser
from tests.support.later import let_pass
from tests.support.marks import on_both_databases
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid
from webapp.chat.files.tables import StoredFile
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.operations.insights import days
from webapp.operations.insights.tables import InsightDay
from webapp.operations.keeping import service as keeping_service
from webapp.settings.service import set_setting


def furnish(owner: Browser) -> None:
    """Adds an answer in a chat and one without, both a hundred days old, with their sums, and a file that was never sent."""
    then = utc_now() - timedelta(days=100)
    with owner.app.app_context():
        with write() as session:
            session.add(Chat(id="c", owner_id=owner.person_id, model="m"))
            session.flush()
            session.add(Message(id="m", chat_id="c", role="assistant", content="Fish."))
            session.flush()
            asked = {"kind": "chat", "status": "completed", "model_asked": "m", "owner": "", "user_id": owner.person_id}
            asked |= {"created_at": then, "ended_at": then}
            session.add(Generation(id="g", lane="chat:c", message_id="m", prompt={"messages": ["m"]}, **asked))
            session.add(Generation(id="alone", lane="chat:gone", **asked))
            kind = {"kind": "text", "media_type": "text/plain", "name": "a.txt", "bytes": 9, "hash": "0" * 64}
            session.add(StoredFile(id="f", owner_id=owner.person_id, created_at=then, **kind))
        days.sum_up_all()


@on_both_databases
def test_each_goes_when_its_days_are_over(owner: Browser) -> None:
    furnish(owner)
    with owner.app.app_context():
        for _ in range(2):
            keeping_service.sweep()
        generation = db.session.get_one(Generation, "g")
        assert (bool(generation.prompt), bool(db.session.get(Generation, "alone"))) == (True, True)
        set_setting("traces.days", "99", confirmed=1)
        set_setting("insights.days", "99", confirmed=10)
        keeping_service.sweep()
        assert db.session.get_one(Generation, "g", populate_existing=True).prompt == {}
        assert not db.session.get(Generation, "alone", populate_existing=True)
        assert db.session.query(InsightDay).filter(InsightDay.day < (utc_now() - timedelta(days=99)).date()).count() == 0
        # What was emptied once is not read again, and new answers keep theirs.
        with write() as session:
            session.get_one(Generation, "g").prompt = {"messages": ["m"]}
        keeping_service.sweep()
        assert db.session.get_one(Generation, "g", populate_existing=True).prompt
        with pytest.raises(Invalid, match="at least 62"):
            set_setting("insights.days", "30")


def test_the_page_says_what_there_is_and_asks_before_it_goes(owner: Browser) -> None:
    furnish(owner)
    page = owner.page("/admin/settings/retention")
    assert page.heading == "Retention"
    rows = {row.css_first(".what").text(): " ".join(row.css_first(".how").text().split()) for row in page.all(".rows--things li")}
    assert rows["What was sent to models"].startswith("1 recorded prompt · kept forever · the oldest from")
    assert rows["Files that were never sent"].startswith("1 file · kept 7 days")
    assert rows["Usage"].startswith("2 requests · kept forever")
    program = client_of(owner.app, owner.email)
    asked = program.said("PUT", "/settings/traces.days", 409, {"value": 30})
    assert (asked["count"], asked["what"], asked["people"]) == (1, "recorded prompt", None)
    assert program.said("PUT", "/settings/traces.days", 200, {"value": 30, "confirm": 1})["value"] == 30
    assert program.said("PUT", "/settings/audit.days", 200, {"value": 300})
    with owner.app.app_context():
        keeping_service.sweep()
        let_pass(days=400)
        keeping_service.sweep()
    assert owner.page("/admin/settings/retention").says("nothing is deleted permanently until")
