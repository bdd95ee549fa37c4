"""Endless or invented data takes neither the time nor the memory of other users."""

import gevent
import pytest
from sqlalchemy import select

from tests.attacks.conftest import begin, ended_chat
from webapp.base.db import db
from webapp.engine.tables import Generation
from webapp.streaming.broadcaster import MOST_SHARED

SILENCE = 'data: {"choices":[{"index":0,"delta":{"content":""}}]}\n\n'


def test_one_can_stop_what_says_nothing_without_a_pause(member, fake, engine):
    fake.always({"steps": [{"send": SILENCE * 2_000, "for_ever": True}]})
    page = member.page(begin(member))
    fake.until(len)

    assert member.post(page.action("Stop")).status_code == 303
    with gevent.Timeout(30, AssertionError("it is never let go")):
        while engine.live:
            gevent.sleep(0.01)
    fake.until(lambda log: log[0]["client_closed"])


@pytest.mark.slow
def test_invented_positions_are_not_all_kept(member, fake, engine, listen):
    fake.says("word " * 2_000)
    page = ended_chat(member)
    epoch, seq, head, *_ = page.events_url.partition("at=")[2].split(".")
    with member.app.app_context():
        generation = db.session.scalars(select(Generation.id).where(Generation.message_id == page.message_ids[-1])).one()

    for place in range(MOST_SHARED + 8):
        listener = listen(member, f"{page.path}/events", f"{epoch}.{seq}.{head}.{generation}.1-0-{place}-0-0")
        listener.until(lambda feed: feed.messages)
        listener.close()

    assert 0 < len(engine.logs._broadcasts[generation]._shared) <= MOST_SHARED
