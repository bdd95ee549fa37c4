"""Expensive texts by models and people do not delay the answers of other users."""

from collections.abc import Iterator
from html import unescape

import gevent
import pytest

from tests.attacks.scene import EMAILS, Scene, opened
from tests.support.bystander import bystander
from tests.support.marks import few_of
from tests.support.person import Person
from tests.support.rounds import ROUNDS
from tests.support.tab import Tab
from tests.upstream.handle import Upstream
from webapp.characters.tables import Character, Persona

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MEGABYTE, BLOCKS_CHARS = 1_000_000, 300_000
BLOCKS = {"paragraphs": "a\n\n", "items": "- x\n", "quotes": "> \n", "rows": "| a |\n"}
TABLE = "| a |\n|---|\n"
PAGES = "```html\n<b>Hello</b>\n```\n\n" + "a\n\n" * 60_000
WRITING = "{{user}} *and* `{{char}}` > - [x](y) "


@pytest.fixture(scope="module")
def scene(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with opened(tmp_path_factory.mktemp("texts"), fake_process) as scene:
        with scene.database() as session:
            owner_id = scene.ids(session)[0]
            for number in range(300):
                text = f"{number} {WRITING}" * 450
                session.add(Character(owner_id=owner_id, name=f"{'Name ' * 20}{number}", description=text, greeting=text))
                session.add(Persona(owner_id=owner_id, name=f"{'Name ' * 20}{number}", description=text))
            scene.store(session, "pages", [PAGES])
        yield scene


@pytest.mark.parametrize("path", few_of(["/characters?q=name+char", "/characters", "/personas"]))
def test_a_list_of_long_texts(scene: Scene, fake: Upstream, path: str) -> None:
    with bystander(scene.server, fake, person=scene.owner) as beside:
        for _ in range(3):
            assert scene.members[0].page(path).text.count("Name Name") >= 100

    print(f"gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {beside.grown_bytes / 1e6:.0f} MB")


@pytest.mark.parametrize(
    ("part", "slice"),
    [
        ("{", 0),
        ("[", 2_000),
        ('{"weeks":[{"a":', 2_000),
        ('"\\', 0),
        ('{"title":"x","weeks":[' + "{}," * 60_000, 0),
        ('{"title":"x","weeks":[' + "{}," * 60_000, 2_000),
    ],
)
@pytest.mark.mostly_deep(2)
def test_a_plan_that_is_no_plan(scene: Scene, fake: Upstream, part: str, slice: int) -> None:
    text = (part * (MEGABYTE // len(part) + 1))[:MEGABYTE]
    size = slice or MEGABYTE
    scene.upstream.always({"tokens": [text[start : start + size] for start in range(0, MEGABYTE, size)]})
    with bystander(scene.server, fake, person=scene.owner) as beside:
        made = scene.members[0].post("/plans", type="monthly", goals="Finish the shelf\nAnswer old letters")
        assert made.status == 303, made.text
        tab = Tab(scene.members[0], f"{made.location}/events").read()
        scene.await_the_end()
        tab.close()
        scene.members[0].page(made.location)

    print(f"gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {beside.grown_bytes / 1e6:.0f} MB")


@pytest.mark.parametrize("kind", few_of(BLOCKS))
def test_a_heap_of_tiny_blocks(scene: Scene, fake: Upstream, kind: str) -> None:
    scene.upstream.always({"tokens": [(TABLE if kind == "rows" else "") + BLOCKS[kind] * (BLOCKS_CHARS // len(BLOCKS[kind]))]})
    with bystander(scene.server, fake, person=scene.owner) as beside:
        path = scene.members[0].begin("Hello")
        tab = Tab(scene.members[0], scene.members[0].last_answer(path).events_url).read()
        scene.await_the_end(200)
        assert scene.members[0].last_answer(path).status == "completed"
        tab.close()

    print(f"gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {beside.grown_bytes / 1e6:.0f} MB")


def test_many_previews_of_a_long_text(scene: Scene, fake: Upstream) -> None:
    pages = [scene.members[0].get(f"/messages/pages-00000/preview?block={block}").text for block in range(2)]
    frames = [unescape(page.partition("<iframe")[2].partition('src="')[2].partition('"')[0]) for page in pages]
    with bystander(scene.server, fake, person=scene.owner) as beside:
        looking = [gevent.spawn(scene.members[0].get, frames[number % 2]) for number in range(40)]
        # Hashing the password of another user needs a thread, too.
        Person(scene.server.url).sign_in(EMAILS[1])
        gevent.joinall(looking, raise_error=True)

    assert sum("<b>Hello</b>" in greenlet.value.text for greenlet in looking) == 20
    print(f"gap {beside.gap_ms:.0f} ms, page {beside.page_ms:.0f} ms, {beside.grown_bytes / 1e6:.0f} MB")


@pytest.mark.rounds
def test_many_forms_in_which_every_character_is_escaped(scene: Scene, fake: Upstream) -> None:
    with bystander(scene.server, fake, person=scene.owner):
        # Each takes half a second of a core.
        times = 30 if ROUNDS > 1 else 12
        sending = [gevent.spawn(scene.members[0].post, "/draft", message="\x01" * 300_000) for _ in range(times)]
        gevent.joinall(sending, raise_error=True)

    assert all(greenlet.value.status < 500 for greenlet in sending)
