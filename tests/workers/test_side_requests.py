"""A side request of one worker is stopped by another."""

import uuid

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


def test_a_story_that_another_worker_writes_is_forgotten(deployment, fake) -> None:
    fake.says("Aye.")
    path = answered(deployment.there, "Is it open?")
    fake.always({"says": "They met at the mill.", "delay": 90}, at=STORY)
    writing = gevent.spawn(deployment.there.post, f"{path}/story/write", text="", was="")
    until(fake.stories, "it is being written")

    assert deployment.here.post(f"{path}/story/forget").status == 303

    until(lambda: fake.stories()[-1]["client_closed"], "nobody waits for it any more")
    with gevent.Timeout(60):
        writing.get()
    lane = f"story:{path.rpartition('/')[2]}"
    assert deployment.one.rows("SELECT status FROM generations WHERE lane = ?", lane) == [("stopped",)]
    assert not deployment.one.rows("SELECT id FROM stories WHERE chat_id = ?", path.rpartition("/")[2])


def test_what_one_worker_writes_for_somebody_is_seen_and_waited_for_at_another(deployment, fake) -> None:
    fake.says("Aye.")
    made = deployment.there.post("/characters", name="Mara", description="Mara mills rye.")
    path = deployment.there.post(f"{made.location}/chat").location
    fake.always({"says": "I come in.", "delay": 90})
    asking = gevent.spawn(deployment.there.post, f"{path}/suggestion", message="")
    fake.until_asked()

    assert "suggest__busy--on" in deployment.here.page(path).text
    assert deployment.here.post(f"{path}/suggestion/stop").status == 303
    with gevent.Timeout(60):
        assert asking.get().status == 303

    fake.always({"counted": 9, "stall_after": 1})
    deployment.there.post(f"{path}/messages", message="Hello", key=uuid.uuid4().hex)
    refused = deployment.here.post(f"{path}/suggestion", message="")
    assert "already being written" in refused.text
    deployment.here.post(deployment.here.last_answer(path).buttons["Stop"])
