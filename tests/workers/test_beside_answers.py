"""What one worker has a model write beside the answers, another one stops."""

import gevent
import pytest

from tests.support.person import Person
from tests.support.waiting import until
from tests.upstream.handle import STORY

pytestmark = pytest.mark.slow


def answered(person: Person, text: str) -> str:
    path = person.begin(text)
    until(lambda: person.last_answer(path).status == "completed", "it is answered")
    return path


def test_a_story_that_another_worker_writes_is_forgotten(house, fake) -> None:
    fake.says("Aye.")
    path = answered(house.there, "Is it open?")
    fake.always({"says": "They met at the mill.", "delay": 90}, at=STORY)
    writing = gevent.spawn(house.there.post, f"{path}/story/write", text="", was="")
    until(fake.stories, "it is being written")

    assert house.here.post(f"{path}/story/forget").status == 303

    until(lambda: fake.stories()[-1]["client_closed"], "nobody waits for it any more")
    with gevent.Timeout(60):
        writing.get()
    lane = f"story:{path.rpartition('/')[2]}"
    assert house.one.rows("SELECT status FROM generations WHERE lane = ?", lane) == [("stopped",)]
    assert not house.one.rows("SELECT id FROM stories WHERE chat_id = ?", path.rpartition("/")[2])
