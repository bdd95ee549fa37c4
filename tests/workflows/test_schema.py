"""The JSON Schema of definitions: accepts everything that the checker accepts, and checks the structure as strictly."""

import json
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from flask import Flask
from jsonschema import Draft202012Validator

from tests.support.browser import Browser
from tests.support.rounds import ROUNDS
from tests.workflows.test_interpreter import any_definition
from webapp.base.config import ROOT
from webapp.workflows.definition.parsing import KNOWN, OF_A_SLOT, OF_A_STEP, BrokenWorkflow, read
from webapp.workflows.editor.schema import PARTS, SCHEMA, SLOT_FIELDS, VERBS

VALIDATOR = Draft202012Validator(SCHEMA)
JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2.5,
    10**6,
    "",
    "a",
    "good",
    "x" * 5_000,
    [],
    ["a", "b"],
    {},
    {"a": 1},
    [{}],
)
SMALL = {
    "workflow": "small",
    "title": "Small",
    "slots": {"a": {"type": "choice", "options": ["x", "y"]}},
    "steps": [{"collect": "a"}],
}
MISSHAPEN: tuple[dict[str, Any], ...] = (
    {"title": None},
    {"workflow": "Tea Time"},
    {"colour": "red"},
    {"minutes": "two"},
    {"slots": {"a": {"type": "nmber"}}},
    {"slots": {"A": {}}},
    {"slots": {"a": {"option": []}}},
    {"steps": []},
    {"steps": [{"shout": "Hi"}]},
    {"steps": [{"say": "Hi", "chat": "Hi"}]},
    {"steps": [{"say": "Hi", "max_tokens": 3}]},
    {"steps": [{"chat": "Hi", "max_sentences": 99}]},
    {"steps": [{"branch": [{"if": "a == 1"}]}]},
    {"steps": [{"end": {"say": "Bye"}}]},
)


def is_read(definition: Any) -> bool:
    try:
        read(json.dumps(definition))
    except BrokenWorkflow:
        return False
    return True


def places(value: Any) -> list[tuple[Any, Any]]:
    """Returns every container in a value, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [found for key in keys for found in ((value, key), *places(value[key]))]


def test_it_knows_the_fields_that_the_checker_knows() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert (set(PARTS), set(SLOT_FIELDS), set(VERBS)) == (set(KNOWN), set(OF_A_SLOT), set(OF_A_STEP))


def test_it_takes_what_comes_with_millrace() -> None:
    for file in [*Path(ROOT / "webapp/workflows/shipped").glob("*.yaml")]:
        VALIDATOR.validate(yaml.safe_load(file.read_text("utf-8")))


@pytest.mark.parametrize("wrong", MISSHAPEN, ids=str)
def test_a_wrong_shape_is_refused_by_both(wrong: dict[str, Any]) -> None:
    assert (is_read(SMALL), VALIDATOR.is_valid(SMALL)) == (True, True)
    assert (is_read(SMALL | wrong), VALIDATOR.is_valid(SMALL | wrong)) == (False, False)


@pytest.mark.slow
def test_whatever_the_checker_takes_it_takes_too() -> None:
    random, taken, refused = Random(11), 0, 0
    for _ in range(150 * ROUNDS):
        definition: Any = deepcopy(any_definition(random))
        for _ in range(random.randint(0, 2)):
            container, key = random.choice(places(definition))
            if random.random() < 0.3:
                del container[key]
            else:
                container[key] = deepcopy(random.choice(JUNK))
        if is_read(definition):
            VALIDATOR.validate(definition)
            taken += 1
        refused += not VALIDATOR.is_valid(definition)
    assert min(taken, refused) > 5


def test_it_is_there_for_editors_that_do_not_sign_in(app: Flask) -> None:
    assert Browser(app).get("/workflows/schema.json").json == SCHEMA
