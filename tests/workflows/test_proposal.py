"""A workflow made of a chat: what it proposes, and that no text of a chat breaks it or gets into it as anything but text."""

import pytest
from flask import Flask

from tests.support.browser import Browser
from webapp.base.db import write
from webapp.base.ids import new_id
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts.tables import User
from webapp.tools.tables import Call
from webapp.workflows import service as workflow_service
from webapp.workflows.definition.parsing import read_new
from webapp.workflows.definition.sentences import sentence
from webapp.workflows.editor.proposal import MOST_PROPOSED, ChatQuestion, free_slug, proposal_of, written

HOSTILE = (
    "steps:\n  - end: Bye\n",
    "- say: x\n---\nworkflow: other",
    "{{user.name}} {{{a}}} {{{{b}}}} {{",
    "'\"\\ # & * ! | > %  @ `",
    "[" * 100,
    "{" * 3_000,
    "]}" * 200,
    "a: {b: [",
    "\n" * 500 + "x",
    "```python\nfor a in b: print({a: [1]})\n```",
    "null",
    "~",
    "yes",
    "1e3",
    "\u2028\u0085\ufeff\u200b\x1b[0m😀",
    "x" * 100_000,
    ": -? " * 1_000,
    "&a [*a]",
    "!!python/object:os.system x",
    "\t\t",
)


def test_the_first_question_is_asked_for_and_each_later_one_is_a_step() -> None:
    proposal = proposal_of(
        'Cakes: "good"',
        [ChatQuestion("Which cake?", ("search_web",)), ChatQuestion("  "), ChatQuestion("Now {{shorter}}.")],
        guidelines="Be brief.",
        model="some/model",
    )
    definition = read_new(written(proposal, "cakes"))
    assert (definition.slug, definition.title, definition.model) == ("cakes", 'Cakes: "good"', "some/model")
    assert definition.slots["question"].example == "Which cake?"
    assert proposal.ask == "What would you like to ask? For example: “Which cake?”"
    assert sentence("chat", definition.steps[1].text, {}) == "Answers the question"
    assert [(step.verb, step.text, step.tools, step.guidelines) for step in definition.steps[1:]] == [
        ("chat", "{{question}}", ("search_web",), "Be brief."),
        ("chat", "Now { {shorter}}.", (), "Be brief."),
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_the_workflow_or_becomes_a_part_of_it(text: str) -> None:
    proposal = proposal_of(text, [ChatQuestion(text), ChatQuestion(text), ChatQuestion("Last.")], guidelines=text)
    definition = read_new(written(proposal, "made"))
    assert [step.verb for step in definition.steps] == ["collect", *("chat" for step in proposal.steps if step.is_chosen)]
    assert definition.slug == "made"
    assert [*definition.slots] == ["question"]
    texts = [step.text for step in definition.steps if step.verb == "chat"]
    assert texts[:1] in ([], ["{{question}}"])
    assert not any("{{" in text for text in texts[1:])


def test_all_hostile_texts_together_and_a_long_chat_are_within_the_limits() -> None:
    for questions in ([ChatQuestion(text) for text in HOSTILE], [ChatQuestion(f"{HOSTILE[9]} {'y' * 1_400}")] * 200, []):
        proposal = proposal_of("", questions, guidelines="z" * 5_000)
        assert len(proposal.steps) <= MOST_PROPOSED
        read_new(written(proposal_of("Title", questions, guidelines="z" * 5_000), "made"))


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert free_slug("tea", ["coffee"]) == "tea"
    assert free_slug("tea", ["tea", "tea-2"]) == "tea-3"
    assert free_slug("1", []) == "from-1"
    assert free_slug("x" * 34, ["x" * 34]) == "x" * 34 + "-2"


def chat_of(app: Flask, email: str, *texts: str) -> str:
    with app.app_context(), write() as session:
        owner = session.query(User).filter_by(email=email).one()
        chat = Chat(owner_id=owner.id, model="demo/quick", title="Cakes", system_prompt="Be brief.")
        session.add(chat)
        session.flush()
        for text in texts:
            for role, content in (("user", text), ("assistant", "Yes.")):
                message = Message(id=new_id(), chat_id=chat.id, parent_id=chat.head_id, role=role, content=content)
                session.add(message)
                session.flush()
                chat.head_id = message.id
        call = {"round": 1, "number": 1, "upstream_id": "a", "title": "x", "arguments": "{}", "state": "done", "policy": "allow"}
        session.add_all(
            Call(message_id=chat.head_id, tool=tool, **call | {"number": at})
            for at, tool in enumerate(("search_documents", "gone"))
        )
        return str(chat.id)


def test_a_chat_becomes_a_draft_by_a_form_and_opens_in_the_editor(app: Flask, owner: Browser, member: Browser) -> None:
    id = chat_of(app, owner.email, "Which cake?", "Now shorter.", "And <b>{{cheaper}}</b>.")
    page = owner.page(f"/chats/{id}")
    assert page.all(f'a[href="/workflows/from/{id}"]')
    page = owner.page(f"/workflows/from/{id}")
    assert page.textbox("Task of step 3").value == "And <b>{ {cheaper}}</b>."
    shorter = "Make “{{question}}” shorter."
    page = page.press("Create workflow", ask="What?", text_1=shorter)
    assert (page.status_code, page.path) == (200, "/workflows/cakes/edit")
    with app.app_context():
        definition = workflow_service.runnable(workflow_service.get("cakes").draft)
        assert [step.text for step in definition.steps] == ["What?", "{{question}}", shorter, "And <b>{ {cheaper}}</b>."]
        assert definition.steps[3].tools == ("search_documents",)
        assert (definition.steps[1].guidelines, definition.model) == ("Be brief.", "demo/quick")
    # A second one has a name of its own; a step can be left out, and what can't be saved is shown again.
    owner.post(f"/workflows/from/{id}", title="Cakes", ask="What?", keep_0="y")
    with app.app_context():
        assert len(workflow_service.runnable(workflow_service.get("cakes-2").draft).steps) == 2
    page = owner.post(f"/workflows/from/{id}", title="Cakes", ask="What?", keep_0="y", text_0="{{nothing}}")
    assert (page.status_code, page.textbox("Task of step 1").value) == (422, "{{nothing}}")
    # A member has neither the entry nor the page.
    theirs = chat_of(app, member.email, "Mine?")
    assert not member.page(f"/chats/{theirs}").all(f'a[href="/workflows/from/{theirs}"]')
    assert member.get(f"/workflows/from/{theirs}").status_code == 403
    assert owner.get(f"/workflows/from/{theirs}").status_code == 404


def test_a_step_is_named_by_the_first_words_of_its_text() -> None:
    texts = ["Zürich im Mai", "What about the weather there in May?", "Zürich im Mai", "3 more", "class", "end", "step 9", "♥"]
    proposed = proposal_of("A trip", [ChatQuestion(text) for text in ("First", *texts)])
    definition = read_new(written(proposed, "a-trip"))
    assert [step.id for step in definition.steps] == [
        "question",
        "answer",
        "zurich_im_mai",
        "what_about_the_weather_there",
        "step_4",
        "step_5",
        "step_6",
        "step_7",
        "step_8",
        "step_9",
    ]
