"""From the messages of a chat to what a model is asked. Pure."""

from collections.abc import Sequence
from typing import Any, Literal

from webapp.providers.base import ModelRequest, Turn


def build_request(
    model: str, path: Sequence[tuple[str, str]], *, beginning: str = "", instructions: str = "", **parameters: Any
) -> ModelRequest:
    """The whole conversation from its root; `beginning` is what the model has already said of the answer to come.

    Standing instructions come before everything else. Answers without any text (failed, or stopped before the first word)
    say nothing and are left out.
    """
    turns = [Turn("system", instructions)] if instructions else []
    turns += [Turn(_role(role), content) for role, content in path if content]
    if beginning:
        turns.append(Turn("assistant", beginning))
    return ModelRequest(model=model, turns=tuple(turns), goes_on=bool(beginning), **parameters)


def _role(role: str) -> Literal["user", "assistant"]:
    return "user" if role == "user" else "assistant"
