"""Builds the model requests of a plan: the first one, and a second that repairs missing or invalid parts."""

import json
from collections.abc import Callable
from typing import Any

from webapp.chat.prompt.builder import PromptBuilder
from webapp.engine import service as generations
from webapp.engine.engine import Engine, Source
from webapp.engine.tables import Generation
from webapp.models.connections.models import providers
from webapp.models.providers.base import ModelRequest
from webapp.plans import prompts
from webapp.plans.draft import Draft
from webapp.plans.ending import ParsedPlan, repaired
from webapp.plans.queries import inputs_of
from webapp.plans.repair import RepairingSource
from webapp.plans.schema import upstream
from webapp.plans.tables import Plan
from webapp.prompts import active_prompts, arm_choice

# The default token limit of a plan, if none is configured.
MOST_TOKENS = 4000
MOST_QUOTED = 40


def parameters_of(model: str) -> dict[str, Any]:
    """Returns the parameters of a plan's model request."""
    found = providers().parameters(model)
    return {**found, "max_tokens": found["max_tokens"] or MOST_TOKENS} if "max_tokens" in found else found


def request_of(generation: Generation) -> ModelRequest:
    """Builds the first request from the stored prompt, so that what pages show as sent is what was sent."""
    prompt = generation.prompt
    return _request(generation.model_asked, prompt, prompt["schema"], prompt["parameters"])


def source_of(engine: Engine, generation: Generation, plan: Plan) -> Source:
    """Returns the source that writes a plan: the first request, then a second one for the wrong parts of the result."""
    is_whole = bool(generation.prompt.get("is_whole"))
    source = generations.ladder(engine, request_of(generation), is_whole=is_whole)
    return repairing_source(engine, generation, plan.about, inputs_of(plan).values)(source)


def repairing_source(
    engine: Engine, generation: Generation, about: dict[str, Any], inputs: dict[str, Any]
) -> Callable[[Source], Source]:
    """Returns a wrapper that calls the model once more for the places that are wrong."""
    model, prompt, about, inputs = generation.model_asked, dict(generation.prompt), dict(about), dict(inputs)
    unit = arm_choice.again(prompt)
    schema, there, places = about["plan"], prompt.get("there", {}), prompt.get("places", [])

    def judge(text: str) -> ParsedPlan:
        draft = Draft(there, places, takes_places=bool(places))
        draft.feed(text)
        return repaired(draft, schema)

    def ask(found: ParsedPlan) -> Source:
        wrong = "; ".join(f"{fault.path}: {fault.message}" for fault in found.faults[:MOST_QUOTED])
        wanted = prompts.schema_of_places(schema, found.places)
        with engine.in_app():
            parts = prompts.for_places(about, inputs, found.value, found.places, unit, wrong=wrong)
            return generations.ladder(engine, _request(model, parts, wanted, {**prompt["parameters"], "temperature": 0.0}))

    return lambda source: RepairingSource(source, judge, ask)


def _request(model: str, prompt: dict[str, Any], schema: dict[str, Any], parameters: dict[str, Any]) -> ModelRequest:
    schema_text = json.dumps(upstream(schema), ensure_ascii=False)
    notices = tuple(active_prompts.notices(prompt))
    return PromptBuilder.from_record(prompt).build(
        model, [("user", prompt["asked"])], schema=schema_text, notices=notices, **parameters
    )
