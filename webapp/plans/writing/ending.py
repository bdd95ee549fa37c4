"""The end of a plan: which part of the model's text is kept, which parts are missing, and which status follows."""

from dataclasses import dataclass

from webapp.base.untrusted_json import JsonObject
from webapp.plans.types import validation
from webapp.plans.types.schema import Schema, element_of, is_within, received, steps, value_at, without
from webapp.plans.writing.draft import PlanDraft

# With more wrong paths than this, the elements that contain them are requested instead.
MOST_PATHS = 12
CODES = {
    "user": "cancelled",
    "client_gone": "client_disconnected",
    "server_restart": "server_restart",
    "length": "token_limit",
    "budget": "budget",
}
SENTENCES = {
    "cancelled": "It was stopped before it finished.",
    "client_disconnected": "No one was connected.",
    "server_restart": "The server was restarted while this was being written.",
    "token_limit": "The model reached its length limit.",
    "budget": "It ended because its budget is used up.",
    "invalid": "The model's reply couldn't be turned into a plan.",
}


@dataclass(frozen=True, slots=True)
class ParsedPlan:
    """A parsed text: `value` holds the valid part, `faults` the missing and wrong parts, `steps` the repairs that were made."""

    value: JsonObject
    faults: tuple[validation.PlanFault, ...]
    steps: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        return not self.faults

    @property
    def paths(self) -> list[str]:
        """The paths to request again: the wrong ones or, if there are many, the elements that contain them."""
        paths = list(dict.fromkeys(fault.path for fault in self.faults if fault.path))
        if len(paths) > MOST_PATHS:
            paths = list(dict.fromkeys(element_of(tuple(steps(path))) for path in paths))
        return paths


@dataclass(frozen=True, slots=True)
class PlanEnding:
    """The final status of a plan: `partial`, `completed` or `failed`, and why it is not complete."""

    status: str
    code: str = ""
    message: str = ""


def repaired(draft: PlanDraft, schema: Schema) -> ParsedPlan:
    """Returns as much of the plan as can be kept, repaired without calling a model."""
    draft.flush()
    done: tuple[str, ...] = () if draft.is_strict() and not draft.is_cut else ("closed",)
    done += ("dropped",) if draft.has_dropped else ()
    value, open_element = received(draft.settled(), schema), draft.open_element
    faults = validation.faults(value, schema)
    # A list of words that was cut off looks complete but isn't; an object that lacks only its closing bracket is complete.
    is_list = bool(open_element) and isinstance(value_at(value, open_element), list)
    if open_element and (is_list or any(is_within(fault.path, open_element) for fault in faults)):
        value, done = without(value, open_element), (*done, "dropped")
        faults = validation.faults(value, schema)
    return ParsedPlan(value, tuple(faults), done if draft.answers == 1 else (*done, "asked"))


def kept(result: ParsedPlan, schema: Schema) -> JsonObject:
    """Returns the part of an incomplete plan that is saved: its valid elements."""
    value, wrong = result.value, list(result.faults)
    while paths := [element for fault in wrong if (element := element_of(tuple(steps(fault.path))))]:
        present = [path for path in paths if value_at(value, path) is not None]
        before, value = value, without(value, present[0]) if present else value
        if value == before:
            break
        wrong = validation.faults(value, schema)
    return value


def ending(status: str, reason: str, error: str, result: ParsedPlan, value: JsonObject) -> PlanEnding:
    """Derives the status of a plan from the end of its generation and from the result."""
    if result.is_complete and status != "failed":
        return PlanEnding("completed")
    code = CODES.get(reason, reason if status in ("interrupted", "failed", "stopped") else "invalid")
    message = SENTENCES.get(code) or error or SENTENCES["invalid"]
    if code == "invalid":
        names = dict.fromkeys(path.partition(".")[0] for path in result.paths)
        is_lacking = result.value and names
        message += f" Missing or wrong: {', '.join(names)}." if is_lacking else " The reply wasn't in a plan format."
    has_something = any(value.values())
    is_failed = not has_something or code == "client_disconnected"
    return PlanEnding("failed" if is_failed else "partial", code, message)
