"""One running server, answered by the demo, for everything that a reader of the documentation types."""

from collections.abc import Iterator

import pytest

from tests.docs.snippets import environment
from tests.support.inserted import add_token
from tests.support.person import Person
from tests.support.server import Server, prepared


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("docs")) as server:
        server.lift_limits()
        server.start()
        Person(server.url).become_owner(server.owner_link)
        yield server
        assert "Traceback" not in server.log


@pytest.fixture(scope="package")
def reader(server: Server) -> dict[str, str]:
    """The environment of a reader who has created a token."""
    return environment(server.url, add_token(server))
