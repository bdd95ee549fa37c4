"""The real server with the packages of its own lock alone, as `make setup` installs them: every page is there.

The other tests run it among their own packages, where an import of one of those goes unnoticed.
"""

import re
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from functools import cache, partial
from http.client import HTTPConnection
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import urlencode
from venv import EnvBuilder

import pytest

from tests.attacks.matrix import FIELDS, ROUTES, RULES
from tests.attacks.test_matrix import address, fields_for, things
from tests.attacks.world import World
from tests.conftest import KEYS, MakeApp
from tests.support.server import prepared
from tests.support.source import ROOT

pytestmark = pytest.mark.slow

NAME = re.compile(r"^[\w.-]+", re.MULTILINE)
# The folders of commands and of single modules' bytecode, which many distributions have in common.
SHARED = {"..", "__pycache__"}


@pytest.fixture
def python(tmp_path: Path) -> str:
    """The Python of a virtual environment with what `requirements.lock` names, linked from the one of the tests."""
    folder = tmp_path / "venv"
    EnvBuilder(symlinks=True).create(folder)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    locked = set(map(plain, NAME.findall((ROOT / "requirements.lock").read_text("utf-8"))))
    entries = {
        path for distribution in distributions() if plain(distribution.name) in locked for path in entries_of(distribution)
    }
    for path in entries:
        (packages / path.name).symlink_to(path)
    return str(folder / "bin" / "python")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries_of(distribution: Distribution) -> set[Path]:
    """Returns what a distribution has brought into `site-packages`."""
    tops = {file.parts[0] for file in distribution.files or ()} - SHARED
    return {Path(str(distribution.locate_file(top))) for top in tops}


def test_no_page_needs_a_package_of_the_tests(python: str, make_bare_app: MakeApp, tmp_path: Path) -> None:
    with prepared(tmp_path / "data", python=python, **KEYS) as server:
        server.lift_limits()
        app = make_bare_app(DATA_DIR=str(server.folder))
        pages = [page for person in ("owner", "member") for page in pages_of(World(app, person))]
        server.start()
        # 502: no one is at the address of the identity provider that such a page leads to. On a busy machine a page can be
        # refused for now, which needs no package; what does ends as 500, or is logged by work in the background.
        statuses = {path: status_of(server.port, path, cookie) for path, cookie in pages}
        assert 500 not in statuses.values(), [path for path, status in statuses.items() if status == 500]
        assert all("sign-on" in path for path, status in statuses.items() if status == 502)
        assert "ModuleNotFoundError" not in server.log
        assert "ImportError" not in server.log


def pages_of(world: World) -> Iterator[tuple[str, str]]:
    """Yields an address, and the cookie, for each route that the person may read, of an object for which that is so."""
    cookie, same = f"millrace={world.browser().cookie('millrace')}", cache(partial(things, world))
    for name, routes in ROUTES.items():
        for route in routes:
            states = [state for state, outcome in RULES[route.rule][world.person].items() if outcome == "in"]
            if route.method == "GET" and states:
                # What a request must contain is of the object that was made last.
                made = partial(things, world) if name in FIELDS else same
                path = address(world, name, made(route.things, states[0]))
                yield f"{path}?{urlencode(fields_for(world, name))}", cookie


def status_of(port: int, path: str, cookie: str) -> int:
    """Reads a page to its end, and of a stream only how it begins."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path, headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin"})
        response = connection.getresponse()
        if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
            response.read()
        return response.status
