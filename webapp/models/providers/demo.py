"""The demo provider: deterministic answers without network, key or cost, and a model for every kind of failure."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from math import sqrt
from zlib import crc32

from webapp.base import languages
from webapp.base.languages import gettext as _
from webapp.models.providers import demo_plans, demo_sources, demo_texts, demo_tools
from webapp.models.providers.base import (
    Continuation,
    Drawn,
    Embedded,
    Model,
    ModelRequest,
    PictureRequest,
    ProviderError,
    Recording,
    Reply,
    Spoken,
    ToolCall,
    Transcribed,
    Turn,
)
from webapp.models.providers.calls import Calls
from webapp.streaming.events import Calling, Delta, Ended, Event, Reasoning, Started, Usage
from webapp.streaming.stop import Stop

PACE_SECONDS = 0.025
# BREATH: the pause before an answer, as a number of tokens, as real models have one. SLOW: how many times slower the slow model
# is.
BREATH, SLOW = 4, 12
RATE_WAIT_SECONDS = 2.0
PIECE = re.compile(r"\S+\s*|\s+")

SHOWN = ("quick", "thoughtful", "long", "code", "tools")
HIDDEN = ("slow", "flaky", "truncated", "malformed", "stall", "rate-limited", "verbose", "fenced", "wrong-types", "echo")
MODELS = tuple(Model(f"demo/{name}", f"Demo: {name}", 32_000, hidden=name in HIDDEN, maker="Millrace") for name in SHOWN + HIDDEN)


VECTORS, DIMENSIONS = "demo/vectors", 64
NO_PICTURES = "The demo makes no pictures."
NO_RECORDINGS = "The demo writes no recordings down."
NO_VOICE = "The demo has no voice."


class DemoProvider:
    """Answers from prepared texts; `pace` is the time between two tokens in seconds, 0 for none."""

    name = "demo"
    continuation: Continuation = "prefill"

    def __init__(self, pace: float = PACE_SECONDS) -> None:
        self._pace = pace
        self._failed_once: set[ModelRequest] = set()

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        self._refuse(request)
        yield Started(request.model, self.name, demo=True)
        pieces, reason = _limited(_pieces(_rest(request)), request)
        sent_pieces = pieces[: len(pieces) // 2 + 1] if _breaks_off(request) else pieces
        pace = self._pace * (SLOW if request.model == "demo/slow" else 1)
        if stop.wait(pace * BREATH):
            return
        if not request.is_continuation:
            yield from _paced(Reasoning, _pieces(thoughts(request)), pace, stop)
        yield from _paced(Delta, sent_pieces, pace, stop)
        _break(request, stop)
        calls = Calls(request, self.name)
        if reason == "stop":
            yield from _called(request, calls, pace, stop)
        if not stop:
            yield Usage(sum(map(_tokens, request.turns)), len(pieces), "0")
            yield Ended("completed", calls.reason(reason))

    def complete(self, request: ModelRequest, stop: Stop) -> Reply:
        events = list(self.stream(request, stop))
        if stop:
            raise ProviderError("cut", "The request to the demo was stopped.")
        text = "".join(event.text for event in events if isinstance(event, Delta))
        thought = "".join(event.text for event in events if isinstance(event, Reasoning))
        usage = next((event for event in events if isinstance(event, Usage)), None)
        reason = next((event.reason for event in events if isinstance(event, Ended)), "stop")
        calls = tuple(_whole(events)) if reason == "calls" else ()
        return Reply(text, thought, usage, reason, request.model, calls)

    def embed(self, model: str, texts: Sequence[str], stop: Stop) -> Embedded:
        if model != VECTORS:
            raise ProviderError("invalid", f"The demo has no embedding model named {model}.")
        tokens = sum(len(_pieces(text)) for text in texts)
        return Embedded(tuple(map(_vector, texts)), Usage(tokens, None, "0", model))

    def draw(self, request: PictureRequest, stop: Stop) -> Drawn:
        raise ProviderError("invalid", NO_PICTURES)

    def transcribe(self, model: str, recording: Recording, stop: Stop) -> Transcribed:
        raise ProviderError("invalid", NO_RECORDINGS)

    def speak(self, model: str, text: str, voice: str, stop: Stop, *, audio_format: str = "mp3") -> Spoken:
        raise ProviderError("invalid", NO_VOICE)

    def models(self) -> Sequence[Model]:
        return MODELS

    def check_key(self) -> str:
        return "The demo needs no key."

    def settle(self, upstream_id: str) -> Usage | None:
        return None

    def _refuse(self, request: ModelRequest) -> None:
        if request.model not in {model.id for model in MODELS}:
            raise ProviderError("invalid", f"The demo has no model named {request.model}.")
        if request.model == "demo/rate-limited":
            raise ProviderError("rate", "The demo is rate limiting.", retryable=True, retry_after=RATE_WAIT_SECONDS)
        if request.model == "demo/flaky" and len(question(request).split()) % 2:
            self._fail_once(request)

    def _fail_once(self, request: ModelRequest) -> None:
        if request not in self._failed_once:
            self._failed_once.add(request)
            raise ProviderError("error", "The demo was briefly unavailable.", retryable=True)
        self._failed_once.remove(request)


def _vector(text: str) -> tuple[float, ...]:
    """Returns a unit vector; texts that share words are close to each other."""
    counts = Counter(crc32(word.encode()) % DIMENSIONS for word in re.findall(r"\w+", text.lower()))
    length = sqrt(sum(count * count for count in counts.values())) or 1.0
    return tuple(counts[place] / length for place in range(DIMENSIONS))


def answer(request: ModelRequest) -> str:
    """Returns the model's whole answer to this request, from its start."""
    if request.schema:
        return demo_plans.text(request)
    with languages.using(_language(request)):
        return ANSWERS.get(request.model, _talk)(request)


def thoughts(request: ModelRequest) -> str:
    if request.model != "demo/thoughtful":
        return ""
    prompt = demo_sources.typed(question(request))
    count = len(prompt.split())
    words = f"{count} word{'' if count == 1 else 's'}"
    return demo_texts.THOUGHTS.format(words=words, known=demo_texts.KNOWN if _known(prompt) else demo_texts.UNKNOWN)


def _language(request: ModelRequest) -> str:
    """Returns the language in which the demo answers: that of the question, as a real model would."""
    return demo_texts.language_of(demo_sources.typed(question(request)))


def question(request: ModelRequest) -> str:
    """Returns the person's last message."""
    return next((turn.content for turn in reversed(request.turns) if turn.role == "user"), "").strip()


def _with_tools(request: ModelRequest) -> str:
    step = STEPS[request.model](request, question(request))
    return step.text if step else _talk(request)


def _call(request: ModelRequest) -> demo_tools.Wanted | None:
    """Returns the call with which an answer ends, if it does."""
    begun = _begun(request)
    steps = None if request.schema else STEPS.get(request.model)
    with languages.using(_language(begun)):
        step = steps(begun, question(begun)) if steps else None
    return step.call if step else None


def _called(request: ModelRequest, calls: Calls, pace: float, stop: Stop) -> Iterator[Event]:
    if stop or not (call := _call(request)):
        return
    yield from calls.take(0, "", call.tool, "")
    for piece in _pieces(call.arguments):
        if stop.wait(pace) if pace else stop:
            return
        yield from calls.take(0, "", "", piece)


def _whole(events: Sequence[Event]) -> Iterator[ToolCall]:
    pieces = [event for event in events if isinstance(event, Calling)]
    yield ToolCall(pieces[0].id, pieces[0].tool, "".join(piece.arguments for piece in pieces))


def _tokens(turn: Turn) -> int:
    return len(_pieces(turn.content)) + sum(len(_pieces(result.text)) for result in turn.results)


def _talk(request: ModelRequest) -> str:
    prompt = question(request)
    if request.sources:
        return demo_sources.answer(request, demo_sources.typed(prompt))
    message = next((turn for turn in reversed(request.turns) if turn.role == "user"), Turn("user", ""))
    texts = [turn.content for turn in request.turns if turn.role == "user"][-2::-1]
    from_files = demo_sources.answer_from_files(prompt)
    if demo_sources.has_pictures(message):
        return "\n".join(filter(None, (from_files, _(demo_texts.PICTURES))))
    typed = demo_sources.typed(prompt)
    return (
        from_files
        or _known(typed)
        or demo_sources.answer(request, prompt)
        or demo_sources.answer_from_files(prompt, texts)
        or _(demo_texts.REFLECTION).format(question=_quoted(typed))
    )


def _known(prompt: str) -> str:
    # Quoted code is not part of the question.
    typed = prompt.partition("\n```")[0]
    lower = f" {' '.join(typed.lower().split())} "
    for phrases, text in demo_texts.TOPICS:
        if any(f" {phrase}" in lower for phrase in phrases):
            return _(text)
    words = " ".join(re.findall(r"\w+", lower)) + " "
    return _(demo_texts.GREETING) if words.startswith(demo_texts.GREETINGS) and len(words) < 40 else ""


def _quoted(text: str) -> str:
    words = text.split()
    return " ".join(words[:40]) + (" …" if len(words) > 40 else "")


def _chapters(count: int) -> str:
    return "# The mill and the race\n\n" + "".join(_chapter(number) for number in range(count))


def _chapter(number: int) -> str:
    def pick(choices: Sequence[str]) -> str:
        return choices[number % len(choices)]

    opening, closing = pick(demo_texts.OPENINGS), pick(demo_texts.CLOSINGS)
    return demo_texts.CHAPTER.format(number=number + 1, title=pick(demo_texts.TITLES), opening=opening, closing=closing)


def _echo(request: ModelRequest) -> str:
    turns = [{"role": turn.role, "content": turn.content, **_seen(turn)} for turn in request.turns]
    return json.dumps({**asdict(replace(request, turns=(), folded=None)), "turns": turns}, ensure_ascii=False, indent=1)


STEPS = {"demo/quick": demo_tools.plain_step, "demo/tools": demo_tools.step}
ANSWERS: dict[str, Callable[[ModelRequest], str]] = {
    "demo/long": lambda _request: _chapters(12),
    "demo/verbose": lambda _request: _chapters(200),
    "demo/code": lambda _request: demo_texts.CODE,
    "demo/quick": _with_tools,
    "demo/tools": _with_tools,
    "demo/stall": lambda _request: demo_texts.STALLED,
    "demo/malformed": lambda _request: demo_texts.MALFORMED,
    "demo/fenced": lambda _request: demo_texts.FENCE.replace("{json}", json.dumps(demo_texts.PLAN, indent=2)),
    "demo/wrong-types": lambda _request: json.dumps(demo_texts.WRONG_TYPES, indent=2),
    "demo/echo": _echo,
}


def _breaks_off(request: ModelRequest) -> bool:
    # Only the first time: continuing shows how such an answer is repaired.
    return (
        request.model == "demo/truncated"
        and not request.is_continuation
        and not (request.schema and demo_plans.is_for_places(request))
    )


def _break(request: ModelRequest, stop: Stop) -> None:
    """Fails in the way of the request's model, after its text: waits for a stop, or raises."""
    if request.model == "demo/stall":
        while not stop.wait(60):
            pass
    if stop:
        return
    if _breaks_off(request):
        raise ProviderError("cut", "The demo cut the answer off before it finished.", retryable=True)
    if request.model == "demo/malformed" and not request.schema:
        raise ProviderError("invalid", "The demo returned something that isn't a model's answer.")


def _paced(kind: type[Delta] | type[Reasoning], pieces: Sequence[str], pace: float, stop: Stop) -> Iterator[Event]:
    for piece in pieces:
        if stop:
            return
        yield kind(piece)
        if pace:
            stop.wait(pace)


def _seen(turn: Turn) -> dict[str, list[str]]:
    return {"pictures": [picture.media_type for picture in turn.pictures]} if turn.pictures else {}


def _begun(request: ModelRequest) -> ModelRequest:
    """Returns the request as it was when the answer began."""
    return replace(request, turns=request.turns[:-1], is_continuation=False) if request.is_continuation else request


def _partial(request: ModelRequest) -> str:
    return request.turns[-1].content if request.is_continuation and request.turns else ""


def _rest(request: ModelRequest) -> str:
    """Returns the rest of the answer; a start that the demo didn't write, or that is complete, gets a fixed text."""
    whole, partial = answer(_begun(request)), _partial(request)
    is_mine = whole.startswith(partial) and (partial != whole or _call(request) is not None)
    if is_mine or request.schema:
        return whole.removeprefix(partial)
    with languages.using(_language(request)):
        return f"\n\n{_(demo_texts.FURTHER)}"


def _pieces(text: str) -> list[str]:
    return PIECE.findall(text)


def _limited(pieces: list[str], request: ModelRequest) -> tuple[list[str], str]:
    if request.max_tokens and len(pieces) > request.max_tokens:
        return pieces[: request.max_tokens], "length"
    return pieces, "stop"
