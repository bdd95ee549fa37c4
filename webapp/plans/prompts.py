"""What a model is told to make a plan, or only some places of one. Pure."""

import json
from typing import Any

from webapp.plans.schema import Schema, asked_for, at, upstream

FORM = (
    "Answer with one JSON object and nothing else: no words before or after it, no code fence. "
    "Write its properties in the order of this JSON Schema, and follow it to the letter:\n"
)
INPUTS = "This is what the person wants, as JSON:\n"
THERE = "This part of the plan is there already and stays as it is, as JSON:\n"
PLACES = "Write these places of the plan alone, as one object with exactly these keys: "
WRONG = "What stood there before was wrong: "
ANEW = "Write them differently than they are now."


def messages(about: dict[str, Any], inputs: dict[str, Any]) -> list[dict[str, str]]:
    """For a whole plan, from the beginning."""
    return _turns(about, upstream(about["plan"]), [INPUTS + _json(inputs)])


def for_places(
    about: dict[str, Any],
    inputs: dict[str, Any],
    there: dict[str, Any],
    places: list[str],
    *,
    wrong: str = "",
    is_anew: bool = False,
) -> list[dict[str, str]]:
    """For some places of a plan whose other places stay; `wrong` says what was wrong with them."""
    asked = [INPUTS + _json(inputs), THERE + _json(there), PLACES + ", ".join(places)]
    asked += [f"{WRONG}{wrong}"] if wrong else []
    asked += [ANEW] if is_anew else []
    return _turns(about, schema_of_places(about["plan"], places), asked)


def schema_of_places(plan: Schema, places: list[str]) -> Schema:
    return upstream(asked_for(plan, [place for place in places if at(plan, place) is not None]))


def _turns(about: dict[str, Any], schema: Schema, asked: list[str]) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": f"{about['prompt'].strip()}\n\n{FORM}{_json(schema)}"},
        {"role": "user", "content": "\n\n".join(asked)},
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
