"""What tool servers ask people: a form or a page, before a call or during it, and what they are answered."""

import json
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import AsyncResult
from mcp_types import ElicitRequestFormParams

from tests.support.mcp_server import BOOKING, HANDSHAKE, STATELESS, McpServer, Received, Run, Said, failed, said, text
from tests.tools.mcp.conftest import Serve, stopped_call
from webapp.streaming.stop import Stop
from webapp.tools.mcp.client import Times, ToolReply
from webapp.tools.questions import ServerQuestion
from webapp.tools.tool import QuestionAsked, ToolFailed

Call = Callable[..., ToolReply]


def answered(asked: pytest.ExceptionInfo[QuestionAsked], action: Any = "accept", **values: Any) -> ServerQuestion:
    """Returns the question as a person has answered it, read back from where it was stored."""
    question = ServerQuestion.from_record(json.loads(json.dumps(asked.value.question.record)))
    return question.answered(action, values, "ada")


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
    with pytest.raises(QuestionAsked) as asked:
        call(server, "book", {"day": "today"})

    people, room, extras, late, name = asked.value.question.fields
    assert asked.value.question.message == "For how many?"
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

    answers = answered(asked, people=4, extras=["tea"])
    reply = call(server, "book", {"day": "today"}, answered=answers)

    assert reply.text == 'Booked: {"extras": ["tea"], "people": 4}'
    first, second = server.of("tools/call")
    assert (first.message["id"] != second.message["id"], second.params["arguments"]) == (True, {"day": "today"})


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_form_can_be_refused(serve: Serve, call: Call, action: str) -> None:
    server = serve(STATELESS)
    with pytest.raises(QuestionAsked) as asked:
        call(server, "book")

    assert call(server, "book", answered=answered(asked, action)).is_error


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
    with pytest.raises(QuestionAsked) as asked:
        call(server, "book", {"day": "today"})

    assert asked.value.question.message == "For how many?"
    assert [field.name for field in asked.value.question.fields][:2] == ["people", "room"]
    assert server.answers["e0"].get(timeout=60)["result"] == {"action": "cancel"}

    reply = call(server, "book", {"day": "today"}, answered=answered(asked, people=4))

    assert reply.text == 'Booked: {"people": 4}'
    assert [request.params["arguments"] for request in server.of("tools/call")] == [{"day": "today"}] * 2
    declined = call(server, "book", answered=answered(asked, "decline"))
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
            response = server.answers[id].get(timeout=60)["result"]
            if response["action"] != "accept":
                return text(f"No answer to {question}", isError=True)
            words.append(response["content"]["it"])
        return text(" ".join(words))

    server.runs["echo"] = asking
    with pytest.raises(QuestionAsked, match=r"Who\?") as first:
        call(server, "echo")
    with pytest.raises(QuestionAsked, match=r"When\?") as second:
        call(server, "echo", answered=answered(first, it="Ada"))

    assert call(server, "echo", answered=answered(second, it="today")).text == "Ada today"


def test_a_person_answers_while_the_call_is_open(serve: Serve, call: Call) -> None:
    server, asked = serve(HANDSHAKE, replies="stream"), list[ServerQuestion]()

    def ask(question: ServerQuestion) -> ServerQuestion:
        asked.append(question)
        # What a person takes is no time of the server.
        gevent.sleep(1.2)
        return question.answered("accept", {"people": 4}, "ada")

    assert call(server, "book", ask=ask, times=Times(call=1.0)).text == 'Booked: {"people": 4}'
    assert (len(server.of("tools/call")), [question.number for question in asked]) == (1, [1])
    assert call(server, "book", ask=lambda question: question.answered("decline", {}, "ada")).text == "Nothing was booked."


def test_what_nobody_answers_in_time_waits_for_another_call(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")
    with pytest.raises(QuestionAsked, match="For how many") as asked:
        call(server, "book", ask=lambda _: None)
    question = asked.value.question
    assert (question.number, question.is_again, question.server) == (1, True, "Stand-in")

    assert call(server, "book", answered=answered(asked, people=2)).text == 'Booked: {"people": 2}'


def test_a_server_that_asks_for_ever_asks_five_times(serve: Serve, call: Call) -> None:
    server, asked = serve(HANDSHAKE, replies="stream"), list[int]()

    def asking(server: McpServer, _: Received) -> Run:
        while True:
            id = f"e{len(server.answers)}"
            server.answers[id] = AsyncResult()
            params = {"message": "And?", "requestedSchema": {"type": "object", "properties": {}}}
            yield {"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params}
            if server.answers[id].get(timeout=60)["result"]["action"] != "accept":
                return text("Then not.", isError=True)

    def ask(question: ServerQuestion) -> ServerQuestion:
        asked.append(question.number)
        return question.answered("accept", {}, "ada")

    server.runs["echo"] = asking
    with pytest.raises(ToolFailed, match="has asked 5 times"):
        call(server, "echo", ask=ask)
    assert asked == [1, 2, 3, 4, 5]

    stateless = serve(STATELESS)
    with pytest.raises(QuestionAsked) as fifth:
        call(stateless, "book", answered=ServerQuestion("Before?", number=4))
    assert fifth.value.question.number == 5
    with pytest.raises(ToolFailed, match="has asked 5 times"):
        call(stateless, "book", answered=ServerQuestion("Before?", number=5))


def test_a_page_is_visited_while_the_call_is_open(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")

    def asking(server: McpServer, _: Received) -> Run:
        server.answers["e"] = AsyncResult()
        params = {"mode": "url", "elicitationId": "1", "url": "https://tools.example/key", "message": "Here."}
        yield {"jsonrpc": "2.0", "id": "e", "method": "elicitation/create", "params": params}
        return text(json.dumps(server.answers["e"].get(timeout=60)["result"]))

    server.runs["echo"] = asking
    assert call(server, "echo", ask=lambda question: question.answered("accept", {}, "ada")).text == '{"action": "accept"}'
    # No one answers: a later call would have another page.
    assert "It was told that there is no answer" in call(server, "echo", is_safe=True, ask=lambda _: None).text


def test_a_call_that_is_done_without_an_answer_says_what_was_asked(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")

    def asking(server: McpServer, _: Received) -> Run:
        server.answers["e"] = AsyncResult()
        params = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}}
        yield {"jsonrpc": "2.0", "id": "e", "method": "elicitation/create", "params": params}
        return text(server.answers["e"].get(timeout=60)["result"]["action"])

    server.runs["echo"] = asking

    words = "(During the call, it asked: “Sure?” It was told that there is no answer.)\n\ncancel"
    assert call(server, "echo").text == words

    # One that can be repeated is, with the answer.
    with pytest.raises(QuestionAsked, match=r"Sure\?") as asked:
        call(server, "echo", is_safe=True)
    assert call(server, "echo", is_safe=True, answered=answered(asked)).text == "accept"


def test_what_no_form_can_ask_fails_and_is_told(serve: Serve, call: Call) -> None:
    server = serve(HANDSHAKE, replies="stream")

    def asking(server: McpServer, _: Received) -> Run:
        server.answers["e"] = AsyncResult()
        yield {"jsonrpc": "2.0", "id": "e", "method": "elicitation/create", "params": {"message": "Sure?", "requestedSchema": 7}}
        server.answers["e"].get(timeout=60)
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
    with pytest.raises(QuestionAsked) as asked:
        call(server, "count")
    assert (asked.value.question.message, asked.value.question.address) == (
        "Connect your account.",
        "https://tools.example/connect",
    )

    del server.instead["tools/call"]
    assert call(server, "count", answered=answered(asked)).text == "counted to 1"
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
        server.answers["p"].get(timeout=60)
        return text("done")

    server.runs["echo"] = asking

    assert call(server, "echo").text == "done"
    reply = server.answers["p"].get()
    assert reply.get("result", {}) == answer.get("result", {})
    assert reply.get("error", {}).get("code") == answer.get("code")


def test_a_form_of_the_stand_in_is_one_of_the_published_types() -> None:
    ElicitRequestFormParams.model_validate({"mode": "form", "message": "For how many?", "requestedSchema": BOOKING})
