"""Lists the answers of a run, for people who take over and for models. Pure."""

from collections.abc import Collection

from webapp.workflows.definition.definition import Definition
from webapp.workflows.definition.texts import shown
from webapp.workflows.state import State


def summary(definition: Definition, state: State) -> str:
    """Returns the answers as a summary for the people who take over."""
    lines = _listed(definition, state, definition.slots, "- **{}:** {}")
    return "\n".join([f"**{definition.title}: summary**", "", *(lines or ["Nothing has been answered."])])


def listed(definition: Definition, state: State, names: Collection[str]) -> str:
    """Returns the answers with these names as a list for a model."""
    return "\n".join(_listed(definition, state, names, "- {}: {}"))


def _listed(definition: Definition, state: State, names: Collection[str], form: str) -> list[str]:
    known = [(name, state.slots[name]) for name in definition.slots if name in state.slots and name in names]
    return [form.format(name.replace("_", " ").capitalize(), " ".join(shown(value).split())) for name, value in known]
