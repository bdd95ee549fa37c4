"""The examples end, and say why, when the model gives no answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gevent.pool import Pool

from tests.docs.snippets import environment, printed_by
from tests.docs.test_examples import AT_ONCE, PROGRAMS, command_of, name_of
from tests.support.inserted import add_token
from tests.support.person import Person
from tests.support.server import prepared
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.mostly_deep, pytest.mark.timeout(300)]

OUTCOMES = {"refused key": 401, "no credit": 402, "refused text": 400, "broken server": 500}


@pytest.fixture(scope="module")
def reader(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prepared(tmp_path_factory.mktemp("examples"), **fake_process.environ) as server:
        server.lift_limits()
        server.start()
        Person(server.url).become_owner(server.owner_link)
        yield environment(server.url, add_token(server))
        assert "Traceback" not in server.log


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_example_ends_and_says_why(fake: Upstream, reader: dict[str, str], tmp_path: Path, outcome: str) -> None:
    """After a few failures the model is paused, so that later programs meet that too."""
    fake.always({"status": OUTCOMES[outcome], "json": {"error": {"code": OUTCOMES[outcome], "message": "No."}}})

    def tried(path: Path) -> tuple[int, str]:
        return printed_by(command_of(path), tmp_path, reader)

    said = dict(zip(map(name_of, PROGRAMS), Pool(AT_ONCE).map(tried, PROGRAMS), strict=True))

    for name, (status, printed) in said.items():
        # Curl prints the events, whatever they tell.
        assert status == (0 if name.endswith(".sh") else 1), (name, printed)
        assert printed.strip(), name
        assert "Traceback" not in printed, (name, printed)
