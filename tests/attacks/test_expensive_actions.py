"""Expensive actions of some users neither delay another user's answer and pages nor lose any of their text."""

import json
import time
from collections.abc import Callable, Iterator

import gevent
import pytest

from tests.attacks.scene import Scene, opened
from tests.chat.test_hostile_imports import brackets, entries, member
from tests.support.bystander import bystander
from tests.support.tab import Tab
from tests.test_extensions import held_by_another_process
from tests.upstream.handle import Upstream
from webapp.plans.types import service as plan_type_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

HOSTILE = [f"{number} water {'> - > - ! ' * 19_500} rye" for number in range(20)]
CHATS = {"hostile": HOSTILE, "long": ["Some words of it. " * 20] * 3_000, "unwanted": ["Some words of it. " * 20] * 3_000}
PLAN = plan_type_service.parsed("monthly", (plan_type_service.FOLDER / "monthly.yaml").read_text("utf-8")).example
HELD_SECONDS = 2
# Just below the maximum size of a response and of a stream's line.
WHOLE = {"headers": {"Content-Type": "application/json"}, "steps": [{"send": '{"choices":[' + "[]," * 5_000_000 + "[]]}"}]}
LINE = {"steps": [{"send": 'data: {"choices":[' + "[]," * 1_300_000 + "[]]}\n\n"}]}


@pytest.fixture(scope="module")
def scene(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with opened(tmp_path_factory.mktemp("beside"), fake_process) as scene:
        with scene.database() as session:
            for name, texts in CHATS.items():
                scene.store(session, name, texts)
        yield scene


def files_that_unpack_to_a_thousandfold(scene: Scene) -> None:
    data = member(brackets())
    sending = [gevent.spawn(person.upload, "/import", data) for person in scene.members]
    gevent.joinall(sending, raise_error=True)

    replies = [greenlet.value for greenlet in sending]
    assert {reply.status for reply in replies} <= {422, 503}
    assert all("too many values" in reply.text for reply in replies if reply.status == 422)
    assert 422 in {reply.status for reply in replies}


def a_file_with_a_long_directory(scene: Scene) -> None:
    reply = scene.members[0].upload("/import", entries(200_000, said=1))

    assert reply.status == 422
    assert "list of files is too long" in reply.text


def a_search_that_finds_hostile_texts(scene: Scene) -> None:
    page = scene.members[0].page("/chats?q=water+rye")

    assert len(page.tree.css(".hit")) == len(HOSTILE)


def deleting_a_long_chat(scene: Scene) -> None:
    assert scene.members[0].post("/chats/unwanted/delete").status == 303
    assert scene.members[0].post("/chats/unwanted/erase").status == 303
    assert not scene.server.rows("SELECT 1 FROM messages WHERE chat_id = 'unwanted' LIMIT 1")


def an_upstream_that_answers_with_brackets(scene: Scene) -> None:
    for behaviour in (WHOLE, LINE):
        scene.upstream.always(behaviour)
        path = scene.members[0].begin("Hello")
        scene.await_the_end()
        assert scene.members[0].last_answer(path).status == "failed"


def pages_of_a_long_chat_by_the_api(scene: Scene) -> None:
    for _ in range(20):
        page = scene.members[0].page("/api/v1/chats/long/messages?limit=200")
        assert len(json.loads(page.text)["messages"]) == 200


def a_plan_that_is_made_and_watched(scene: Scene) -> None:
    scene.upstream.says(json.dumps(PLAN), pace=0.001)
    made = scene.members[0].post("/plans", type="monthly", goals="Finish the shelf\nAnswer old letters")
    assert made.status == 303, made.text
    tab = Tab(scene.members[0], f"{made.location}/events").read()
    scene.await_the_end()
    tab.close()

    plan = scene.members[0].page(made.location).tree.css_first("#plan")
    assert plan.attributes["data-status"] == "completed"


def a_database_that_another_process_holds(scene: Scene) -> None:
    with held_by_another_process(scene.server.folder / "millrace.sqlite3"):
        deadline = time.monotonic() + HELD_SECONDS
        while time.monotonic() < deadline:
            scene.members[0].page("/chats/long")


ATTACKS: list[Callable[[Scene], None]] = [
    files_that_unpack_to_a_thousandfold,
    a_file_with_a_long_directory,
    a_search_that_finds_hostile_texts,
    deleting_a_long_chat,
    an_upstream_that_answers_with_brackets,
    pages_of_a_long_chat_by_the_api,
    a_plan_that_is_made_and_watched,
    a_database_that_another_process_holds,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.replace("_", " "))
def test_it_holds_up_nobody_beside_it(scene: Scene, fake: Upstream, attack: Callable[[Scene], None]) -> None:
    held, began = scene.server.held(), time.monotonic()
    with bystander(scene.server, fake, person=scene.owner) as beside:
        attack(scene)
        seconds = time.monotonic() - began

    print(f"gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {seconds:.1f} s")
    assert scene.server.held() == held
