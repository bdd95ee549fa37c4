"""Runs each mutation in a process forked from one with the libraries loaded; reads names, writes JSON, a line each."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402  the patch must come first
import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from importlib import import_module  # noqa: E402
from importlib.abc import MetaPathFinder  # noqa: E402
from importlib.machinery import ModuleSpec, SourceFileLoader  # noqa: E402
from importlib.util import spec_from_file_location  # noqa: E402
from types import CodeType, ModuleType  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402

from tests.attacks.mutations import MUTATIONS, Mutation  # noqa: E402

# The libraries that take most of our import time. None of our own modules is imported before it is changed.
LIBRARIES = (
    "flask_migrate",
    "flask_sqlalchemy",
    "wtforms",
    "requests",
    "cryptography.fernet",
    "markdown_it",
    "nh3",
    "alembic.command",
    "argon2",
    "html5lib",
    "jsonschema",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "selectolax.lexbor",
    "yaml",
    "sqlalchemy.dialects.sqlite",
)
OPTIONS = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--timeout=60")


class Changed(SourceFileLoader):
    """A loader that compiles a module from the given source, without caching the bytecode."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self._source.encode(), self.path)
        return code


class Finder(MetaPathFinder):
    """An import finder for the one module that is changed."""

    def __init__(self, mutation: Mutation) -> None:
        self._name, self._path = mutation.path.removesuffix(".py").replace("/", "."), os.path.abspath(mutation.path)
        with open(self._path, encoding="utf-8") as file:
            self._source = changed(file.read(), mutation)

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return spec_from_file_location(fullname, self._path, loader=Changed(fullname, self._path, self._source))


class Noticed:
    """Records which tests have failed in their own code, not in a fixture; the first failing case of a test is enough."""

    def __init__(self) -> None:
        self.tests: set[str] = set()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if name_of(item.nodeid) in self.tests:
            pytest.skip("a case before this one has failed")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.when == "call":
            self.tests.add(name_of(report.nodeid))


def name_of(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def changed(source: str, mutation: Mutation) -> str:
    """Returns the source without the safeguard."""
    for old, new in mutation.changes:
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {mutation.path}"
        source = source.replace(old, new)
    return source + mutation.more


def unnoticed(mutation: Mutation) -> list[str]:
    """Runs a mutation's tests on the changed source; returns those that passed nevertheless."""
    sys.meta_path.insert(0, Finder(mutation))
    noticed = Noticed()
    pytest.main([*OPTIONS, *mutation.tests], plugins=[noticed])
    return [test for test in mutation.tests if test not in noticed.tests]


def answer(name: str) -> dict[str, Any]:
    """Forks a child to try a mutation; returns the tests that did not notice it, and all output."""
    with tempfile.TemporaryFile("w+") as found, tempfile.TemporaryFile("w+", errors="replace") as printed:
        child = os.fork()
        if not child:
            for number in (1, 2):
                os.dup2(printed.fileno(), number)
            json.dump(unnoticed(MUTATIONS[name]), found)
            sys.exit()
        os.waitpid(child, 0)
        found.seek(0)
        printed.seek(0)
        # A child that crashed has written no result.
        return {"unnoticed": json.loads(found.read() or '"it ended before its time"'), "printed": printed.read()}


def main() -> None:
    """Answers requests until standard input ends."""
    for name in LIBRARIES:
        import_module(name)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), flush=True)


if __name__ == "__main__":
    main()
