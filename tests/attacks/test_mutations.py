"""The tests notice a missing safeguard: with one place in the source changed, the listed tests must fail."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.attacks.mutations import MUTATIONS
from tests.support.source import ROOT

Ask = Callable[[str], dict[str, Any]]
FEW = ["no owner on the stream", "no sanitiser when it is sealed"]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """A function that tries a mutation in a `mutants.py` process and returns the result."""
    command = [sys.executable, "-m", "tests.attacks.mutants"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(name: str) -> dict[str, Any]:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{name}\n")
            process.stdin.flush()
            said: dict[str, Any] = json.loads(process.stdout.readline())
            return said

        yield ask


def test_what_is_taken_away_is_there_once() -> None:
    """Every mutation still matches the source, as most of them only run in deep runs."""
    sources = {mutation.path: (ROOT / mutation.path).read_text() for mutation in MUTATIONS.values()}
    counts = {name: [sources[mutation.path].count(old) for old, _ in mutation.changes] for name, mutation in MUTATIONS.items()}
    assert {name: found for name, found in counts.items() if set(found) != {1}} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FEW, *(pytest.param(name, marks=pytest.mark.deep) for name in MUTATIONS if name not in FEW)])
def test_a_missing_safeguard_is_noticed(ask: Ask, name: str) -> None:
    said = ask(name)

    assert said["unnoticed"] == [], f"they did not notice: {said['unnoticed']}\n{said['printed'][-2000:]}"
