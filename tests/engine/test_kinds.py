"""Code knows a kind of generation by what its feature declares, and nowhere by its name."""

import ast

import pytest
from flask import Flask

from tests.support.source import modules
from webapp.base.db import write
from webapp.engine.engine import ENGINE
from webapp.engine.kinds import Kind
from webapp.engine.tables import Generation
from webapp.operations.usage.shown import team_usage

DECIDE_NOTHING = ("webapp.engine", "webapp.streaming", "webapp.usage", "webapp.health", "webapp.engine.watching", "webapp.api")


@pytest.fixture
def haiku(app: Flask):
    """One more kind, with only the required fields."""
    kinds = ENGINE.of(app).kinds
    kinds["haiku"] = Kind("haiku", "Short poems")
    yield kinds["haiku"]
    del kinds["haiku"]


def test_usage_calls_a_new_kind_by_its_words(app: Flask, haiku: Kind) -> None:
    with app.app_context():
        with write() as session:
            session.add(Generation(kind="haiku", lane="haiku:1", status="completed", model_asked="some/model", owner="nobody"))

        assert [purpose.name for purpose in team_usage(2).purposes] == ["Short poems"]


def test_a_new_kind_leaves_nothing_but_its_record(app: Flask, haiku: Kind) -> None:
    row = Generation(kind="haiku", lane="haiku:1", status="completed", model_asked="some/model", owner="nobody")

    assert (haiku.saved(row), haiku.text(row), haiku.continue_interrupted, haiku.is_side_request) == ([], None, None, False)
    assert haiku.projection(row).snapshot() == (None, ())


def test_every_kind_has_words_for_people(app: Flask) -> None:
    assert all(kind.words and kind.name == name for name, kind in ENGINE.of(app).kinds.items())


@pytest.mark.slow
def test_nobody_compares_a_kind_with_a_name(app: Flask) -> None:
    names, found = set(ENGINE.of(app).kinds), []
    for module in modules().values():
        comparisons = (node for node in ast.walk(module.tree) if isinstance(node, ast.Compare) and module.is_in(*DECIDE_NOTHING))
        for comparison in comparisons:
            constants = {
                node.value for node in comparison.comparators if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
            is_of_kind = isinstance(comparison.left, ast.Attribute) and comparison.left.attr == "kind"
            found += [f"{module.name}:{comparison.lineno}"] if is_of_kind and constants & names else []
    assert not found
