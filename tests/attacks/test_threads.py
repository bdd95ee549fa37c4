"""Many requests that need threads leave others their own: to sign in, to search, to look up an address."""

from collections.abc import Iterator
from itertools import repeat

import gevent
import pytest

from tests.attacks.scene import EMAILS, Scene, opened
from tests.support.bystander import bystander
from tests.support.person import Person
from tests.support.waiting import until
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
FREE = "2 of 2 for passwords, 2 of 2 for reads, 2 of 2 for computations."


@pytest.fixture(scope="module")
def scene(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with opened(tmp_path_factory.mktemp("threads"), fake_process) as scene:
        yield scene


def test_two_visitors_who_read_the_api_right_after_the_start_lose_no_thread(scene: Scene) -> None:
    scene.server.terminate()
    scene.server.start()
    asked = [gevent.spawn(Person(scene.server.url).get, path) for path in ("/openapi.json", "/api") for _ in range(4)]
    gevent.joinall(asked, timeout=60)

    assert [greenlet.value and greenlet.value.status for greenlet in asked] == [200] * len(asked)
    until(lambda: FREE in scene.owner.page("/admin/health").text, "every thread is free again")


def test_a_character_whose_macros_expand_far_keeps_nobody_from_signing_in(scene: Scene, fake: Upstream) -> None:
    [guest, *_] = scene.members
    far = "a *b* `d`\n\n" * 2_900
    made = guest.post("/characters", name="Echo", description=far, greeting="{{description}}\n\n" * 3)
    assert made.status == 303, made.text
    with bystander(scene.server, fake, person=scene.owner):
        reading = [gevent.spawn(guest.get, made.location) for _ in range(10)]
        for email in repeat(EMAILS[1], 3):
            with gevent.Timeout(5):
                Person(scene.server.url).sign_in(email)
        gevent.joinall(reading, timeout=120)
    assert {greenlet.value.status for greenlet in reading} <= {200, 503}
    assert guest.page(made.location).text.count("<em>b</em>") >= 3 * 2_900
