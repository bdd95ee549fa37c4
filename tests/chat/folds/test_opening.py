"""What a model opens of what is folded in its request: messages with what was called for them, whenever they were folded."""

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.chat.folds.test_conversations import MODEL, TALK, app, holding, known, say, talk, words_of
from tests.engine.bench import Bench
from tests.support.marks import on_both_databases
from tests.tools.test_folding import Long, needle, recalling, results
from tests.tools.test_recovery import calls_in, counting
from webapp.base.db import db
from webapp.chat.folds import service
from webapp.chat.record.tables import Chat
from webapp.settings.service import set_setting
from webapp.tools.built_in.texts import web_source
from webapp.tools.tool import READS, CallContext, Result

__all__ = ["app"]
pytestmark = pytest.mark.slow


class FromTheWeb(Long):
    """Returns what it has read on a page that everyone can read."""

    def _run(self, context: CallContext, arguments: Any) -> Result:
        result, address = super()._run(context, arguments), f"https://example.org/{arguments['what']}"
        return replace(
            result, sources=(web_source(context.first_source, address, "Counts", result.text),), outside=("example.org",)
        )


def counted_and_folded(bench: Bench, fake, tool: type[Long] = Long) -> str:
    """Has an answer with three results folded in it, and that folded with its chat; returns the handle."""
    known(bench)
    tool(READS).offered(bench)
    fake.behaves([holding(calls=[counting(name)]) for name in ("one", "two", "three")])
    fake.always(holding(says="Yes."))
    bench.until_ended(bench.ask("Count.", person=bench.person(), model=MODEL, tools=["count"]))
    for turn in range(4):
        bench.until_ended(say(bench, f"And {turn}?"))
    with bench.app.app_context():
        chat = db.session.scalars(db.select(Chat)).one()
        fold = service.fold_now(chat, by=chat.owner_id or "")
        return f"fold-{fold.row.number}"


@pytest.mark.parametrize("tool", [Long, FromTheWeb])
@on_both_databases
def test_results_that_were_folded_before_are_there_in_full(bench: Bench, fake, tool: type[Long]) -> None:
    handle = counted_and_folded(bench, fake, tool)
    words = {name: f"The number of {name} is {needle(name)}." for name in ("one", "two", "three")}
    fake.behaves([holding(calls=[recalling(handle, about=said)]) for said in words.values()])

    answer = bench.until_ended(say(bench, "What was the number of one?"))

    assert answer.status == "completed"
    opened = [results(post["body"])[-1] for post in fake.posts()[-len(words) :]]
    for said, text in zip(words.values(), opened, strict=True):
        assert text.startswith(f"{handle}, part 1 of ")
        assert f"{said} The otter sleeps." in text
    # No handle that opens nothing here.
    assert {f"fold-{number}" for text in opened for number in re.findall(r"fold-(\d+)", text)} == {handle}


@pytest.mark.parametrize("has_fold", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("tools", [[], ["count"]], ids=["plain", "tools"])
@on_both_databases
def test_what_is_folded_after_a_refusal_can_be_opened(bench: Bench, fake, tools: list[str], has_fold: bool) -> None:
    with bench.app.app_context():
        set_setting("limits.streams_per_minute", "0")
    Long(READS).offered(bench)
    fake.always({"says": f"Yes. {TALK}"})
    id = talk(bench, 6, tools=tools)
    if has_fold:
        with bench.app.app_context():
            service.fold_now(chat := db.session.get_one(Chat, id), by=chat.owner_id or "")
    for turn in range(7, 27):
        bench.until_ended(say(bench, words_of(turn)))
    before = len(fake.posts())
    recalls = [recalling(f"fold-{number}", about="locker number") for number in range(1, 4)]
    fake.behaves([holding(), holding(calls=recalls)])
    fake.always(holding())

    answer = bench.until_ended(say(bench, "What was the number of locker 3?"))

    assert answer.status == "completed"
    refused, shorter, last = (post["body"] for post in fake.posts()[before:])
    for request, handles in ((refused, {"fold-1"} if has_fold else set()), (shorter, standing_in(shorter))):
        names = [tool["function"]["name"] for tool in request.get("tools", [])]
        assert (standing_in(request), names) == (handles, [*tools, *(["recall"] if handles else [])])
    assert standing_in(shorter) - standing_in(refused)
    for number, text in enumerate(results(last), 1):
        missing = f"Error: There is no fold-{number} here."
        is_there = f"fold-{number}" in standing_in(shorter)
        assert text.startswith(f"fold-{number}, part 1 of ") if is_there else text == missing
    assert [call.tool for call in calls_in(bench)] == ["recall"] * 3
    assert [notice["code"] for notice in answer.notices if notice["code"] not in ("attempt", "folded")] == []


def standing_in(request: dict[str, Any]) -> set[str]:
    """Returns the handles of folds of messages in a request."""
    texts = "\n".join(str(message["content"]) for message in request["messages"] if message["role"] != "tool")
    return set(re.findall(r"^\[(fold-\d+): \d+ messages", texts, re.MULTILINE))
