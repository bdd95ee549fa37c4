"""The requests of a plan, made of what is kept with its generation, and the second one for what went wrong in the first."""

import json
from collections.abc import Callable
from typing import Any

from webapp.generations import service as generations
from webapp.generations.engine import Engine, Source
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.plans import prompts
from webapp.plans.draft import Draft
from webapp.plans.ending import Mended, mended
from webapp.plans.mending import Mending
from webapp.plans.schema import upstream
from webapp.providers.base import ModelRequest, Turn

# Where a plan ends when nobody has said where answers end.
MOST_TOKENS = 4000
MOST_QUOTED = 40


def parameters_of(model: str) -> dict[str, Any]:
    """What a request for a plan says beside its messages."""
    found = providers().parameters(model)
    return {**found, "max_tokens": found["max_tokens"] or MOST_TOKENS} if "max_tokens" in found else found


def request_of(generation: Generation) -> ModelRequest:
    """The first request: what is shown as sent is what was sent."""
    prompt = generation.prompt
    return _request(generation.model_asked, prompt["messages"], prompt["schema"], prompt["parameters"])


def mending_of(
    engine: Engine, generation: Generation, about: dict[str, Any], inputs: dict[str, Any]
) -> Callable[[Source], Source]:
    """What asks the model once more, for the places that are not right."""
    model, prompt, about, inputs = generation.model_asked, dict(generation.prompt), dict(about), dict(inputs)
    schema, there, places = about["plan"], prompt.get("there", {}), prompt.get("places", [])

    def judge(text: str) -> Mended:
        draft = Draft(there, places, takes_places=bool(places))
        draft.feed(text)
        return mended(draft, schema)

    def ask(found: Mended) -> Source:
        wrong = "; ".join(f"{fault.path}: {fault.message}" for fault in found.faults[:MOST_QUOTED])
        messages = prompts.for_places(about, inputs, found.value, found.places, wrong=wrong)
        wanted = prompts.schema_of_places(schema, found.places)
        with engine.in_app():
            return generations.ladder(engine, _request(model, messages, wanted, {**prompt["parameters"], "temperature": 0.0}))

    return lambda source: Mending(source, judge, ask)


def _request(model: str, messages: list[dict[str, Any]], schema: dict[str, Any], parameters: dict[str, Any]) -> ModelRequest:
    turns = tuple(Turn(each["role"], each["content"]) for each in messages)
    return ModelRequest(model, turns, schema=json.dumps(upstream(schema), ensure_ascii=False), **parameters)
