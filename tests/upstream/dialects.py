"""How each server sends the same answer: its format, its quirks, its errors. Pure.

Without a seed every dialect sends the minimum that its server sends; with one it adds pings, extra keys and empty values at
random.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from random import Random
from typing import Any

from tests.upstream.speech import Frame, Speech

DONE = Frame("[DONE]")
FINISHES = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool; `id` is empty if the server gives none."""

    number: int
    id: str
    tool: str
    arguments: str

    def pieces(self, size: int) -> list[str]:
        return [self.arguments[at : at + size] for at in range(0, len(self.arguments), size)]


class Chat:
    """Chat completions in OpenRouter's format; the subclasses differ in details."""

    # OpenAI does not send its models' reasoning.
    tells_reasoning = True
    # All but OpenRouter send the usage only on request.
    always_counts = False
    ping = Frame(comment=" still here")
    thought_name = "reasoning"
    id = "chatcmpl-scripted"
    call_id = "call_scripted_"
    # The characters of arguments in a piece; 0 sends a call whole.
    call_pieces = 7

    def __init__(self, speech: Speech, tokens: list[str], request: dict[str, Any]) -> None:
        self.speech, self.tokens = speech, tokens
        self.model = speech.model or str(request.get("model", ""))
        self.chance = Random(speech.seed)
        self.is_counted = speech.sends_usage and (
            self.always_counts or bool((request.get("stream_options") or {}).get("include_usage"))
        )
        round = rounds_of(request)
        self.calls = [self.called(call, f"{round}_{number}", number) for number, call in enumerate(speech.calls)]
        if not request.get("tools"):
            self.calls = []

    def called(self, call: dict[str, Any], name: str, number: int) -> Call:
        arguments = call.get("arguments", {})
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        return Call(number, call.get("id", f"{self.call_id}{name}" if self.speech.call_ids else ""), call["tool"], text)

    @property
    def finish(self) -> str | None:
        return "tool_calls" if self.calls and self.speech.finish == "stop" else self.speech.finish

    def maybe(self) -> bool:
        return self.speech.seed is not None and self.chance.random() < 0.3

    def opening(self) -> Iterator[Frame]:
        if self.speech.role_first:
            yield self.chunk({"role": "assistant", "content": None})

    def thought(self, text: str) -> Iterator[Frame]:
        if self.tells_reasoning:
            yield self.chunk({self.thought_name: text, **({"content": self.chance.choice([None, ""])} if self.maybe() else {})})

    def token(self, text: str) -> Iterator[Frame]:
        yield self.chunk({"content": text, **({"reasoning": None, "tool_calls": []} if self.maybe() else {})})

    def call(self, call: Call) -> Iterator[Frame]:
        pieces = call.pieces(self.speech.call_pieces or self.call_pieces or len(call.arguments) or 1)
        yield self.piece(call, name=call.tool, arguments="", id=call.id)
        for piece in pieces:
            yield self.piece(call, arguments=piece)

    def piece(self, call: Call, *, id: str = "", **function: str) -> Frame:
        beginning = {**({"id": id} if id else {}), "type": "function"} if "name" in function else {}
        return self.chunk({"tool_calls": [{"index": call.number, **beginning, "function": function}]})

    def whole_call(self, call: Call) -> dict[str, Any]:
        function = {"name": call.tool, "arguments": call.arguments}
        return {**({"id": call.id} if call.id else {}), "type": "function", "function": function}

    def ending(self) -> Iterator[Frame]:
        if self.finish:
            yield self.chunk({"content": ""}, self.finish)
        if self.is_counted:
            yield self.data({**self.head(), "choices": [], "usage": self.usage()})
        if self.speech.done:
            yield DONE

    def failure(self) -> Iterator[Frame]:
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        yield self.data({"error": self.speech.error, "choices": [choice]}, decides=True)
        if self.speech.done:
            yield DONE

    def whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self.tokens), "reasoning": self.speech.reasoning or None}
        if self.calls:
            message |= {"content": message["content"] or None, "tool_calls": [self.whole_call(call) for call in self.calls]}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        return {"id": self.id, "model": self.model, "choices": [choice], "usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        out = len(self.tokens)
        usage = self.speech.usage or {"prompt_tokens": 10, "completion_tokens": out, "total_tokens": 10 + out}
        return usage if self.speech.cost is None else {**usage, "cost": self.speech.cost}

    def head(self) -> dict[str, Any]:
        return {"id": self.id, "object": "chat.completion.chunk", "model": self.model}

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> Frame:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self.data({**self.head(), "choices": [choice], **self.extra(finish)}, decides=finish is not None)

    def extra(self, finish: str | None) -> dict[str, Any]:
        return {"system_fingerprint": None, "error": None} if self.maybe() else {}

    def data(self, value: dict[str, Any], *, decides: bool = False) -> Frame:
        # UTF-8 without escapes, so that a slice can split a character.
        return Frame(json.dumps(value, ensure_ascii=False), decides=decides)


class OpenRouter(Chat):
    always_counts = True
    ping = Frame(comment=" OPENROUTER PROCESSING")
    id = "gen-scripted"

    def thought(self, text: str) -> Iterator[Frame]:
        details = [{"type": "reasoning.text", "text": text, "index": 0}]
        is_detailed = self.maybe() or self.calls
        yield self.chunk({"content": "", "reasoning": text, **({"reasoning_details": details} if is_detailed else {})})

    def call(self, call: Call) -> Iterator[Frame]:
        if self.speech.reasoning and not call.number:
            signed = {"type": "reasoning.text", "signature": "c2lnbmVk", "format": "anthropic-claude-v1", "index": 0}
            yield self.chunk({"content": "", "reasoning": None, "reasoning_details": [signed]})
        yield from super().call(call)

    def whole(self) -> dict[str, Any]:
        reply = super().whole()
        if self.calls and self.speech.reasoning:
            details = [{"type": "reasoning.text", "text": self.speech.reasoning, "signature": "c2lnbmVk", "index": 0}]
            reply["choices"][0]["message"]["reasoning_details"] = details
        return reply

    def extra(self, finish: str | None) -> dict[str, Any]:
        return {"provider": "Scripted", "native_finish_reason": finish} if self.maybe() else {}


class OpenAI(Chat):
    tells_reasoning = False

    def opening(self) -> Iterator[Frame]:
        yield self.chunk({"role": "assistant", "content": "", "refusal": None})

    def extra(self, finish: str | None) -> dict[str, Any]:
        padding = {"obfuscation": "x" * self.chance.randrange(1, 20)} if self.maybe() else {}
        return {"usage": None, "service_tier": "default", **padding}

    def failure(self) -> Iterator[Frame]:
        yield self.data({"error": self.speech.error}, decides=True)


class Ollama(Chat):
    call_pieces = 0

    def chunk(self, delta: dict[str, Any], finish: str | None = None) -> Frame:
        return super().chunk({"role": "assistant", "content": "", **delta}, finish)

    def opening(self) -> Iterator[Frame]:
        yield from ()

    @property
    def finish(self) -> str | None:
        # Releases of 2024 end with `stop` after calls, too.
        finish = super().finish
        return "stop" if finish == "tool_calls" and self.maybe() else finish

    def call(self, call: Call) -> Iterator[Frame]:
        # The index was missing at first, and then always 0.
        place = self.chance.choice([{}, {"index": 0}, {"index": call.number}]) if self.maybe() else {"index": call.number}
        yield self.chunk({"tool_calls": [{**self.whole_call(call), **place}]})

    def failure(self) -> Iterator[Frame]:
        # Its adapter loses the error: it sends an empty chunk, and then nothing.
        yield self.chunk({"content": ""})


class LlamaCpp(Chat):
    ping = Frame(comment="")
    thought_name = "reasoning_content"

    def call(self, call: Call) -> Iterator[Frame]:
        first, *others = call.pieces(self.speech.call_pieces or self.call_pieces) or [""]
        yield self.piece(call, name=call.tool, arguments=first, id=call.id)
        for piece in others:
            yield self.piece(call, arguments=piece)

    def extra(self, finish: str | None) -> dict[str, Any]:
        return {"timings": {"predicted_n": 7, "predicted_ms": 12.5}} if finish or self.maybe() else {}

    def failure(self) -> Iterator[Frame]:
        if self.maybe():
            # Builds of 2025 send it in an SSE field that the standard does not define.
            yield Frame(json.dumps(self.speech.error), field="error")
            yield DONE
        else:
            yield self.data({"error": self.speech.error}, decides=True)


class Vllm(Chat):
    """vLLM; SGLang sends errors in the same format."""

    call_id = "chatcmpl-tool-"

    def __init__(self, speech: Speech, tokens: list[str], request: dict[str, Any]) -> None:
        super().__init__(speech, tokens, request)
        self.thought_name = "reasoning_content" if self.maybe() else "reasoning"
        self.counts_always = self.maybe()

    def opening(self) -> Iterator[Frame]:
        yield self.chunk({"role": "assistant", "content": ""})

    @property
    def finish(self) -> str | None:
        # A call that was required ends with `stop`.
        finish = super().finish
        return "stop" if finish == "tool_calls" and self.maybe() else finish

    def piece(self, call: Call, *, id: str = "", **function: str) -> Frame:
        # Some releases make another id for each piece.
        if "name" not in function and self.maybe():
            frame = {"index": call.number, "id": f"{self.call_id}{self.chance.random()}", "function": function}
            return self.chunk({"tool_calls": [frame]})
        return super().piece(call, id=id, **function)

    def extra(self, finish: str | None) -> dict[str, Any]:
        return {"usage": {"prompt_tokens": 10, "completion_tokens": 1}} if self.counts_always and self.is_counted else {}

    def failure(self) -> Iterator[Frame]:
        yield self.data({"error": self.speech.error}, decides=True)
        yield DONE


class Anthropic(Chat):
    """The Messages protocol: content blocks of one kind each, cumulative usage, and no [DONE]."""

    ping = Frame('{"type": "ping"}', "ping")
    id = "msg_scripted"
    call_id = "toolu_scripted_"

    def __init__(self, speech: Speech, tokens: list[str], request: dict[str, Any]) -> None:
        super().__init__(speech, tokens, request)
        self.block, self.kind = -1, ""

    def opening(self) -> Iterator[Frame]:
        usage = {"input_tokens": 10, "cache_read_input_tokens": 0, "output_tokens": 1}
        message = {"id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": [], "usage": usage}
        yield self.event("message_start", message={**message, "stop_reason": None})
        yield self.ping

    def thought(self, text: str) -> Iterator[Frame]:
        yield from self.within("thinking")
        yield self.delta("thinking_delta", thinking=text)

    def token(self, text: str) -> Iterator[Frame]:
        if self.maybe():
            yield self.event("a_type_of_next_year", text="not told", delta={"type": "text_delta", "text": "not told"})
            yield from self.close()
        yield from self.within("text")
        yield self.delta("text_delta", text=text)

    def call(self, call: Call) -> Iterator[Frame]:
        yield from self.close()
        self.block, self.kind = self.block + 1, "tool_use"
        block = {"type": "tool_use", "id": call.id or f"{self.call_id}{call.number}", "name": call.tool, "input": {}}
        yield self.event("content_block_start", index=self.block, content_block=block)
        for piece in ["", *call.pieces(self.speech.call_pieces or self.call_pieces)]:
            yield self.delta("input_json_delta", partial_json=piece)
        yield from self.close()

    def ending(self) -> Iterator[Frame]:
        yield from self.close()
        if not self.finish:
            return
        for stop_reason in (*([None] if self.maybe() else []), FINISHES[self.finish]):
            usage = {"usage": {"output_tokens": len(self.tokens)}} if self.speech.sends_usage else {}
            yield self.event("message_delta", delta={"stop_reason": stop_reason, "stop_sequence": None}, **usage)
        yield self.event("message_stop", decides=True)

    def failure(self) -> Iterator[Frame]:
        yield self.event("error", decides=True, error=self.speech.error)

    def whole(self) -> dict[str, Any]:
        thought, text = {"type": "thinking", "thinking": self.speech.reasoning}, {"type": "text", "text": "".join(self.tokens)}
        if self.calls:
            thought["signature"] = "c2lnbmVk"
        content = [thought, text] if self.speech.reasoning else [text]
        if self.calls:
            content = [block for block in content if block.get("text") != ""] + [self.whole_call(call) for call in self.calls]
        head = {"id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": content}
        usage = {"input_tokens": 10, "output_tokens": len(self.tokens)}
        return {**head, "stop_reason": FINISHES.get(self.finish or ""), "usage": usage}

    def whole_call(self, call: Call) -> dict[str, Any]:
        id = call.id or f"{self.call_id}{call.number}"
        return {"type": "tool_use", "id": id, "name": call.tool, "input": json.loads(call.arguments or "{}")}

    def within(self, kind: str) -> Iterator[Frame]:
        if kind != self.kind:
            yield from self.close()
            self.block, self.kind = self.block + 1, kind
            yield self.event("content_block_start", index=self.block, content_block={"type": kind, kind: ""})

    def close(self) -> Iterator[Frame]:
        if self.kind == "thinking":
            yield self.delta("signature_delta", signature="c2lnbmVk")
        if self.kind:
            self.kind = ""
            yield self.event("content_block_stop", index=self.block)

    def delta(self, kind: str, **fields: str) -> Frame:
        return self.event("content_block_delta", index=self.block, delta={"type": kind, **fields})

    def event(self, kind: str, *, decides: bool = False, **fields: Any) -> Frame:
        return Frame(json.dumps({"type": kind, **fields}, ensure_ascii=False), kind, decides=decides)


def rounds_of(request: dict[str, Any]) -> int:
    """Returns how often the model has called since the person's last message."""
    return sum(message["role"] == "assistant" for message in takewhile(is_of_round, reversed(request.get("messages", []))))


def is_of_round(message: dict[str, Any]) -> bool:
    """Returns whether a message has calls or their results."""
    blocks = message.get("content") if isinstance(message.get("content"), list) else []
    is_block = any(block.get("type") in ("tool_use", "tool_result") for block in blocks or [])
    return is_block or message.get("role") == "tool" or bool(message.get("tool_calls"))


DIALECTS: dict[str, type[Chat]] = {
    "openrouter": OpenRouter,
    "openai": OpenAI,
    "anthropic": Anthropic,
    "ollama": Ollama,
    "llama.cpp": LlamaCpp,
    "vllm": Vllm,
}
