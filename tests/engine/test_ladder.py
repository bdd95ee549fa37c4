"""The ladder, step by step: what the person saw, what was stored, how often the upstream was called."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from gevent.event import Event as GreenEvent

from tests.engine.bench import Bench
from tests.models.providers.received import Received, collect
from tests.support.certificate import certificate_in
from tests.support.ports import free_port
from tests.upstream.handle import Upstream
from tests.upstream.server import REFUSED
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db
from webapp.chat.record.queries import generations_of
from webapp.engine import generations
from webapp.engine.ladder import AttemptLimits, Ladder, Rung
from webapp.engine.state.circuit import FAILURES, Circuits, Pause
from webapp.engine.tables import Generation
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.providers import providers
from webapp.models.connections.service import ConnectionInput
from webapp.models.providers.base import ModelRequest, ToolCall, ToolResult, ToolSpec, Turn
from webapp.settings.service import set_setting
from webapp.streaming.events import Calling, Delta
from webapp.streaming.stop import Stop
from webapp.workspace.page import answer_shown

HELLO = {"says": "Hello there"}
BUSY = {"status": 503, "json": {"error": {"message": "overloaded", "code": 503}}}
RATE = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"error": {"message": "slow down", "code": 429}}}
RATE_FOR_A_WHILE = {**RATE, "headers": {"Retry-After": "7"}}
RATE_FOR_LONG = {"status": 429, "headers": {"Retry-After": "3600"}, "json": {"error": {"message": "tomorrow", "code": 429}}}
CREDIT = {"status": 402, "json": {"error": {"message": "no credit", "code": 402}}}
UNKNOWN = {"status": 404, "json": {"error": {"message": "no such model", "code": 404}}}
CUT = {"counted": 9, "cut_after": 0}
ERROR_INSIDE = {"says": "x", "error_after": 0}
WHOLE = {"json": {"choices": [{"message": {"role": "assistant", "content": "In one piece"}, "finish_reason": "stop"}]}}

UNSTREAMED = {"status": 400, "json": {"error": {"message": "This model doesn't support streaming.", "param": "stream"}}}
BUSY_FOR_LONG = {**BUSY, "headers": {"Retry-After": "3600"}}
HOPELESS = {**BUSY, "headers": {"x-should-retry": "false"}}
NOT_IMPLEMENTED = {"status": 501, "json": {"error": {"message": "Not here", "code": 501}}}
EMPTY, BLANK, ONLY_THOUGHTS = {"says": ""}, {"says": " \n"}, {"says": "", "reasoning": "Hm, well.", "finish": "length"}
# Its head comes, then comments or nothing.
HEAD_ONLY = {"steps": [{"send": ": connecting\n\n"}, {"hang": True}]}
COMMENTS_ONLY = {"counted": 9, "stall_after": 0, "stall_comments": 0.2}
NO_HEAD = {"raw": [{"hang": True}]}

STEPS = [
    # The upstream's behaviors in order, the notices the person sees, the status, the text, and the number of calls.
    ([HELLO], [], "completed", "Hello there"),
    ([BUSY, HELLO], ["retry"], "completed", "Hello there"),
    pytest.param([RATE, RATE, HELLO], ["retry", "retry"], "completed", "Hello there", marks=pytest.mark.deep),
    ([RATE, HELLO], ["retry"], "completed", "Hello there"),
    ([RATE_FOR_LONG], [], "failed", ""),
    ([REFUSED], [], "failed", ""),
    ([CREDIT], [], "failed", ""),
    ([UNKNOWN], [], "failed", ""),
    ([RATE, RATE, RATE], ["retry", "retry"], "failed", ""),
    ([BUSY, BUSY, BUSY], ["retry", "whole"], "failed", ""),
    ([BUSY, BUSY, WHOLE], ["retry", "whole"], "completed", "In one piece"),
    ([BUSY_FOR_LONG], [], "failed", ""),
    ([HOPELESS, WHOLE], ["whole"], "completed", "In one piece"),
    ([NOT_IMPLEMENTED, WHOLE], ["whole"], "completed", "In one piece"),
    ([CUT, CUT, WHOLE], ["retry", "whole"], "completed", "In one piece"),
    pytest.param([ERROR_INSIDE] * 2 + [WHOLE], ["retry", "whole"], "completed", "In one piece", marks=pytest.mark.deep),
    ([EMPTY], [], "failed", ""),
    ([BLANK], [], "failed", BLANK["says"]),
    ([ONLY_THOUGHTS], [], "failed", ""),
    ([{"counted": 9, "cut_after": 3}], [], "interrupted", "w000001 w000002 w000003 "),
    ([UNSTREAMED, WHOLE], ["whole"], "completed", "In one piece"),
]
WITH_ANOTHER = [
    ([BUSY, BUSY, BUSY, HELLO], ["retry", "whole", "fallback"], "completed", "Hello there"),
    ([RATE_FOR_A_WHILE, HELLO], ["fallback"], "completed", "Hello there"),
    ([EMPTY, HELLO], ["fallback"], "completed", "Hello there"),
    ([ONLY_THOUGHTS], [], "failed", ""),
    ([RATE_FOR_LONG, HELLO], ["fallback"], "completed", "Hello there"),
    ([UNKNOWN, HELLO], ["fallback"], "completed", "Hello there"),
    ([UNKNOWN, UNKNOWN], ["fallback"], "failed", ""),
    ([REFUSED], [], "failed", ""),
    ([CREDIT], [], "failed", ""),
    ([{"counted": 9, "cut_after": 3}], [], "interrupted", "w000001 w000002 w000003 "),
]


def climb(bench: Bench, fake, behaviours: list[dict]):
    fake.behaves(behaviours)
    fake.always({"status": 500, "text": "one call too many"})
    with bench.app.app_context():
        set_setting("models.titles", "off")
    return bench.until_ended(bench.ask(person=bench.person()))


def check(bench: Bench, fake, caplog, ended, behaviours, codes, status, text) -> None:
    assert (ended.status, bench.message(ended.id).content) == (status, text)
    assert [notice["code"] for notice in ended.notices] == codes
    assert len(fake.posts()) == len(behaviours)
    assert len(ended.attempts) == len(behaviours) - (status == "completed")
    assert all(attempt["message"] and attempt["code"] for attempt in ended.attempts)
    logged = [record.getMessage() for record in caplog.records if record.name == "generation:ladder"]
    assert [line.rpartition(": ")[2] for line in logged] == [attempt["code"] for attempt in ended.attempts]


@pytest.mark.slow
@pytest.mark.parametrize(("behaviours", "codes", "status", "text"), STEPS)
def test_each_step_alone(bench, fake, caplog, behaviours, codes, status, text):
    caplog.set_level("INFO", "generation:ladder")
    check(bench, fake, caplog, climb(bench, fake, behaviours), behaviours, codes, status, text)


@pytest.mark.slow
@pytest.mark.parametrize(("behaviours", "codes", "status", "text"), WITH_ANOTHER)
def test_with_another_model_in_the_chain(bench, fake, caplog, behaviours, codes, status, text):
    caplog.set_level("INFO", "generation:ladder")
    with bench.app.app_context():
        set_setting("models.fallbacks", "other/model")

    ended = climb(bench, fake, behaviours)

    check(bench, fake, caplog, ended, behaviours, codes, status, text)
    if "fallback" in codes and status == "completed":
        assert fake.posts()[-1]["body"]["model"] == "other/model"


@pytest.mark.slow
@pytest.mark.parametrize("silence", [HEAD_ONLY, COMMENTS_ONLY, NO_HEAD], ids=["head only", "comments only", "no head"])
@pytest.mark.parametrize("after", [[WHOLE], [{"hang": True}, HELLO]], ids=["without streaming", "another model"])
def test_a_silence_ends_an_attempt_and_the_ladder_goes_on(bench, fake, silence, after):
    with bench.app.app_context():
        set_setting("stream.first_byte_seconds", "1")
        set_setting("stream.ladder_seconds", "6")
        set_setting("models.fallbacks", "other/model")
    behaviours = [silence, *({"steps": [behaviour]} if "hang" in behaviour else behaviour for behaviour in after)]

    ended = climb(bench, fake, behaviours)

    assert (ended.status, len(fake.posts())) == ("completed", len(behaviours))
    assert [notice["code"] for notice in ended.notices] == ["whole", "fallback"][: len(after)]
    assert {attempt["code"] for attempt in ended.attempts} <= {"first_byte", "stall"}


SHUT = [
    ({"status": 401, "json": {"error": {"message": "bad key", "code": 401}}}, "auth"),
    (CREDIT, "credit"),
]


@pytest.mark.parametrize(("refusal", "code"), SHUT, ids=["401", "402"])
def test_a_refused_connection_is_left_for_the_next_one(bench, fake, refusal, code):
    there = connected_to(bench, fake.base_url)
    fake.behaves([refusal])
    fake.always(HELLO)
    with bench.app.app_context():
        set_setting("models.fallbacks", "other/model, third/model, " + f"{there}one")

    ended = bench.until_ended(bench.ask(person=bench.person()))

    assert (ended.status, bench.message(ended.id).content) == ("completed", "Hello there")
    assert [(attempt["model"], attempt["code"]) for attempt in ended.attempts] == [("some/model", code)]
    assert [notice["code"] for notice in ended.notices] == ["fallback"]


@pytest.mark.parametrize("refusal", [RATE_FOR_A_WHILE, *(refusal for refusal, _ in SHUT)], ids=["429", "401", "402"])
def test_the_demo_steps_in_at_once(bench, fake, refusal):
    with bench.app.app_context():
        set_setting("demo.fallback", "always")
        set_setting("stream.first_byte_seconds", "20")
    fake.always(refusal)

    ended = bench.until_ended(bench.ask(person=bench.person()))

    assert (ended.status, ended.is_demo, len(fake.posts())) == ("completed", True, 1)
    assert (ended.first_text_at - ended.started_at).total_seconds() < 6


def test_an_interrupted_answer_keeps_the_id_of_its_cost(bench, fake):
    ended = climb(bench, fake, [{"counted": 9, "cut_after": 3}])

    assert (ended.status, ended.upstream_id) == ("interrupted", "gen-1")


def test_the_person_sees_the_trail(bench, fake):
    with bench.app.app_context():
        set_setting("models.fallbacks", "other/model")
    ended = climb(bench, fake, [UNKNOWN, HELLO])

    with bench.app.test_request_context():
        [found] = generations_of([bench.message(ended.id)]).values()
        notices = answer_shown.notices(found[-1], bench.message(ended.id))
    assert "Model · Some couldn't answer" in notices[0].text
    assert "Switched to Model · Other" in notices[0].text


@pytest.mark.slow
def test_a_page_tells_tries_in_one_line_when_they_are_over(bench, fake):
    ended = climb(bench, fake, [RATE, RATE, HELLO])

    with bench.app.test_request_context():
        [found] = generations_of([bench.message(ended.id)]).values()
        [notice] = answer_shown.notices(found[-1], bench.message(ended.id))
    assert notice.text == "The request was retried twice."
    assert notice.detail.count("Tried Model again after") == 2


NOWHERE = {
    "unknown host": "The host nowhere.invalid can't be found. Check the address.",
    "refused": "Elsewhere refused the connection. Is it running, and is the port correct?",
    "no TLS": "Couldn't connect securely to Elsewhere: its certificate isn't trusted, or it doesn't use HTTPS.",
}


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a certificate of its own making."""
    certificate, key = certificate_in(tmp_path_factory.mktemp("tls"))
    server = Upstream(certfile=certificate, keyfile=key)
    yield f"https://127.0.0.1:{server.port}/v1"
    server.close()


def connected_to(bench: Bench, address: str) -> str:
    """Adds a connection to this address, and returns the beginning of its models' names."""
    with bench.app.app_context():
        slug = connections.create(
            "openai", ConnectionInput(name="Elsewhere", base_url=address, default_model="one"), author=COMMAND_LINE
        )
        the_connections().forget()
    return f"{slug}:"


@pytest.mark.slow
@pytest.mark.parametrize("fault", NOWHERE)
def test_a_connection_that_leads_nowhere_is_one_notice_however_many_models(bench, untrusted, fault):
    refused = f"http://127.0.0.1:{free_port()}/v1"
    there = connected_to(bench, {"unknown host": "http://nowhere.invalid/v1", "refused": refused, "no TLS": untrusted}[fault])
    with bench.app.app_context():
        set_setting("models.allowed", f"{there}one, {there}two, {there}three")
        set_setting("models.fallbacks", f"{there}two, {there}three")

    ended = bench.until_ended(bench.ask(person=bench.person(), model=f"{there}one"))

    assert ended.status == "failed"
    assert {attempt["model"] for attempt in ended.attempts} == {f"{there}one"}
    with bench.app.test_request_context():
        [found] = generations_of([bench.message(ended.id)]).values()
        [notice] = answer_shown.notices(found[-1], bench.message(ended.id))
    assert notice.text == NOWHERE[fault]
    assert notice.remedy
    assert notice.remedy.words == "An admin can check the connection."
    assert notice.remedy.by_admins == "Open the connection Elsewhere"
    assert notice.remedy.url == f"/admin/connections/{there.rstrip(':')}"


def test_a_model_of_another_connection_answers_when_one_leads_nowhere(bench, fake, untrusted):
    there = connected_to(bench, untrusted)
    fake.always(HELLO)
    with bench.app.app_context():
        set_setting("models.fallbacks", f"{there}two, other/model")

    ended = bench.until_ended(bench.ask(person=bench.person(), model=f"{there}one"))

    assert (ended.status, bench.message(ended.id).content) == ("completed", "Hello there")
    assert [notice["code"] for notice in ended.notices] == ["fallback"]
    assert len(ended.attempts) == 1
    assert fake.posts()[-1]["body"]["model"] == "other/model"


def test_while_it_waits_the_state_says_what_for(bench, fake):
    fake.always({"status": 429, "headers": {"Retry-After": "29"}, "json": {"error": {"message": "slow down", "code": 429}}})
    id = bench.ask(person=bench.person())
    bench.until(lambda: any(notice.code == "retry" for notice in bench.engine.live[id].run.transcript.notices))

    with bench.app.app_context():
        picture, _ = bench.engine.logs.broadcast(db.session.get(Generation, id)).snapshot()
    assert (picture.status, picture.words) == ("queued", "Retrying")
    bench.engine.live[id].run.stop.request("user")
    assert bench.until_ended(id, 20).status == "stopped"


@pytest.mark.slow
def test_what_a_server_said_is_a_sentence_before_the_next_one(bench, fake):
    ended = climb(bench, fake, [RATE, HELLO])

    assert "slow down. Trying Model again" in ended.notices[0]["message"]


def test_a_stop_during_the_back_off_ends_at_once(bench, fake):
    fake.always({"status": 429, "headers": {"Retry-After": "29"}, "json": {"error": {"message": "slow down", "code": 429}}})
    id = bench.ask(person=bench.person())
    fake.until_asked()
    bench.until(lambda: any(notice.code == "retry" for notice in bench.engine.live[id].run.transcript.notices))

    bench.engine.live[id].run.stop.request("user")

    ended = bench.until_ended(id, 20)
    assert (ended.status, ended.reason) == ("stopped", "user")
    assert len(fake.posts()) == 1


@pytest.mark.slow
def test_the_whole_ladder_has_one_limit(bench, fake):
    with bench.app.app_context():
        set_setting("stream.ladder_seconds", "2")
    fake.always({"steps": [{"sleep": 60}]})

    ended = bench.until_ended(bench.ask(person=bench.person()))

    assert (ended.status, ended.reason) == ("failed", "stall")


def test_without_streaming_the_answer_comes_at_once(bench, fake):
    with bench.app.app_context():
        set_setting("stream.enabled", "false")
    fake.always(WHOLE)

    ended = bench.until_ended(bench.ask(person=bench.person()))

    assert (ended.status, bench.message(ended.id).content) == ("completed", "In one piece")
    assert fake.posts()[0]["body"].get("stream") in (None, False)


def test_a_circuit_opens_after_failures_in_a_row_and_lets_one_try():
    now = [0.0]
    circuits = Circuits(lambda: now[0])
    for _ in range(FAILURES - 1):
        circuits.failed("m", "error")
    assert circuits.pause("m") is None
    circuits.failed("m", "stall")
    assert circuits.pause("m") == Pause("error", 5)
    # Those who asked before the pause don't prolong it.
    circuits.failed("m", "error")

    for seconds in (10, 20, 30, 30):
        now[0] += 30
        assert circuits.pause("m") is None
        with circuits.request("m") as is_probe:
            assert is_probe
            assert circuits.pause("m") == Pause("error", 5)
            circuits.failed("m", "error", is_probe=is_probe)
        assert circuits.pause("m") == Pause("error", seconds)

    now[0] += 30
    with circuits.request("m"):
        circuits.succeeded("m")
        assert circuits.pause("m") is None


def test_a_probe_that_tells_nothing_lets_the_next_one_try():
    now = [0.0]
    circuits = Circuits(lambda: now[0])
    for _ in range(FAILURES):
        circuits.failed("m", "error")
    now[0] += 6
    with circuits.request("m"):
        pass

    assert circuits.pause("m") is None


def test_failures_are_counted_by_their_kind_and_those_of_one_request_never():
    circuits = Circuits(lambda: 0.0)
    for _ in range(FAILURES - 1):
        circuits.failed("m", "error")
        circuits.failed("m", "rate")
    for code in ("invalid", "auth", "credit", "no_text"):
        for _ in range(FAILURES):
            circuits.failed("m", code)
    assert circuits.paused() == {}

    circuits.failed("m", "rate")
    assert circuits.paused() == {"m": Pause("rate", 5)}


def test_an_answer_forgives_the_failures_before_it(bench, fake):
    circuits = bench.engine.circuits
    for _ in range(FAILURES - 1):
        circuits.failed("some/model", "error")
    climb(bench, fake, [HELLO])
    for _ in range(FAILURES - 1):
        circuits.failed("some/model", "error")

    assert circuits.pause("some/model") is None


@pytest.mark.parametrize(("code", "words"), [("error", "failed several times in a row"), ("rate", "has had too many requests")])
def test_a_paused_model_is_not_asked(bench, fake, code, words):
    for _ in range(FAILURES):
        bench.engine.circuits.failed("some/model", code)

    ended = climb(bench, fake, [])

    assert (ended.status, ended.reason, len(fake.posts())) == ("failed", code, 0)
    assert f"{words} and is paused for" in ended.error


CALL = {"tool": "now", "arguments": {"place": "here"}}
CALLS = {"says": "", "calls": [CALL]}
NOW = ToolSpec("now", "Returns the time.", "{}")
ROUND = (
    Turn("user", "What time is it?"),
    Turn("assistant", "I look.", calls=(ToolCall("call_a", "now", "{}"),)),
    Turn("tool", "", results=(ToolResult("call_a", "12:00"),)),
)


def climbed(app, *rungs: tuple[str, bool], turns: tuple[Turn, ...] = ROUND[:1], learn: Any = None, **how: Any) -> Received:
    """Climbs with these models, each with whether it takes tools."""
    with app.app_context():
        provider = providers().for_model("fake/plain")
    made = [Rung(name, provider, name, takes_tools=takes_tools) for name, takes_tools in rungs]
    limits = AttemptLimits(first_byte=60, ladder=60, total=60)
    climb: dict[str, Any] = {"circuits": Circuits(monotonic), "signal": GreenEvent, "now": monotonic, "jitter": lambda: 0.0}
    climb |= {"learn": learn} if learn else {}
    request = ModelRequest(made[0].model, turns, **{"tools": (NOW,), **how})
    return collect(Ladder(request, made, limits, **climb).events(Stop(GreenEvent)))


def test_calls_without_text_are_an_answer(app, fake):
    fake.always(CALLS)

    received = climbed(app, ("one", True))

    assert ([call.tool for call in received.calls], received.text, received.end) == (["now"], "", "calls")
    assert len(fake.posts()) == 1


@pytest.mark.parametrize("fault", [{"cut_after": 1}, {"error_after": 1, "error": {"code": 502, "message": "It broke."}}], ids=str)
def test_after_a_call_nothing_is_tried_again(app, fake, fault):
    fake.behaves([{**CALLS, **fault}])

    received = climbed(app, ("one", True), ("two", True))

    assert [call.tool for call in received.calls] == ["now"]
    assert received.end in ("cut", "error")
    assert len(fake.posts()) == 1


@pytest.mark.parametrize("failing", [EMPTY, UNKNOWN])
def test_before_a_call_another_model_is_asked(app, fake, failing):
    fake.behaves([failing])
    fake.always(CALLS)

    received = climbed(app, ("one", True), ("two", True), turns=ROUND)

    assert ([call.tool for call in received.calls], received.end) == (["now"], "calls")
    assert [entry["body"]["model"] for entry in fake.posts()] == ["one", "two"]
    assert [message["role"] for message in fake.posts()[1]["body"]["messages"]] == ["user", "assistant", "tool"]


def test_calls_end_the_time_for_the_first_text(app, fake):
    fake.always({**CALLS, "calls": [CALL, CALL], "holds": [1]})
    with app.app_context():
        provider = providers().for_model("fake/plain")
    now = [0.0]
    limits = AttemptLimits(first_byte=1, ladder=2, total=60)
    rungs = [Rung("one", provider, "one")]
    climb: dict[str, Any] = {"circuits": Circuits(monotonic), "signal": GreenEvent, "now": lambda: now[0], "jitter": lambda: 0.0}
    ladder = Ladder(ModelRequest("one", ROUND[:1], tools=(NOW,)), rungs, limits, **climb)
    events = ladder.events(Stop(GreenEvent))
    first = next(event for event in events if isinstance(event, Calling))
    now[0] = 9.0

    assert ladder.check_timeout() == ""
    fake.goes_on()
    assert [call.tool for call in collect([first, *events]).calls] == ["now", "now"]


def test_a_whole_answer_can_call_too(app, fake):
    fake.behaves([{"says": "x", "error_after": 0}, {"says": "x", "error_after": 0}])
    fake.always(CALLS)

    received = climbed(app, ("one", True))

    assert ([call.tool for call in received.calls], received.end) == (["now"], "calls")
    assert fake.posts()[-1]["body"]["stream"] is False


def test_a_model_without_tools_gets_the_results_as_text(app, fake):
    fake.behaves([UNKNOWN])
    fake.says("It is noon.")

    received = climbed(app, ("one", True), ("two", False), turns=ROUND)

    assert (received.text, received.end) == ("It is noon.", "stop")
    first, second = (entry["body"] for entry in fake.posts())
    assert (len(first["tools"]), [message["role"] for message in first["messages"]]) == (1, ["user", "assistant", "tool"])
    assert "tools" not in second
    assert second["messages"][:2] == [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": "I look."},
    ]
    assert "12:00" in second["messages"][2]["content"]


def test_earlier_calls_are_text_where_no_tools_are_offered(app, fake):
    climbed(app, ("one", True), turns=(*ROUND, Turn("assistant", "Noon."), Turn("user", "Thank you.")), tools=())

    assert [message["role"] for message in fake.posts()[0]["body"]["messages"]] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize(("parameters", "takes_tools"), [(None, True), (["tools"], True), (["stop"], False)])
def test_whether_a_model_takes_tools_is_known_from_its_abilities(bench, fake, parameters, takes_tools):
    listed = {"id": "one"} if parameters is None else {"id": "one", "supported_parameters": parameters}
    fake.always({"json": {"data": [listed]}}, at="/models")
    there = connected_to(bench, fake.base_url)
    fake.always(CALLS)
    with bench.app.app_context():
        slug = there.rstrip(":")
        connections.refresh(slug, lambda: providers().provider(slug), author=COMMAND_LINE)
        the_connections().forget()
        ladder = generations.ladder(bench.engine, ModelRequest(f"{there}one", ROUND[:1], tools=(NOW,)))

    collect(ladder.events(Stop(GreenEvent)))

    assert ("tools" in fake.posts()[0]["body"]) == takes_tools


@pytest.mark.parametrize(
    ("choice", "models"), [("", ["one", "two"]), ("none", ["one", "two"]), ("required", ["one"]), ("now", ["one"])]
)
def test_where_a_tool_must_be_called_no_model_answers_in_text(bench, fake, choice, models):
    listed = [{"id": "one", "supported_parameters": ["tools"]}, {"id": "two", "supported_parameters": ["stop"]}]
    fake.always({"json": {"data": listed}}, at="/models")
    there = connected_to(bench, fake.base_url)
    fake.always(UNKNOWN)
    with bench.app.app_context():
        slug = there.rstrip(":")
        connections.refresh(slug, lambda: providers().provider(slug), author=COMMAND_LINE)
        set_setting("models.fallbacks", f"{there}two")
        the_connections().forget()
        request = ModelRequest(f"{there}one", ROUND[:1], tools=(NOW,), tool_choice=choice)
        ladder = generations.ladder(bench.engine, request)

    collect(ladder.events(Stop(GreenEvent)))

    assert [entry["body"]["model"] for entry in fake.posts()] == models


@pytest.mark.parametrize(("modalities", "reason"), [((), ""), (("image", "text"), "stall")])
def test_a_model_that_makes_pictures_may_be_silent_for_longer(app, fake, modalities, reason):
    steps = [{"send": f'data: {{"choices": [{{"delta": {{"content": "{text}"}}}}]}}\n\n'} for text in ("Here: ", "done")]
    fake.always({"steps": [steps[0], {"hold": True}, steps[1]]})
    with app.app_context():
        rung = Rung("one", providers().for_model("fake/plain"), "one", modalities=modalities)
    now, limits = [0.0], AttemptLimits(first_byte=60, ladder=120, total=600)
    climb: dict[str, Any] = {"circuits": Circuits(monotonic), "signal": GreenEvent, "now": lambda: now[0], "jitter": lambda: 0.0}
    ladder = Ladder(ModelRequest("one", ROUND[:1]), [rung], limits, **climb)
    events = ladder.events(Stop(GreenEvent))
    next(event for event in events if isinstance(event, Delta))

    now[0] = 179.0
    assert (ladder.is_between, ladder.check_timeout()) == (bool(modalities), "")
    now[0] = 181.0
    assert ladder.check_timeout() == reason
    assert fake.posts()[-1]["body"].get("modalities", []) == list(modalities)
    fake.goes_on()
    assert next(event for event in events if isinstance(event, Delta)) == Delta("done")
    assert ladder.check_timeout() == ""
