"""A server that is killed while it reads documents still reads each of them exactly once in the end."""

from collections.abc import Iterator

import pytest

from tests.support.person import Person
from tests.support.rounds import ROUNDS
from tests.support.server import Server, prepared
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 * ROUNDS)]
DOCUMENTS, KILLS = (40, 10) if ROUNDS > 1 else (4, 1)
FINISHED = "SELECT count(*) FROM documents WHERE state = 'ready'"
STORED = "SELECT count(*) FROM passages"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("server")) as server:
        yield server


def text(number: int) -> str:
    """Returns a text of sixty passages, each with a word that is in no other document."""
    return "\n\n".join(f"## Part {part}\n\n" + f"The wheel of mill{number} turns and turns. " * 24 for part in range(60))


def count(server: Server, query: str) -> int:
    return int(server.rows(query)[0][0])


def is_done(server: Server) -> bool:
    return count(server, FINISHED) == DOCUMENTS


def test_a_killed_server_goes_on_and_reads_nothing_twice(server: Server) -> None:
    server.lift_limits()
    server.start()
    person = Person(server.url).become_owner(server.owner_link)
    path = person.post("/knowledge", name="Mills", level="0").location
    for number in range(DOCUMENTS):
        assert person.post(f"{path}/documents", text=text(number), title=f"Mill {number}", level="0").status == 303
    for kill in range(KILLS):
        # Kills the server in the middle of a document, a different one each time.
        least = kill * DOCUMENTS // (KILLS + 1)
        until(lambda least=least: count(server, FINISHED) >= least, "some are ready", seconds=200)
        before = count(server, STORED)
        # After a pause of the machine, all documents can be ready already.
        until(lambda before=before: count(server, STORED) != before or is_done(server), "one is being read", seconds=120)
        server.kill()
        server.start()
    until(lambda: is_done(server), "all are ready", seconds=200)
    assert count(server, "SELECT count(*) FROM documents") == DOCUMENTS
    assert {tuple(row) for row in server.rows("SELECT passages FROM documents")} == {(60,)}
    assert count(server, STORED) == 60 * DOCUMENTS
    assert count(server, "SELECT count(*) FROM passages_search") == 60 * DOCUMENTS
    assert "Mill 3" in person.page(f"{path}?q=mill3").text
