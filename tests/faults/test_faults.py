"""Every fault of the table, with one answer and with fifty, on both kinds of storage.

`python -m tests.faults` writes the outcomes down.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.faults.invariants import broken
from tests.faults.rows import BOTH, FAULTS, Fault, Storage
from tests.faults.scene import LIMITS, Installation, Scene
from tests.support import redis_server
from tests.support.person import Person
from tests.support.ports import free_port
from tests.support.server import prepared
from tests.upstream.handle import Upstream
from tests.workers.conftest import KEYS

# These cases run in `make test`.
USUAL = {("an error in the middle", "one worker", 1), ("a reset in the middle", "one worker", 1)}
LOADS = (1, 50)
HELD = "workers are stopped, and megabytes come in one piece"


def cases() -> Iterator[object]:
    for fault in FAULTS:
        for storage in fault.where:
            for load in LOADS:
                is_usual = (fault.words, storage, load) in USUAL
                marks = [pytest.mark.slow] if is_usual else [pytest.mark.slow, pytest.mark.deep]
                yield pytest.param(fault, storage, load, marks=marks, id=f"{fault.number}-{fault.words}-{storage}-{load}")


@pytest.fixture(scope="module")
def installations(
    tmp_path_factory: pytest.TempPathFactory, fake_process: Upstream, request: pytest.FixtureRequest
) -> Iterator[Callable[[Storage], Installation]]:
    made: dict[Storage, Installation] = {}
    with ExitStack() as stack:

        def installation(storage: Storage) -> Installation:
            if storage not in made:
                made[storage] = {BOTH[0]: _alone, BOTH[1]: _several}[storage](stack, tmp_path_factory, fake_process, request)
            return made[storage]

        yield installation


def _alone(stack, tmp_path_factory, fake: Upstream, _request) -> Installation:
    one = stack.enter_context(prepared(tmp_path_factory.mktemp("alone"), **fake.environ))
    return Installation(one, *[_owner(one)] * 2)


def _several(stack, tmp_path_factory, fake: Upstream, request) -> Installation:
    server, folder = request.getfixturevalue("postgres_server"), tmp_path_factory.mktemp("several")
    name = server.new_database(like=request.getfixturevalue("migrated_database"))
    stores = stack.enter_context(redis_server.running_server(free_port()))
    urls = {"DATABASE_URL": server.url(name), "REDIS_URL": stores.url}
    environ = {**KEYS, **fake.environ, **urls, "FILES_DIR": str(folder / "files")}
    one = stack.enter_context(prepared(folder / "one", **environ, WEB_CONCURRENCY="2"))
    other = stack.enter_context(prepared(folder / "other", beside=one, **environ))
    here = _owner(one)
    other.may_be_held = HELD
    other.start()
    return Installation(one, here, Person(other.url).sign_in("owner@example.org"), other, stores)


def _owner(server) -> Person:
    """Sets the limits before the server starts, since a running one notices them only after a while."""
    server.may_be_held = HELD
    server.lift_limits()
    server.set(**{f"stream__{name}_seconds": value for name, value in LIMITS.items()}, **{"models.titles": "off"})
    server.start()
    return Person(server.url).become_owner(server.owner_link)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("fault", "storage", "load"), list(cases()))
def test_a_fault_leaves_everything_true(
    installations: Callable[[Storage], Installation], fake: Upstream, fault: Fault, storage: Storage, load: int, record_property
) -> None:
    record_property("case", f"{fault.number}|{fault.words}|{storage}|{load}")
    with closing(Scene(installations(storage), fake, load)) as scene:
        fault.does(scene)
        scene.until_over()

        status, reason = scene.runs(scene.hit)[-1]
        record_property("outcome", f"{status} ({reason})")
        assert status in fault.ends
        assert not broken(scene, most_asked=fault.most_asked)
        assert scene.goes_on()
