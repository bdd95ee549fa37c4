"""Tools of clients, by OpenAI's Python client and in the wire format of its Agents SDK, against a real server."""

import json
import urllib.request

import pytest

from tests.api.dialects.test_openai import asked, client, last_generation, openai
from tests.support.waiting import until

__all__ = ["client", "openai"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

QUESTION = {"role": "user", "content": "What is the weather in Bern?"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA}}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {}}}
BERN, GENF = ({"tool": "get_weather", "arguments": {"city": city}} for city in ("Bern", "Genf"))


def raw(caller, body):
    """Returns the bytes of a response, as another client would get them."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {caller.token}"}
    request = urllib.request.Request(f"{caller.url}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as reply:
        return reply.read().decode()


def test_a_round_trip_with_calls_of_two_tools_at_once(client, fake, caller):
    fake.always({"rounds": [{"calls": [BERN, GENF]}, {"says": "Rain in both."}]})
    messages = [QUESTION]

    first = client.chat.completions.create(model="default", messages=messages, tools=[WEATHER, CLOCK])

    (choice,) = first.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert [json.loads(call.function.arguments) for call in choice.message.tool_calls] == [{"city": "Bern"}, {"city": "Genf"}]
    assert {(call.type, call.function.name) for call in choice.message.tool_calls} == {("function", "get_weather")}
    assert first.usage.total_tokens > 0
    record = last_generation(caller)
    assert (record["status"], record["reason"], record["message_id"]) == ("completed", "calls", None)
    messages += [
        choice.message,
        *({"role": "tool", "tool_call_id": call.id, "content": "Rain"} for call in choice.message.tool_calls),
    ]

    second = client.chat.completions.create(model="default", messages=messages, tools=[WEATHER, CLOCK])

    assert (second.choices[0].finish_reason, second.choices[0].message.content) == ("stop", "Rain in both.")
    assert second.choices[0].message.tool_calls is None
    sent = asked(fake)[-1]["body"]
    ids = [call.id for call in choice.message.tool_calls]
    assert [call["id"] for call in sent["messages"][1]["tool_calls"]] == ids
    assert [(turn["role"], turn["tool_call_id"], turn["content"]) for turn in sent["messages"][2:]] == [
        ("tool", id, "Rain") for id in ids
    ]
    assert sent["tools"][0] == WEATHER


def test_streamed_calls_are_what_the_client_puts_together(client, fake, openai):
    fake.always({"says": "I look. ", "calls": [BERN, {"tool": "clock", "arguments": ""}], "pace": 0.002})

    with client.chat.completions.stream(
        model="default", messages=[QUESTION], tools=[WEATHER, CLOCK], stream_options={"include_usage": True}
    ) as stream:
        events = list(stream)
        final = stream.get_final_completion()

    message = final.choices[0].message
    assert (message.content, final.choices[0].finish_reason) == ("I look. ", "tool_calls")
    assert [(call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("get_weather", '{"city": "Bern"}'),
        ("clock", "{}"),
    ]
    assert [event.name for event in events if event.type == "tool_calls.function.arguments.done"] == ["get_weather", "clock"]
    assert final.usage.completion_tokens


def test_the_chunks_come_in_the_published_order(caller, fake):
    fake.always({"calls": [{**BERN, "id": "call_1"}, {**GENF, "id": "call_2"}], "call_pieces": 4})
    body = {"model": "some/model", "messages": [QUESTION], "tools": [WEATHER], "stream": True}
    body["stream_options"] = {"include_usage": True}

    *lines, done = [line.removeprefix("data: ") for line in raw(caller, body).split("\n") if line.startswith("data: ")]

    assert done == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    *told, usage = chunks
    assert (usage["choices"], usage["usage"]["total_tokens"] > 0) == ([], True)
    choices = [chunk["choices"][0] for chunk in told]
    assert all(choice.keys() == {"index", "delta", "logprobs", "finish_reason"} for choice in choices)
    first, *calls, last = choices
    assert first["delta"] == {"role": "assistant", "content": None}
    assert (last["delta"], last["finish_reason"]) == ({}, "tool_calls")
    assert {choice["finish_reason"] for choice in (first, *calls)} == {None}
    pieces = [piece for choice in calls for piece in choice["delta"]["tool_calls"]]
    heads = [piece for piece in pieces if "id" in piece]
    assert [(piece["index"], piece["id"], piece["type"], piece["function"]) for piece in heads] == [
        (0, "call_1", "function", {"name": "get_weather", "arguments": ""}),
        (1, "call_2", "function", {"name": "get_weather", "arguments": ""}),
    ]
    others = [piece for piece in pieces if "id" not in piece]
    assert all(piece.keys() == {"index", "function"} and piece["function"].keys() == {"arguments"} for piece in others)
    for index, city in enumerate(("Bern", "Genf")):
        text = "".join(piece["function"]["arguments"] for piece in pieces if piece["index"] == index)
        assert json.loads(text) == {"city": city}


@pytest.mark.parametrize("stream", [False, True])
def test_the_agents_sdk_sends_messages_without_content_and_strict_tools(caller, fake, stream):
    fake.says("Rain.")
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Bern"}'}}
    body = {
        "messages": [
            {"content": "Be brief.", "role": "system"},
            QUESTION,
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Rain in Bern"},
        ],
        "model": "default",
        "parallel_tool_calls": True,
        "stream": stream,
        "stream_options": {"include_usage": True} if stream else None,
        "tools": [{"type": "function", "function": {**WEATHER["function"], "strict": True}}],
    }

    assert "Rain." in raw(caller, body)
    sent = asked(fake)[-1]["body"]
    assert sent["messages"][2:] == [{**body["messages"][2], "content": None}, body["messages"][3]]
    assert "parallel_tool_calls" not in sent
    assert sent["tools"][0]["function"]["strict"] is True


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "clock"}}, {"type": "function", "function": {"name": "clock"}}),
        ("auto", None),
    ],
)
def test_the_model_gets_the_choice_and_whether_it_may_call_at_once(client, fake, choice, sent):
    fake.says("Fine.")

    client.chat.completions.create(
        model="default", messages=[QUESTION], tools=[WEATHER, CLOCK], tool_choice=choice, parallel_tool_calls=False
    )

    body = asked(fake)[-1]["body"]
    assert (body.get("tool_choice"), body["parallel_tool_calls"]) == (sent, False)
    assert len(body["tools"]) == 2


def test_a_call_that_was_forbidden_is_not_passed_on(client, fake):
    fake.always({"says": "No.", "calls": [BERN]})

    reply = client.chat.completions.create(model="default", messages=[QUESTION], tools=[WEATHER], tool_choice="none")

    assert (reply.choices[0].message.content, reply.choices[0].message.tool_calls) == ("No.", None)


def test_names_that_providers_refuse_come_back_as_they_were_sent(client, fake):
    name = "wetter.für/Bern heute"
    tool = {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
    fake.says("Fine.")
    client.chat.completions.create(model="default", messages=[QUESTION], tools=[tool])
    (known,) = (tool["function"]["name"] for tool in asked(fake)[-1]["body"]["tools"])
    assert known.isascii()
    assert known.replace("_", "").replace("-", "").isalnum()
    fake.always({"rounds": [{"calls": [{**BERN, "tool": known}]}, {"says": "Rain."}]})

    reply = client.chat.completions.create(model="default", messages=[QUESTION], tools=[tool])

    message = reply.choices[0].message
    assert [call.function.name for call in message.tool_calls] == [name]
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Rain"}
    client.chat.completions.create(model="default", messages=[QUESTION, message, result], tools=[tool])
    assert asked(fake)[-1]["body"]["messages"][1]["tool_calls"][0]["function"]["name"] == known


def test_what_is_wrong_is_named_in_openais_format(client, fake, openai):
    create = client.chat.completions.create
    unanswered = {
        "role": "assistant",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "b", "arguments": ""}}],
    }
    for wrong, param in (
        ({"messages": [QUESTION, unanswered]}, "messages.1.tool_calls"),
        ({"messages": [QUESTION, {"role": "tool", "tool_call_id": "a", "content": "b"}]}, "messages.1.tool_call_id"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [WEATHER, WEATHER]}, "tools.1.function.name"),
        ({"tools": [{"type": "custom", "custom": {"name": "a"}}]}, "tools.0.type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools.0.function.name"),
        ({"tools": [WEATHER], "tool_choice": "always"}, "tool_choice"),
    ):
        with pytest.raises(openai.BadRequestError) as bad:
            create(**{"model": "default", "messages": [QUESTION], **wrong})
        assert (bad.value.type, bad.value.code, bad.value.param) == ("invalid_request_error", "invalid", param)
    assert asked(fake) == []


def test_a_model_that_writes_a_long_call_is_not_silent(client, fake, caller, openai):
    caller.server.set(stream__stall_seconds="1")
    try:
        until(lambda: _stalls(client, fake, openai), "the limit is known")
        calls = [{"tool": "get_weather", "arguments": {"city": str(number)}} for number in range(8)]
        fake.always({"says": "Hm. ", "calls": calls, "pace": 0.3})
        reply = client.chat.completions.create(model="default", messages=[QUESTION], tools=[WEATHER])
    finally:
        caller.server.set(stream__stall_seconds="60")

    assert len(reply.choices[0].message.tool_calls) == 8


def _stalls(client, fake, openai):
    """Returns whether an answer whose text stops is given up."""
    fake.always({"says": "Some words here.", "stall_after": 2})
    stream = client.chat.completions.create(model="default", messages=[QUESTION], stream=True, timeout=10)
    try:
        for _ in stream:
            pass
    except openai.APIError as error:
        return "silent" in str(error)
    return False


def test_who_leaves_within_a_call_closes_the_upstream(client, fake, caller):
    until(lambda: caller.server.running() == 0, "nothing runs")
    fake.reset()
    calls = [{"tool": "get_weather", "arguments": {"city": str(number)}} for number in range(60)]
    fake.always({"calls": calls, "pace": 0.1})
    with client.chat.completions.create(model="default", messages=[QUESTION], tools=[WEATHER], stream=True) as stream:
        next(chunk for chunk in stream if chunk.choices[0].delta.tool_calls)

    fake.until(lambda log: any(entry["client_closed"] for entry in log))
    until(lambda: last_generation(caller)["status"] == "stopped", "it is stopped")
