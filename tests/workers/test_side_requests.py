"""A side request of one worker is stopped by another."""

import uuid

import gevent
import pytest

from tests.support.person import Person
from tests.support.waiting import until
from tests.upstream.handle import FOLD

pytestmark = pytest.mark.slow


def answered(person: Person, text: str) -> str:
    path = person.begin(text)
    until(lambda: person.last_answer(path).status == "completed", "it is answered")
    return path


def test_a_fold_that_another_worker_writes_is_stopped(deployment, fake) -> None:
    fake.says("Aye.")
    path = answered(deployment.there, "Is it open?")
    id = path.rpartition("/")[2]
    for number in range(3):
        deployment.there.post(f"{path}/messages", message=f"q{number}", key=uuid.uuid4().hex)
        until(lambda: deployment.there.last_answer(path).status == "completed", "it is answered")
    fake.always({"says": "They met at the mill.", "delay": 90}, at=FOLD)
    assert deployment.there.post(f"{path}/folds").status == 303
    until(fake.folds, "it is being written")

    # What it is made of is changed at the other worker.
    (message,) = deployment.one.rows("SELECT id FROM messages WHERE chat_id = ? ORDER BY id LIMIT 1", id)[0]
    assert deployment.here.post(f"/messages/{message}/hide").status == 303

    until(lambda: fake.folds()[-1]["client_closed"], "nobody waits for it any more")
    until(lambda: deployment.one.rows("SELECT status FROM generations WHERE lane = ?", f"fold:{id}") == [("stopped",)], "it ends")


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
