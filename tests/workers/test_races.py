"""What people do at several workers in the same moment happens once, and what is taken away at one is gone at all."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from tests.support.inserted import add_member
from tests.support.person import PASSWORD, Person, Reply
from tests.support.waiting import until
from tests.workers.conftest import Deployment
from webapp.base.database.recent import FRESH_SECONDS

pytestmark = pytest.mark.slow
MANY = 9


def members(deployment: Deployment) -> list[Person]:
    """Adds a member, who is signed in twice at the address of two workers, whichever serves, and once at another server."""
    email = f"{uuid.uuid4().hex[:8]}@example.org"
    add_member(deployment.one, email)
    return [Person(url).sign_in(email) for url in (deployment.one.url, deployment.one.url, deployment.other.url)]


@pytest.fixture
def ann(deployment: Deployment) -> list[Person]:
    return members(deployment)


def at_once(people: list[Person], what: Callable[[Person, int], Reply], times: int = MANY) -> list[Reply]:
    """Has these people do something in turn, all in the same moment."""
    doing = [gevent.spawn(what, people[number % len(people)], number) for number in range(times)]
    gevent.joinall(doing, raise_error=True)
    return [greenlet.value for greenlet in doing]


def statuses(replies: list[Reply]) -> Counter[int]:
    return Counter(reply.status for reply in replies)


def count(deployment: Deployment, statement: str, *values: Any) -> int:
    return int(deployment.one.rows(f"SELECT count(*) FROM {statement}", *values)[0][0])


def id_of(person: Person) -> str:
    return str(json.loads(person.get("/api/v1/me").text)["id"])


def exported(id: str) -> dict[str, Any]:
    """Returns a chat of one message, as ChatGPT exports it."""
    said = {"id": f"{id}-1", "author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hello"]}}
    nodes = {"0": {"id": "0", "children": ["1"]}, "1": {"id": "1", "parent": "0", "message": said, "children": []}}
    return {"id": id, "title": "Chat", "current_node": "1", "mapping": nodes}


def test_a_message_that_is_sent_many_times_begins_one_chat(deployment, ann, fake) -> None:
    key = uuid.uuid4().hex
    replies = at_once(ann, lambda person, _: person.post("/chats", message="Once", key=key))
    assert statuses(replies) == {303: MANY}
    assert len({reply.location for reply in replies}) == 1
    assert count(deployment, "chats WHERE owner_id = ?", id_of(ann[0])) == 1


def test_a_file_that_is_imported_at_all_workers_makes_no_chat_twice(deployment, ann, fake) -> None:
    file = json.dumps([exported(uuid.uuid4().hex) for _ in range(10)]).encode()
    replies = at_once(ann, lambda person, _: person.upload("/api/v1/import", file, "chats.json"), 6)
    assert set(statuses(replies)) <= {201, 409}
    assert 201 in statuses(replies)
    assert count(deployment, "chats WHERE owner_id = ?", id_of(ann[0])) == 10


def test_two_owners_who_disable_each_other_leave_one(deployment, fake) -> None:
    here, there = members(deployment)[0], members(deployment)[2]
    ids = [id_of(there), id_of(here)]
    # The one who owns the server has to stay out of it.
    deployment.one.change("UPDATE users SET role = 'admin' WHERE role = 'owner'")
    deployment.one.change("UPDATE users SET role = 'owner' WHERE id IN (?, ?)", *ids)
    try:
        at_once([here, there], lambda person, number: person.ask("PATCH", f"/users/{ids[number]}", is_disabled=True), 2)
        left = count(deployment, "users WHERE role = 'owner' AND disabled_at IS NULL")
    finally:
        deployment.one.change("UPDATE users SET role = 'member', disabled_at = NULL WHERE id IN (?, ?)", *ids)
        deployment.one.change("UPDATE users SET role = 'owner' WHERE email = 'owner@example.org'")
    assert left == 1


def test_an_invite_lets_one_person_in(deployment, fake) -> None:
    invite = deployment.here.ask("POST", "/users/invites", role="member").text
    path = "/invite/" + invite.partition("/invite/")[2].partition('"')[0]
    people = [Person(url) for url in (deployment.one.url, deployment.one.url, deployment.other.url)]
    emails = [f"{uuid.uuid4().hex[:8]}@example.org" for _ in range(MANY)]
    at_once(people, lambda person, number: Person(person.url).post(path, email=emails[number], name="New", password=PASSWORD))
    assert sum(count(deployment, "users WHERE email = ?", email) for email in emails) == 1


def test_a_call_is_decided_once(deployment, ann, fake) -> None:
    ann[0].post("/settings/tools", **{"shown": "write_file", "limit-write_file": "ask"})
    fake.always(
        {"rounds": [{"calls": [{"tool": "write_file", "arguments": {"name": "a.txt", "text": "Words"}}]}, {"says": "Done."}]}
    )
    chat = ann[0].ask("POST", "/chats", message="Write", tools=["write_file"])
    id = json.loads(chat.text)["sent"]["chat_id"]
    calls = "SELECT c.id FROM calls c JOIN messages m ON m.id = c.message_id WHERE m.chat_id = ? AND c.state = ?"
    until(lambda: deployment.one.rows(calls, id, "waiting"), "the call waits")
    [(call,)] = deployment.one.rows(calls, id, "waiting")
    words = ["allow", "deny", "allow_in_chat"]
    replies = at_once(ann, lambda person, number: person.ask("POST", f"/calls/{call}/decision", decision=words[number // 3]))
    assert statuses(replies) == {200: 1, 409: MANY - 1}
    until(lambda: not count(deployment, "generations WHERE lane = ? AND ended_at IS NULL", f"chat:{id}"), "the answer ends")
    assert count(deployment, "chat_files WHERE chat_id = ?", id) == len(deployment.one.rows(calls, id, "done"))


def test_a_budget_is_not_passed_by_starting_many_at_once(deployment, ann, fake) -> None:
    about = {"who": "user", "who_id": id_of(ann[0]), "unit": "answers", "limit": 2, "period": "month"}
    # That budgets are on at all is a setting, which other workers know a second later.
    budget = deployment.here.send("/budgets", **about)["id"]
    gevent.sleep(FRESH_SECONDS * 2)
    replies = at_once(ann, lambda person, _: person.ask("POST", "/chats", message="Cheap"))
    deployment.here.ask("DELETE", f"/budgets/{budget}")
    assert statuses(replies) == {201: 2, 402: MANY - 2}


def test_one_of_many_saves_a_text_beside_a_chat(deployment, ann, fake) -> None:
    path = ann[0].begin("Hello")
    until(lambda: ann[0].last_answer(path).status == "completed", "there is an answer")
    text = ann[0].send(f"{path}/texts", message_id=ann[0].last_answer(path).id)

    def save(person: Person, number: int) -> Reply:
        return person.ask("PATCH", f"/texts/{text['id']}", text=f"Mine {number}", version=text["version"])

    assert statuses(at_once(ann, save)) == {200: 1, 409: MANY - 1}


def test_a_schedule_that_is_run_many_times_at_once_runs_once(deployment, ann, fake) -> None:
    rule = {"every": "day", "at": "09:00"}
    id = json.loads(ann[0].ask("POST", "/schedules", title="News", prompt="What is new?", rule=rule).text)["id"]
    replies = at_once(ann, lambda person, _: person.ask("POST", f"/schedules/{id}/runs"))
    assert statuses(replies) == {201: 1, 409: MANY - 1}
    assert count(deployment, "schedule_runs WHERE schedule_id = ?", id) == 1
