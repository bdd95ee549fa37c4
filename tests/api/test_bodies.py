"""Bodies: each field of each of them takes by JSON what its declaration says, found by walking the declarations."""

import json
import types
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import AwareDatetime, BaseModel, ValidationError

from webapp.base.inputs import Input

GOOD: dict[Any, list[Any]] = {
    bool: [True],
    int: [1],
    float: [0.5, 1],
    str: ["x"],
    Decimal: ["1.5", 1.5, 2],
    AwareDatetime: ["2099-01-31T12:00:00Z", "2099-01-31T12:00:00+02:00"],
}


def declared() -> list[type[Input]]:
    """Returns all inputs and bodies that the application declares."""
    pending, found = [Input], dict[type[Input], None]()
    while pending:
        for model in pending.pop().__subclasses__():
            pending.append(model)
            found |= {model: None} if model.__module__.startswith("webapp") else {}
    return list(found)


def good_values(annotation: Any) -> Iterator[Any]:
    """Yields values as JSON has them for a type; a type that isn't known here must be added to `GOOD`."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        yield {"a": [1, None]}
    elif origin is Annotated:
        yield from good_values(args[0])
    elif origin is Literal:
        yield from args
    elif origin in (Union, types.UnionType):
        for arg in args:
            yield from [None] if arg is types.NoneType else good_values(arg)
    elif isinstance(origin, type) and issubclass(origin, dict):
        yield from ({"1": value} for value in good_values(args[1]))
    elif isinstance(origin, type):
        yield from ([value] for value in good_values(args[0]))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        firsts = {name: next(good_values(field.annotation)) for name, field in fields if field.is_required()}
        yield from (firsts | {name: value} for name, field in fields for value in good_values(field.annotation))
    else:
        yield from GOOD[annotation]


def is_of_type(fault: str) -> bool:
    return fault.endswith("_type") or "parsing" in fault or fault.startswith("is_instance")


def test_every_field_takes_by_json_what_it_declares(app):
    wrong, tried = [], 0
    for model in declared():
        for name, field in model.model_fields.items():
            for value in good_values(field.annotation):
                sent = field.alias or name
                tried += 1
                try:
                    model.model_validate_json(json.dumps({sent: value}))
                except ValidationError as error:
                    # Bounds of texts and numbers can be narrower: here is asked for the type.
                    wrong += [
                        (model.__name__, fault["loc"], value, fault["msg"])
                        for fault in error.errors()
                        if fault["loc"][0] == sent and is_of_type(fault["type"])
                    ]
    assert tried > 1_000
    assert not wrong, f"a program can't send these: {wrong}"


@pytest.mark.parametrize("model", [pytest.param("LinkInput", id="link"), pytest.param("More", id="fuse")])
def test_the_walk_finds_inputs_of_services_and_bodies_of_the_api(app, model):
    assert model in {found.__name__ for found in declared()}
