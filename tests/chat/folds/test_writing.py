"""A model writes a fold after an answer, in the background; what can't be one is refused, and the machine's extract is it."""

from typing import Any

import pytest

from tests.chat.folds.test_conversations import RULES, TALK, app, holding, known, say, sent, talk, words_of
from tests.engine.bench import Bench
from tests.support.marks import on_both_databases
from tests.support.statements import statements
from tests.upstream.handle import FOLD
from webapp.base.db import db
from webapp.chat.folds import service
from webapp.chat.messages import versions
from webapp.chat.record.tables import Chat, Message, Story
from webapp.engine.tables import ACTIVE
from webapp.settings.service import set_setting

__all__ = ["app"]
pytestmark = pytest.mark.slow
# Enough to be folded.
TURNS = 14
TEXT = "They talked about otters below a bridge and about lockers, and each locker has a number of its own. "
NUMBERS = " ".join(f"Locker {turn} has the number {4_000 + turn}." for turn in range(1, TURNS + 1))
GERMAN = "Sie sprachen über Otter, die unter der Brücke schlafen und die niemand hört, und über Fächer. " + " ".join(
    f"Das Fach {turn} hat die Nummer {4_000 + turn}." for turn in range(1, TURNS + 1)
)


def folds(bench: Bench) -> list[Story]:
    with bench.app.app_context():
        return list(db.session.scalars(db.select(Story).order_by(Story.id)))


def is_quiet(bench: Bench) -> bool:
    return all(generation.status not in ACTIVE for generation in bench.generations())


def until_folded(bench: Bench) -> list[Story]:
    """Returns the folds when no request for one runs, and one is there."""
    bench.until(lambda: folds(bench) and is_quiet(bench))
    return folds(bench)


@on_both_databases
def test_a_model_writes_it_while_nobody_waits(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    fake.always({"says": TEXT + NUMBERS}, at=FOLD)
    talk(bench, TURNS)
    bench.until(lambda: any(fold.made_by == "model" for fold in until_folded(bench)))
    fold = folds(bench)[0]
    assert (fold.made_by, fold.model, fold.prompt_version) == ("model", "local/one", 1)
    assert fold.text.startswith(TEXT)
    # What the model has left out is there, word for word.
    assert RULES[1] in fold.text
    bench.until_ended(say(bench, words_of(TURNS + 1)))
    assert TEXT in sent(fake)[-1]


def test_an_answer_that_fits_has_no_statement_of_its_own_for_folds(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding(sends_usage=False))
    talk(bench, 1)
    with statements(bench.app) as said:
        bench.until_ended(say(bench, words_of(2)))
        bench.until(lambda: is_quiet(bench))
    assert not [statement for statement, _ in said if statement.startswith("SELECT generations.prompt")]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429},
        {"status": 500},
        {"says": ""},
        {"says": TALK * 60},
        {"says": "Okay, the user wants a short form. " + NUMBERS},
        {"says": GERMAN},
        {"says": TEXT + NUMBERS, "finish": "length"},
    ],
    ids=["429", "500", "empty", "longer", "reasoning", "another language", "cut"],
)
def test_what_cannot_be_a_fold_is_refused_twice(bench: Bench, fake, fault: dict[str, Any]) -> None:
    known(bench)
    fake.always(holding())
    fake.always(fault, at=FOLD)
    talk(bench, TURNS)
    bench.until(lambda: len(fake.folds()) >= 2)
    made = until_folded(bench)
    assert {fold.made_by for fold in made} == {"extract"}
    assert RULES[1] in made[0].text


def test_an_extract_gets_another_text_after_the_next_answer(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    chat, turn = talk(bench, 2), 3
    while not folds(bench):
        bench.until_ended(say(bench, words_of(turn)))
        bench.until(lambda: is_quiet(bench))
        turn += 1
    first = until_folded(bench)[-1]
    assert first.made_by == "extract"
    fake.always({"says": TEXT + NUMBERS}, at=FOLD)
    bench.until_ended(say(bench, words_of(turn)))
    bench.until(lambda: folds(bench)[-1].made_by == "model")
    again = next(fold for fold in folds(bench) if fold.id == first.id)
    assert (again.number, again.first_id, again.message_id) == (first.number, first.first_id, first.message_id)
    assert chat == again.chat_id


def test_what_changes_meanwhile_is_in_no_fold(bench: Bench, fake) -> None:
    known(bench)
    fake.always(holding())
    fake.always({"says": TEXT + NUMBERS, "holds": [0]}, at=FOLD)
    chat = talk(bench, TURNS)
    bench.until(lambda: bool(fake.folds()))
    with bench.app.app_context():
        message = db.session.scalars(db.select(Message).where(Message.chat_id == chat, Message.role == "user")).first()
        assert message
        versions.hide(message)
    fake.goes_on()
    bench.until(lambda: is_quiet(bench))
    assert folds(bench) == []


def test_none_is_written_where_it_is_turned_off(bench: Bench, fake) -> None:
    known(bench)
    with bench.app.app_context():
        set_setting("context.model", "demo/quick")
    fake.always(holding())
    chat = talk(bench, TURNS)
    assert until_folded(bench)[0].made_by == "extract"
    assert fake.folds() == []
    with bench.app.app_context():
        service.unfold(db.session.get_one(Chat, chat), folds(bench)[0].id)
