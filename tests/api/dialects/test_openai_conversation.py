"""What clients of the OpenAI-compatible API send of their tools, as a model's request has it, and what is refused of it."""

import json

import pytest
from pydantic import ValidationError

from webapp.api.streaming.encoding import StreamState, wire
from webapp.base.errors import Invalid
from webapp.guests.dialects.openai.conversation import DEEPEST_SCHEMA, MOST_SCHEMA_CHARS, tools_of, turns_of
from webapp.guests.dialects.openai.encoder import CompletionEncoder, CompletionIdentity
from webapp.guests.dialects.openai.schemas import CompletionRequest
from webapp.models.providers.base import ToolCall, ToolResult, Turn
from webapp.streaming.events import Calling, Delta, Ended, Failed, Phase, Started, Usage
from webapp.streaming.topics import Entry

USER = {"role": "user", "content": "Weather?"}


def call(id, name="weather", arguments="{}"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*ids, **more):
    return {"role": "assistant", "content": None, "tool_calls": [call(id) for id in ids], **more}


def result(id, content="Rain"):
    return {"role": "tool", "tool_call_id": id, "content": content}


def tool(name="weather", **function):
    return {"type": "function", "function": {"name": name, **function}}


def asked(*messages, **body):
    return CompletionRequest.model_validate_json(json.dumps({"messages": messages or [USER], **body}))


def nested(depth):
    schema: dict = {}
    for _ in range(depth):
        schema = {"a": schema}
    return schema


def test_results_of_one_message_become_one_turn():
    body = asked(USER, calling("a", "b", content="I look."), result("b"), result("a", [{"type": "text", "text": "Sun"}]), USER)

    calls = ToolCall("a", "weather", "{}"), ToolCall("b", "weather", "{}")
    assert turns_of(body.messages) == (
        Turn("user", "Weather?"),
        Turn("assistant", "I look.", calls=calls),
        Turn("tool", "", results=(ToolResult("b", "Rain"), ToolResult("a", "Sun"))),
        Turn("user", "Weather?"),
    )


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ((USER, result("a")), "messages.1.tool_call_id"),
        ((USER, calling("a")), "messages.1.tool_calls"),
        ((USER, calling("a", "b"), result("a")), "messages.1.tool_calls"),
        ((USER, calling("a", "b"), result("a"), USER), "messages.1.tool_calls"),
        ((USER, calling("a"), result("a"), result("a")), "messages.3.tool_call_id"),
        ((USER, calling("a"), result("a"), USER, result("a")), "messages.4.tool_call_id"),
        ((USER, calling("a"), result("b")), "messages.2.tool_call_id"),
        ((USER, calling("a", "a"), result("a")), "messages.1.tool_calls"),
        ((USER, {"role": "assistant", "content": None}), "messages.1.content"),
        ((USER, {"role": "assistant", "tool_calls": []}), "messages.1.content"),
    ],
)
def test_a_call_has_exactly_one_result_right_after_it(messages, param):
    with pytest.raises(Invalid) as refused:
        turns_of(asked(*messages).messages)

    assert refused.value.field == param


@pytest.mark.parametrize(
    ("choice", "expected", "offered"),
    [
        (None, "", 2),
        ("auto", "", 2),
        ("none", "none", 2),
        ("required", "required", 2),
        (tool(), "weather", 2),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("clock")]}}, "", 1),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("clock")]}}, "required", 1),
    ],
)
def test_every_form_of_the_choice_is_understood(choice, expected, offered):
    tools = tools_of(asked(tools=[tool(), tool("clock")], tool_choice=choice))

    assert (tools.choice, len(tools.specs), tools.has_parallel_calls) == (expected, offered, True)


def test_a_tool_is_offered_as_it_was_sent():
    schema = {"type": "object", "properties": {"wo": {"type": "string", "description": "Größe"}}, "required": ["wo"]}
    tools = tools_of(asked(tools=[tool(description="The weather.", parameters=schema)], parallel_tool_calls=False))

    (spec,) = tools.specs
    assert (spec.name, spec.description, json.loads(spec.schema)) == ("weather", "The weather.", schema)
    assert not tools.has_parallel_calls


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [tool(), tool()]}, "tools.1.function.name"),
        ({"tools": [tool("a\nb")]}, "tools.0.function.name"),
        ({"tools": [tool("required")]}, "tools.0.function.name"),
        ({"tools": [tool(parameters={"type": "string"})]}, "tools.0.function.parameters"),
        ({"tools": [tool(parameters=nested(DEEPEST_SCHEMA + 1))]}, "tools.0.function.parameters"),
        ({"tools": [tool(parameters={"a": float("nan")})]}, "tools.0.function.parameters"),
        ({"tools": [tool(parameters={"a": "x" * MOST_SCHEMA_CHARS})]}, "tools.0.function.parameters"),
        ({"tools": [tool()], "tool_choice": tool("clock")}, "tool_choice"),
        ({"tool_choice": tool("clock")}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_can_not_be_offered_is_named(body, param):
    with pytest.raises(Invalid) as refused:
        tools_of(asked(**body))

    assert refused.value.field == param


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"type": "custom", "custom": {"name": "a"}}]},
        {"tools": [tool(f"t{number}") for number in range(129)]},
        {"tools": [tool("x" * 129)]},
        {"tools": [tool(parameters=[1])]},
        {"tools": [tool()], "tool_choice": "always"},
        {"tools": [tool()], "tool_choice": {"type": "custom", "custom": {"name": "a"}}},
        {"messages": [{"role": "function", "name": "a", "content": "b"}]},
        {"messages": [USER, {**calling("a"), "tool_calls": [{**call("a"), "type": "custom"}]}]},
        {"messages": [USER, {"role": "tool", "content": "b"}]},
    ],
)
def test_other_forms_are_refused(body):
    with pytest.raises(ValidationError):
        CompletionRequest.model_validate_json(json.dumps({"messages": [USER], **body}))


def frames_of(*events, **identity):
    encoder = CompletionEncoder(CompletionIdentity("g", "default", 7, **identity))
    opening = encoder.opening(StreamState("g", "", "", "default", "running"))
    told = [frame for number, event in enumerate(events, 1) for frame in encoder.encode(Entry(number, event))]
    return b"".join(wire([*opening, *told, *encoder.closing()]))


def test_calls_are_streamed_byte_for_byte_as_in_openais_api():
    head = b'data: {"id":"chatcmpl-g","created":7,"model":"%s","object":"chat.completion.chunk","choices":['
    chunk = head % b"small" + b'{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}]}\n\n'
    first = head % b"default" + b'{"index":0,"delta":%s,"logprobs":null,"finish_reason":null}]}\n\n'

    sent = frames_of(
        Started("small", "p"),
        Phase("thinking"),
        Calling(0, "call_a", "weather", '{"city":'),
        Calling(0, arguments='"Bern"}'),
        Calling(1, "call_b", "clock"),
        Calling(1, arguments="{}"),
        Usage(8, 5),
        Ended("completed", "calls"),
        has_usage=True,
        has_tools=True,
    )

    assert sent == b"".join(
        [
            first % b'{"role":"assistant","content":null}',
            chunk % (
                b'{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"weather","arguments":""}}]}',
                b"null",
            ),
            chunk % (b'{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\":"}}]}', b"null"),
            chunk % (b'{"tool_calls":[{"index":0,"function":{"arguments":"\\"Bern\\"}"}}]}', b"null"),
            chunk % (
                b'{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"clock","arguments":""}}]}',
                b"null",
            ),
            chunk % (b'{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}', b"null"),
            chunk % (b"{}", b'"tool_calls"'),
            head % b"small" + b'],"usage":{"prompt_tokens":8,"completion_tokens":5,"total_tokens":13}}\n\n',
            b"data: [DONE]\n\n",
        ]
    )  # fmt: skip


def test_without_tools_not_a_byte_is_another():
    sent = frames_of(Started("small", "p"), Delta("Hi"), Ended("completed", "stop")).decode()

    assert [json.loads(line[6:])["choices"][0]["delta"] for line in sent.split("\n\n")[:3]] == [
        {"role": "assistant"},
        {"content": "Hi"},
        {},
    ]


def test_calls_that_were_cut_off_end_with_the_error():
    failure = Failed("cut", "It was cut off.")
    sent = frames_of(Started("small", "p"), Calling(0, "a", "weather", "{"), failure, Ended("failed", "cut"), has_tools=True)

    *_, error, done, rest = sent.decode().split("\n\n")
    assert (json.loads(error[6:])["error"]["code"], done, rest) == ("cut", "data: [DONE]", "")
