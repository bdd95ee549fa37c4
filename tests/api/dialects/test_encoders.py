"""Every dialect conveys the same content for the same run, in its own format."""

import json
import re

import pytest
from hypothesis import given, strategies as st

from tests.api.dialects.runs import CLIENTS, NOW, encoders, line_of, of_roleplay, outcome_of, runs, text_of, told
from webapp.api.native.events import CanonicalEncoder
from webapp.api.streaming.encoding import DialectFrame, StreamState, as_json, wire
from webapp.guests.dialects.quick.encoder import Quick, QuickEncoder, html_pieces
from webapp.rendering.markdown import render
from webapp.streaming.events import Delta, Ended, Event, Failed, Notice, Phase, Reasoning, Saved, Sources, Started, Usage, to_json
from webapp.streaming.topics import Entry

DIALECTS = tuple(CLIENTS)
RUN: list[Event] = [
    Started("small/one", "openrouter"),
    Notice("tried", "It failed.", "{}"),
    Notice("fallback", "small/two is asked instead."),
    Phase("thinking"),
    Reasoning("Hm."),
    Sources(({"title": "A page"},)),
    Delta("Grüße"),
    Delta(", \u2028you"),
    Usage(3, 2, "0.001"),
    Phase("saving"),
    Saved("message", "a", "assistant"),
    Ended("completed", "stop"),
]
FALLBACK = {"code": "fallback", "message": "small/two is asked instead."}


@pytest.mark.parametrize("event", [Delta, Reasoning])
@given(text=st.text())
def test_texts_are_written_like_all_other_events(event, text):
    fields = to_json(event(text))
    name = fields.pop("kind")

    assert wire(CanonicalEncoder().encode(Entry(1, event(text))), id="1") == wire([DialectFrame(fields, name)], id="1")


@pytest.mark.slow
@given(runs)
def test_every_dialect_tells_the_same_text_and_the_same_end(events):
    for name, encoder in encoders().items():
        frames = told(encoder, events)
        heard = CLIENTS[name](frames)
        outcome = "ok" if name == "door" and outcome_of(events) == "stopped" else outcome_of(events)
        assert (heard.text, heard.outcome, heard.is_closed) == (text_of(events), outcome, True), name


@pytest.mark.slow
@given(runs, st.data())
def test_every_dialect_closes_for_one_who_is_sent_away_before_the_end(events, data):
    heard_of = data.draw(st.integers(0, len(events) - 1))
    for name, encoder in encoders().items():
        if name != "roleplay":
            heard = CLIENTS[name](told(encoder, events[:heard_of]))
            assert (heard.text, heard.outcome, heard.is_closed) == (text_of(events[:heard_of]), "error", True), name


@pytest.mark.slow
@given(runs, st.data())
def test_who_joins_a_roleplay_late_has_the_whole_text_too(events, data):
    seq = data.draw(st.integers(0, len(events) - 1))
    state = StreamState("g", "c", "a", "m", "running", seq, text_of(events[:seq]), is_snapshot=True)

    assert of_roleplay(told(encoders()["roleplay"], events, state=state)).text == text_of(events)


@pytest.mark.slow
@given(runs)
def test_every_frame_is_one_line_of_ascii_and_no_content_is_empty(events):
    for name, encoder in encoders().items():
        for frame in told(encoder, events):
            line = line_of(frame)
            assert line.isascii()
            assert line.isprintable()
            assert '"content":""' not in line or '"isComplete":true' in line, name


def test_roleplay_is_as_its_page_says():
    frames = [(frame.event, frame.data) for frame in told(encoders()["roleplay"], RUN)]

    assert frames == [
        ("state", {"isStreaming": True, "partialMessage": "", "streamId": "g", "seq": 0}),
        ("saved", {"messageId": "q", "role": "user"}),
        ("notice", FALLBACK),
        ("chunk", {"content": "Grüße", "streamId": "g", "seq": 7}),
        ("chunk", {"content": ", \u2028you", "streamId": "g", "seq": 8}),
        ("saved", {"messageId": "a", "role": "assistant"}),
        ("end", {"status": "completed", "streamId": "g", "messageId": "a"}),
    ]


class Html:
    """The HTML of an answer of which one more block is finished with each look at it."""

    def __init__(self, *blocks: str, differs: str = "") -> None:
        self.all, self.differs = blocks, differs

    def blocks(self, first: int) -> list[tuple[int, str]]:
        return [(first, html) for html in self.all[first : first + 1]]

    def last_blocks(self, first: int) -> list[tuple[int, str]]:
        return [(0, self.differs)] if self.differs else list(enumerate(self.all[first:], first))

    def rest(self, first: int) -> str:
        return "".join(self.all[first:])


COMPLETE = {
    "status": "completed",
    "chatId": "c",
    "messageId": "a",
    "usage": {"inputTokens": 3, "outputTokens": 2, "cost": "0.001"},
    "demo": False,
    "notices": [FALLBACK],
}


def quick_of(html: Html | None, *, is_html: bool = False) -> list[tuple[str, dict]]:
    encoder = QuickEncoder(Quick("c", "a", html, is_html=is_html))
    return [(frame.event, frame.data) for frame in told(encoder, RUN)]


def test_quick_chat_is_as_its_page_says():
    assert quick_of(None) == [
        ("message", {"content": "Grüße"}),
        ("message", {"content": ", \u2028you"}),
        ("complete", COMPLETE),
    ]


def test_quick_chat_sends_blocks_to_who_asks():
    assert quick_of(Html("<p>Grüße</p>", "<p>you</p>", "<p>!</p>")) == [
        ("message", {"content": "Grüße", "blocks": [{"n": 0, "html": "<p>Grüße</p>"}]}),
        ("message", {"content": ", \u2028you", "blocks": [{"n": 1, "html": "<p>you</p>"}]}),
        ("complete", {**COMPLETE, "blocks": [{"n": 2, "html": "<p>!</p>"}]}),
    ]


def test_quick_chat_sends_html_in_place_of_the_text():
    assert quick_of(Html("<p>Grüße</p>", "<p>you</p>", "<p>!</p>"), is_html=True) == [
        ("message", {"content": "<p>Grüße</p>"}),
        ("message", {"content": "<p>you</p>"}),
        ("message", {"content": "<p>!</p>"}),
        ("complete", COMPLETE),
    ]


def test_a_long_block_comes_in_numbered_parts():
    long, last = f"<p>{'A &amp; b <b>c</b> ' * 300}</p>", f"<pre>{'x' * 3_000}</pre>"
    for html in (Html(long, "", last), Html("", "", differs=long)):
        blocks = [block for _, data in quick_of(html) for block in data.get("blocks", [])]
        by_n: dict[int, list[dict]] = {}
        for block in blocks:
            by_n.setdefault(block["n"], []).append(block)

        whole = {n: "".join(block["html"] for block in parts) for n, parts in by_n.items()}
        assert {n: part for n, part in whole.items() if part} == ({0: long, 2: last} if not html.differs else {0: long})
        assert all([block["part"] for block in parts] == list(range(parts[0]["parts"])) for parts in by_n.values())


HTML = st.lists(
    st.sampled_from(["<b>", "</b>", "&amp;", "text ", "水", "🌊", '<a href="?a=1&gt;2&amp;b">', "</a>", "x" * 1_500])
).map("".join)


@given(HTML, st.integers(40, 400))
def test_html_is_never_cut_within_a_tag_or_an_entity(html, most_bytes):
    cut = list(html_pieces(html, most_bytes))

    assert "".join(cut) == html
    assert all(len(as_json(piece)) - 2 <= most_bytes for piece in cut)
    assert all(piece.count("<") == len(re.findall(r"<[^<]*?>", piece)) for piece in cut)
    assert all(piece.count("&") == piece.count("&amp;") + piece.count("&gt;") for piece in cut)


def test_a_tag_of_ours_has_no_end_of_a_tag_within():
    for text in ('[a](<https://example.org/?b>c> "d>e")', "![a>b](https://example.org/c.png)", "```d>e\nx\n```", "<b title='>'>"):
        assert re.sub(r"<[^<>]*>", "", render(text)).count(">") == 0


long_texts = st.text(max_size=400).flatmap(lambda text: st.integers(1, 40).map(lambda times: text * times))
long_runs = st.builds(
    lambda said, notices, failure: [
        Started("m", "p", True),
        *map(Delta, said),
        *(Notice("fallback", notice) for notice in notices),
        Usage(3, 2, "0.001"),
        *([Failed("upstream_invalid", failure), Ended("failed", "invalid")] if failure else [Ended("completed", "stop")]),
    ],
    st.lists(long_texts, max_size=3),
    st.lists(long_texts, max_size=20),
    long_texts,
)


@pytest.mark.slow
@given(long_runs, st.lists(long_texts, max_size=3), st.booleans())
def test_no_event_of_quick_chat_is_longer_than_a_packet(events, blocks, is_html):
    for html in (None, Html(*blocks), Html(*blocks, differs="".join(blocks))):
        frames = told(QuickEncoder(Quick("c" * 26, "a" * 26, html, is_html=is_html)), events)
        texts = [frame.data["content"] for frame in frames if frame.event == "message"]

        assert max(len(line) for frame in frames for line in wire([frame], id="9" * 15)) <= 1_200
        assert "".join(texts) == ("".join(blocks) if html and is_html else text_of(events))


@pytest.mark.parametrize("name", ["threads", "assistant"])
@given(text=long_texts)
def test_pieces_of_text_fit_in_a_packet(name, text):
    frames = told(encoders()[name], [Delta(text)])[:-2]

    assert max(len(line) for frame in frames for line in wire([frame], id="9" * 15)) <= 1_200


def test_threads_are_as_their_page_says():
    frames = told(encoders()["threads"], RUN)
    message = {"id": "q", "role": "user", "content": "Why?", "createdAt": NOW, "sources": []}
    whole = {"accumulated": "Grüße, \u2028you", "sources": [{"title": "A page"}]}

    assert all(not frame.event and frame.data["timestamp"] == NOW for frame in frames)
    assert [(frame.data["type"], frame.data["data"]) for frame in frames] == [
        ("connected", {"threadId": "c"}),
        ("message_saved", {"message": message}),
        ("ai_response", {"content": "Grüße", "isComplete": False}),
        ("ai_response", {"content": ", \u2028you", "isComplete": False}),
        ("ai_response", {"content": "", "isComplete": True, **whole}),
        ("done", {"success": True, "stopped": False, "messageId": "a", "notices": [FALLBACK]}),
    ]


def test_the_assistant_is_as_its_page_says():
    assert [frame.data for frame in told(encoders()["assistant"], RUN)] == [
        {"type": "session_info", "session_id": "c", "status": "processing"},
        {"type": "warning", **FALLBACK},
        {"type": "token", "content": "Grüße"},
        {"type": "token", "content": ", \u2028you"},
        {"type": "done", "message": "Streaming complete"},
        {"type": "response_saved", "message_id": "a", "processing_time_ms": 1200, "sources": [{"title": "A page"}]},
        {"type": "stream_end"},
    ]


@pytest.mark.parametrize(("said", "types"), [([Delta("Hi")], ["token", "error", "response_saved"]), ([], ["error"])])
def test_the_assistant_names_the_message_of_each_text_that_was_kept(said, types):
    events = [*said, Failed("invalid", "It broke."), Ended("failed", "upstream_invalid")]
    told_types = [frame.data["type"] for frame in told(encoders()["assistant"], events)]

    assert told_types == ["session_info", *types, "stream_end"]


def test_the_door_speaks_as_openai_does():
    *chunks, done = told(encoders()["door"], RUN)
    deltas = [chunk.data["choices"][0]["delta"] for chunk in chunks[:-1]]

    assert deltas == [{"role": "assistant"}, {"content": "Grüße"}, {"content": ", \u2028you"}, {}]
    assert chunks[-2].data["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1].data["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert {chunk.data["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert done.data == "[DONE]"


@pytest.mark.parametrize("name", DIALECTS)
def test_a_demo_says_so(name):
    events = [Started("demo/quick", "demo", True), Delta("Hi"), Ended("completed", "stop")]
    texts = json.dumps([frame.data for frame in told(encoders()[name], events)])

    assert ("comes from the demo" in texts) == (name != "door")
