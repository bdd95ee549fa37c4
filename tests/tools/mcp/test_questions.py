"""What tool servers ask people: a form or a page, before a call or during it, and what they are answered."""

from collections.abc import Callable

import gevent
import pytest
from gevent.event import AsyncResult
from mcp_types import ElicitRequestFormParams

from tests.support.mcp_server import BOOKING, HANDSHAKE, STATELESS, McpServer, Received, Run, Said, failed, said, text
from tests.tools.mcp.conftest import Serve, stopped_call
from webapp.streaming.stop import Stop
from webapp.tools.mcp.client import Answers, InputRequired, Listing, Reply, Times
from webapp.tools.tool import ToolFailed

Call = Callable[..., Reply]
List = Callable[..., Listing]


def test_a_stop_while_the_server_is_answered_leaves_the_call_unknown(serve: Serve, stop: Stop) -> None:
    server = serve(HANDSHAKE, replies="stream")
    usual = server.answer

    def answer(request: Received) -> Said:
        if request.verb == "POST" and "method" not in request.message:
            stop.request("user")
            gevent.sleep(20)
        return usual(request)

    server.answer = answer  # type: ignore[method-assign]
    server.runs["wait"] = server.runs["book"]
    assert stopped_call(server, stop).is_unknown


def test_a_form_is_answered_days_later_by_another_request(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)
    with pytest.raises(InputRequired) as required:
        call(server, "book", {"day": "today"})

    people, room, extras, late, name = required.value.fields
    assert required.value.message == "For how many?"
    assert (people.title, people.kind, people.is_required, people.least, people.most) == ("People", "integer", True, 1, 8)
    assert (room.kind, room.choices, room.default) == ("choice", (("r1", "Red"), ("b1", "Blue")), "b1")
    assert (extras.kind, extras.most, late.kind, late.default, name.kind, name.most) == (
        "choices",
        1,
        "switch",
        False,
        "text",
        20,
    )

    answers = Answers(required.value.state, {"booking.people": 4, "booking.extras": ["tea"]})
    reply = call(server, "book", {"day": "today"}, answers=answers)

    assert reply.text == 'Booked: {"extras": ["tea"], "people": 4}'
    first, second = server.of("tools/call")
    assert (first.message["id"] != second.message["id"], second.params["arguments"]) == (True, {"day": "today"})


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_form_can_be_refused(serve: Serve, call: Call, action: str) -> None:
    server = serve(STATELESS)
    with pytest.raises(InputRequired) as required:
        call(server, "book")

    assert call(server, "book", answers=Answers(required.value.state, {}, action)).is_error  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values", [{}, {"booking.people": 9}, {"booking.people": "4"}, {"booking.people": 1, "booking.room": "x"}]
)
def test_answers_that_do_not_fit_are_not_sent(serve: Serve, call: Call, values: dict[str, int | str]) -> None:
    server = serve(STATELESS)
    with pytest.raises(InputRequired) as required:
        call(server, "book")

    with pytest.raises(ToolFailed, match="This call can't be sent"):
        call(server, "book", answers=Answers(required.value.state, values))
    assert len(server.of("tools/call")) == 1


def test_a_server_that_only_puts_a_call_off_is_called_again_with_its_state(serve: Serve, call: Call) -> None:
    server = serve(STATELESS)

    def later(request: Received) -> Said:
        if request.params.get("requestState") == "second":
            del server.instead["tools/call"]
        result = {"resultType": "input_required", "requestState": "first" if "requestState" not in request.params else "second"}
        return said({"jsonrpc": "2.0", "id": request.message["id"], "result": result})

    server.instead["tools/call"] = later
    assert call(server, "count", times=Times(again=0.01)).text == "counted to 1"
    assert [request.params.get("requestState") for request in server.of("tools/call")] == [None, "first", "second", "second"]


def test_what_an_older_server_asks_during_a_call_is_answered_when_the_call_is_sent_again(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")
    with pytest.raises(InputRequired) as required:
        call(server, "book", {"day": "today"})

    assert required.value.message == "For how many?"
    assert [field.name for field in required.value.fields][:2] == ["asked.people", "asked.room"]
    assert server.answers["e0"].get(timeout=1)["result"] == {"action": "cancel"}

    reply = call(server, "book", {"day": "today"}, answers=Answers(required.value.state, {"asked.people": 4}))

    assert reply.text == 'Booked: {"people": 4}'
    assert [request.params["arguments"] for request in server.of("tools/call")] == [{"day": "today"}] * 2
    declined = call(server, "book", answers=Answers(required.value.state, {}, "decline"))
    assert (declined.is_error, declined.text) == (True, "Nothing was booked.")


def test_an_older_server_may_ask_one_thing_after_the_other(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")

    def asking(server: McpServer, _: Received) -> Run:
        words = []
        for question in ("Who?", "When?"):
            id = f"e{len(server.answers)}"
            server.answers[id] = AsyncResult()
            schema = {"type": "object", "properties": {"it": {"type": "string"}}, "required": ["it"]}
            params = {"message": question, "requestedSchema": schema}
            yield {"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params}
            response = server.answers[id].get(timeout=20)["result"]
            if response["action"] != "accept":
                return text(f"No answer to {question}", isError=True)
            words.append(response["content"]["it"])
        return text(" ".join(words))

    server.runs["echo"] = asking
    with pytest.raises(InputRequired, match=r"Who\?") as first:
        call(server, "echo")
    with pytest.raises(InputRequired, match=r"When\?") as second:
        call(server, "echo", answers=Answers(first.value.state, {"asked.it": "Ada"}))

    assert call(server, "echo", answers=Answers(second.value.state, {"asked.it": "today"})).text == "Ada today"


def test_a_call_that_is_done_without_an_answer_says_what_was_asked(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")

    def asking(server: McpServer, _: Received) -> Run:
        server.answers["e"] = AsyncResult()
        params = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}}
        yield {"jsonrpc": "2.0", "id": "e", "method": "elicitation/create", "params": params}
        return text(server.answers["e"].get(timeout=20)["result"]["action"])

    server.runs["echo"] = asking

    words = "(During the call, it asked: “Sure?” It was told that there is no answer.)\n\ncancel"
    assert call(server, "echo").text == words

    # One that can be repeated is, with the answer.
    with pytest.raises(InputRequired, match=r"Sure\?") as required:
        call(server, "echo", is_safe=True)
    assert call(server, "echo", is_safe=True, answers=Answers(required.value.state, {})).text == "accept"


def test_what_no_form_can_ask_fails_and_is_told(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")

    def asking(server: McpServer, _: Received) -> Run:
        server.answers["e"] = AsyncResult()
        yield {"jsonrpc": "2.0", "id": "e", "method": "elicitation/create", "params": {"message": "Sure?", "requestedSchema": 7}}
        server.answers["e"].get(timeout=20)
        return text("No.", isError=True)

    server.runs["echo"] = asking
    with pytest.raises(ToolFailed, match=r"Stand-in wanted to know: “Sure\?” That can't be answered here\. No\.") as failure:
        call(server, "echo")
    assert not failure.value.is_unknown


def test_a_page_that_a_person_has_to_visit_first_is_named(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE)
    page = {"mode": "url", "elicitationId": "1", "url": "https://tools.example/connect", "message": "Connect your account."}

    def connect(request: Received) -> Said:
        return failed(request.message["id"], -32042, "Connect first", data={"elicitations": [page]})

    server.instead["tools/call"] = connect
    with pytest.raises(InputRequired) as required:
        call(server, "count")
    assert (required.value.message, required.value.address) == ("Connect your account.", "https://tools.example/connect")

    del server.instead["tools/call"]
    assert call(server, "count", answers=Answers(required.value.state, {})).text == "counted to 1"
    page["url"] = "javascript:alert(1)"
    server.instead["tools/call"] = connect
    with pytest.raises(ToolFailed, match="Connect first"):
        call(server, "count")


@pytest.mark.parametrize(
    ("method", "answer"),
    [("ping", {"result": {}}), ("sampling/createMessage", {"code": -32601}), ("roots/list", {"code": -32601})],
)
def test_other_requests_of_a_server_are_answered_politely(
    serve: Serve, call: Call, method: str, answer: dict[str, object]
) -> None:
    server = serve(HANDSHAKE, replies="stream")
    server.answers["p"] = AsyncResult()

    def asking(server: McpServer, _: Received) -> Run:
        yield {"jsonrpc": "2.0", "id": "p", "method": method, "params": {}}
        server.answers["p"].get(timeout=20)
        return text("done")

    server.runs["echo"] = asking

    assert call(server, "echo").text == "done"
    reply = server.answers["p"].get()
    assert reply.get("result", {}) == answer.get("result", {})
    assert reply.get("error", {}).get("code") == answer.get("code")


def test_a_form_of_the_stand_in_is_one_of_the_published_types() -> None:
    ElicitRequestFormParams.model_validate({"mode": "form", "message": "For how many?", "requestedSchema": BOOKING})
