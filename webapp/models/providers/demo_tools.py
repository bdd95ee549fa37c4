"""The demo's run with tools: it searches, asks the person how to answer, and answers from both. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.base.languages import gettext as _
from webapp.base.untrusted_json import JsonObject, dict_of, list_of
from webapp.models.providers import demo_texts
from webapp.models.providers.base import ModelRequest, ToolCall, ToolResult, ToolSpec
from webapp.models.providers.calls import as_json, parameters_of
from webapp.models.providers.demo_sources import SENTENCE, SOURCE

WEB, PYTHON, ASK = "search_web", "run_python", "ask_person"
SEARCHES = tuple(demo_texts.SEARCHES_FOUND)
# What a person types to have it calculated.
SUM = re.compile(r"\d[\d.]{0,20}(?: ?[-+*/×÷] ?\d[\d.]{0,20}){1,20}")
NUMBER = re.compile(r"-?\d[\d.,e+-]*")
SIGNS = str.maketrans("×÷", "*/")
# What a person says to have the web searched.
SEARCH = re.compile(
    r"^(?:please )?(?:search|look|google)(?: on| the| web| internet)* for |^(?:bitte )?suche?(?: im| web| internet)* nach ", re.I
)
# A page that a search of the web has found: its number, title, address and extract.
PAGE = re.compile(r"^\[(\d+)\] ([^\n]+)\nhttps?://[^\n]*(?:\n(?!\n)([^\n]+))?", re.MULTILINE)
# Names of tools that only read, as far as a name can say.
READS = re.compile(r"(?:^|_)(?:search|find|read|get|list|look|lookup|query|fetch|show|now)(?:_|$)")
LONGEST_QUESTION, MOST_LINES, LONGEST_LINE = 200, 6, 200
IN_ONE_SENTENCE, AS_A_LIST, EVERYTHING = demo_texts.TOOLS_CHOICES


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that the demo wants to make; it gets its id when it is made."""

    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class DemoStep:
    """What the demo says in one round, and how it ends it."""

    text: str
    call: Wanted | None = None


def step(request: ModelRequest, question: str) -> DemoStep | None:
    """Returns the next round of the run; None if no tool was called and none can be."""
    earlier_calls = _earlier_calls(request)
    called = {call.tool for call, _ in earlier_calls}
    tools = {tool.name: tool for tool in request.tools} if request.takes_calls else {}
    if PYTHON in tools and not earlier_calls and SUM.search(question):
        return plain_step(request, question)
    if tools and not earlier_calls and (tool := _first(request)):
        return DemoStep(
            _(demo_texts.TOOLS_LOOK).format(tool=_titled(tool.name)), Wanted(tool.name, as_json(_arguments(tool, question)))
        )
    if ASK in tools and ASK not in called:
        return DemoStep(_(demo_texts.TOOLS_ASK), Wanted(ASK, as_json(_question(tools[ASK]))))
    return DemoStep(_answer(earlier_calls)) if earlier_calls else None


def plain_step(request: ModelRequest, question: str) -> DemoStep | None:
    """Returns the next round of a model that only calculates a sum that it is asked for, or searches the web if that is on."""
    earlier_calls = _earlier_calls(request)
    if earlier_calls and all(call.tool in (WEB, PYTHON) for call, _ in earlier_calls):
        call, result = earlier_calls[-1]
        number = result.text.strip()
        is_number = call.tool == PYTHON and NUMBER.fullmatch(number)
        return DemoStep(_(demo_texts.CALCULATED).format(result=number) if is_number else _answer(earlier_calls))
    tools = {tool.name: tool for tool in request.tools} if request.takes_calls and not earlier_calls else {}
    if PYTHON in tools and (asked_sum := SUM.search(question)):
        code = f"print({asked_sum[0].translate(SIGNS)})"
        return DemoStep(_(demo_texts.CALCULATING), Wanted(PYTHON, as_json({"code": code})))
    if WEB in tools:
        return DemoStep(_(demo_texts.SEARCHING), Wanted(WEB, as_json(_arguments(tools[WEB], SEARCH.sub("", question)))))
    return None


def _earlier_calls(request: ModelRequest) -> list[tuple[ToolCall, ToolResult]]:
    """Returns the calls since the person's last message that have a result."""
    asked_at = max((at for at, turn in enumerate(request.turns) if turn.role == "user"), default=-1)
    turns = request.turns[asked_at + 1 :]
    results = {result.id: result for turn in turns for result in turn.results}
    return [(call, results[call.id]) for turn in turns for call in turn.calls if call.id in results]


def _first(request: ModelRequest) -> ToolSpec | None:
    """Returns the tool to begin with: the one that must be called, a search, or one that only reads."""
    tools = {tool.name: tool for tool in request.tools}
    named = (request.tool_choice, *SEARCHES, *(name for name in tools if READS.search(name)))
    tool = next((tools[name] for name in named if name in tools), None)
    others = (tool for tool in request.tools if tool.name != ASK)
    return tool or (next(others, None) if request.tool_choice == "required" else None)


def _arguments(tool: ToolSpec, question: str) -> JsonObject:
    """Returns what the tool requires, with the question where it fits best."""
    properties = _properties(tool)
    if tool.name == ASK:
        return _question(tool)
    required = [name for name in list_of(parameters_of(tool.schema).get("required")) if name in properties]
    is_text = {name: about.get("type") == "string" and "enum" not in about for name, about in properties.items()}
    texts = [name for name in (*required, *properties) if is_text[name]]
    place = "query" if "query" in texts else next(iter(texts), "")
    # Without what is attached.
    typed = " ".join(question.partition("\n\n")[0].split())[:LONGEST_QUESTION] or "Millrace"
    return {name: _value(properties[name], typed) for name in dict.fromkeys((*([place] if place else []), *required))}


def _properties(tool: ToolSpec) -> dict[str, JsonObject]:
    return {name: dict_of(about) for name, about in dict_of(parameters_of(tool.schema)["properties"]).items()}


def _value(schema: JsonObject, text: str) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return {"boolean": False, "array": [], "object": {}, "null": None}.get(str(kind), text[: schema.get("maxLength", len(text))])


def _question(tool: ToolSpec) -> JsonObject:
    """Returns the arguments that ask the person, under the names of the tool's schema."""
    kinds = {name: about.get("type") for name, about in _properties(tool).items()}
    question, choices = (
        usual if usual in kinds else next((name for name in kinds if kinds[name] == kind), usual)
        for usual, kind in (("question", "string"), ("choices", "array"))
    )
    return {question: _(demo_texts.TOOLS_QUESTION), choices: [_(choice) for choice in demo_texts.TOOLS_CHOICES]}


def _answer(earlier_calls: Sequence[tuple[ToolCall, ToolResult]]) -> str:
    said = next((result for call, result in earlier_calls if call.tool == ASK), None)
    choice = next((choice for choice in demo_texts.TOOLS_CHOICES if said and _(choice).lower() in said.text.lower()), "")
    findings = "\n\n".join(_found(call.tool, result, choice) for call, result in earlier_calls if call.tool != ASK)
    chosen = _(demo_texts.TOOLS_CHOSEN).format(choice=_(choice)) if choice else ""
    if said and not choice:
        chosen = _(demo_texts.TOOLS_OTHER).format(text=_cut(said.text))
    return _(demo_texts.TOOLS_ANSWER).format(found="\n\n".join(part for part in (chosen, findings) if part))


def _found(tool: str, result: ToolResult, choice: str) -> str:
    if result.is_error:
        return _(demo_texts.TOOLS_FAILED).format(tool=_titled(tool), text=_cut(result.text))
    lines = list(_lines(result.text))
    if not lines:
        return _(demo_texts.TOOLS_NOTHING).format(tool=_titled(tool))
    shown = lines[:1] if choice == IN_ONE_SENTENCE else lines[: None if choice == EVERYTHING else MOST_LINES]
    words = shown[0] if len(shown) == 1 else "\n".join(f"- {line}" for line in shown)
    return _(demo_texts.SEARCHES_FOUND.get(tool, demo_texts.TOOLS_FOUND)).format(tool=_titled(tool), lines=words)


def _titled(tool: str) -> str:
    """Returns what people call a tool: its title as the demo knows it, or its name in words."""
    title = demo_texts.TOOL_TITLES.get(tool)
    return f"*{_(title) if title else tool.replace('_', ' ').capitalize()}*"


def _lines(text: str) -> Iterator[str]:
    """Yields what a result says: of numbered passages and pages the first sentence with its number, else its lines."""
    passages, pages = list(SOURCE.finditer(text)), list(PAGE.finditer(text))
    for passage in passages:
        first = next((line.strip() for line in passage[4].splitlines() if line.strip() and not line.startswith("#")), passage[2])
        yield f"{_cut(SENTENCE.split(first)[0])} [{passage[1]}]"
    for page in pages:
        yield f"{_cut(': '.join(filter(None, (page[2], SENTENCE.split(page[3] or '')[0]))))} [{page[1]}]"
    if not (passages or pages):
        yield from (_cut(line) for line in text.splitlines() if line.strip())


def _cut(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_LINE else f"{words[:LONGEST_LINE].rstrip()} …"
