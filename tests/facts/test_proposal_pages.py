"""What was proposed after an answer is decided below it, with scripts and without them, by its person alone."""

import pytest
from flask import Flask
from sqlalchemy import select

from tests.facts.test_proposing import BERN, fact, finds, looked
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import db, write
from webapp.chat.facts.tables import Fact
from webapp.chat.record.tables import Message


def states(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(Fact.state).order_by(Fact.id)))


@pytest.mark.parametrize(("label", "state"), [("Keep", "kept"), ("No", "refused")])
def test_a_proposal_is_decided_without_scripts(app, owner: Browser, stranger: Browser, answered, fake: Upstream, label, state):
    finds(fake, fact("I live in Bern.", "live in Bern"))
    path = answered(owner, BERN)
    looked(app, fake)
    link = owner.page(path).one("article .cited a[href$='/proposals']")
    url = str(link.attributes["href"])
    assert stranger.get(url).status_code == 404
    page = owner.page(url)
    assert "I live in Bern." in page.text
    page.press(f"{label} I live in Bern.")
    assert states(app) == [state]
    assert not owner.page(path).all("article .cited")
    assert "Nothing waits for you here." in owner.page(url).text


def test_a_contradiction_offers_to_replace_or_to_keep_both(app, owner: Browser, answered, fake: Upstream):
    with app.app_context(), write() as session:
        session.add(Fact(owner_id=owner.person_id, text="I live in Rome.", state="kept"))
    finds(fake, fact("I live in Bern.", "live in Bern", 1))
    path = answered(owner, BERN)
    looked(app, fake)
    with app.app_context():
        answer_id = db.session.scalars(select(Message.id).where(Message.role == "assistant")).one()
    url = f"/messages/{answer_id}/proposals"
    page = owner.page(url)
    assert "I live in Rome." in page.text
    page.press("Replace I live in Bern.")
    assert states(app) == ["replaced", "kept"]
    assert not owner.page(path).all("article .cited a[href$='/proposals']")
