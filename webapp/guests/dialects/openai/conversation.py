"""A client's conversation and tools, checked as OpenAI's API checks them, as a model's request has them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.base.errors import Invalid
from webapp.guests.dialects.openai.schemas import (
    AllowedTools,
    AssistantMessage,
    ClientTool,
    CompletionRequest,
    Content,
    Message,
    NamedTool,
    TextMessage,
    ToolChoice,
    ToolMessage,
)
from webapp.models.providers.base import ToolCall, ToolResult, ToolSpec, Turn

MOST_SCHEMA_CHARS, DEEPEST_SCHEMA = 100_000, 32
# What `tool_choice` can be instead of a name.
CHOICES = ("none", "auto", "required")
NO_ANSWERS = "A message with tool_calls must be followed by a message with the role tool for each call. There is none for {}."
NO_CALL = "A message with the role tool must follow the message whose tool_calls has this id."


@dataclass(frozen=True, slots=True)
class ClientTools:
    """A client's tools, by its own names; the fields are those of a `ModelRequest`."""

    specs: tuple[ToolSpec, ...] = ()
    choice: str = ""
    has_parallel_calls: bool = True


def turns_of(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """Returns the messages as turns, with consecutive results as one; raises `Invalid` for a call without one."""
    turns: list[Turn] = []
    # The calls whose results must come next, with the place of their message.
    open_ids, place = dict[str, None](), 0
    for number, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            if not turns or turns[-1].role != "tool" or message.tool_call_id not in open_ids:
                raise Invalid(NO_CALL, field=f"messages.{number}.tool_call_id")
            del open_ids[message.tool_call_id]
            result = ToolResult(message.tool_call_id, _text(message.content))
            turns[-1] = Turn("tool", "", results=(*turns[-1].results, result))
            continue
        _refuse_open(open_ids, place)
        match message:
            case AssistantMessage():
                turns.append(_assistant(message, number))
                open_ids, place = dict.fromkeys(call.id for call in turns[-1].calls), number
                turns += [Turn("tool", "")] if open_ids else []
            case TextMessage(role=role):
                turns.append(Turn("system" if role == "developer" else role, _text(message.content)))
    _refuse_open(open_ids, place)
    return tuple(turns)


def tools_of(body: CompletionRequest) -> ClientTools:
    """Returns the tools that the model is offered; raises `Invalid` for one that can't be."""
    tools = body.tools or []
    specs = tuple(_spec(tool, number) for number, tool in enumerate(tools))
    names = [spec.name for spec in specs]
    if twice := next((number for number, name in enumerate(names) if name in names[:number]), None):
        raise Invalid("Another tool has this name.", field=f"tools.{twice}.function.name")
    choice, named = _choice(body.tool_choice)
    if unknown := next((name for name in named if name not in names), ""):
        raise Invalid(f"There is no tool named {unknown} in tools.", field="tool_choice")
    if choice == "required" and not specs:
        raise Invalid("This is only possible with tools.", field="tool_choice")
    if isinstance(body.tool_choice, AllowedTools):
        specs = tuple(spec for spec in specs if spec.name in named)
    return ClientTools(specs, choice, body.parallel_tool_calls is not False)


def _refuse_open(open_ids: dict[str, None], place: int) -> None:
    if open_ids:
        raise Invalid(NO_ANSWERS.format(", ".join(open_ids)[:500]), field=f"messages.{place}.tool_calls")


def _assistant(message: AssistantMessage, number: int) -> Turn:
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
    if message.content is None and not calls:
        raise Invalid("This field is required in a message without tool_calls.", field=f"messages.{number}.content")
    if len({call.id for call in calls}) < len(calls):
        raise Invalid("Each call needs an id of its own.", field=f"messages.{number}.tool_calls")
    return Turn("assistant", _text(message.content or ""), calls=calls)


def _text(content: Content) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _spec(tool: ClientTool, number: int) -> ToolSpec:
    function, path = tool.function, f"tools.{number}.function"
    if not function.name.isprintable() or function.name in CHOICES:
        raise Invalid("This can't be the name of a tool.", field=f"{path}.name")
    parameters = function.parameters or {}
    if parameters.get("type", "object") != "object":
        raise Invalid("The schema must be one of an object.", field=f"{path}.parameters")
    if max(_depths(parameters, 0)) > DEEPEST_SCHEMA:
        raise Invalid(f"The schema is nested more than {DEEPEST_SCHEMA} deep.", field=f"{path}.parameters")
    try:
        schema = json.dumps(parameters, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise Invalid("The schema has a number that isn't JSON.", field=f"{path}.parameters") from error
    if len(schema) > MOST_SCHEMA_CHARS:
        raise Invalid(f"The schema is longer than {MOST_SCHEMA_CHARS:,} characters.", field=f"{path}.parameters")
    return ToolSpec(function.name, function.description or "", schema, is_strict=function.strict)


def _depths(value: Any, depth: int) -> Iterator[int]:
    yield depth
    if depth > DEEPEST_SCHEMA:
        return
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _depths(part, depth + 1)


def _choice(choice: ToolChoice | None) -> tuple[str, list[str]]:
    """Returns how the model chooses, as in a `ModelRequest`, and the tools that the choice names."""
    match choice:
        case NamedTool(function=function):
            return function.name, [function.name]
        case AllowedTools(allowed_tools=allowed):
            return "required" if allowed.mode == "required" else "", [tool.function.name for tool in allowed.tools]
        case "none" | "required":
            return choice, []
    return "", []
