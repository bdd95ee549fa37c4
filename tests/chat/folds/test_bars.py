"""Folds in trees of messages: whatever is edited above, in or below them, a prompt is what its branch says."""

import random
import re
from collections.abc import Sequence

import pytest

from tests.engine.bench import Bench
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.base.ids import new_id
from webapp.chat.folds import service
from webapp.chat.folds.listing import ListedFold, folds_on
from webapp.chat.messages import sending, versions
from webapp.chat.prompt.fold_due import LAST_MESSAGES
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.models.connections import contexts
from webapp.settings.service import set_setting

__all__ = ["app"]
pytestmark = pytest.mark.slow
TREES, EXCHANGES, STEPS, RULES_AT = 300, 11, 4, (2, 8)
MODEL, CONTEXT = "local/one", 2_048
TALK = "The otter sleeps below the bridge and nobody hears it. " * 4
# What each message has for itself, and each text that a person has given a fold.
MARK = re.compile(r"\b\d{5}\b")


class Tree:
    """A chat whose messages have a number each, and a person who changes it at random."""

    def __init__(self, bench: Bench, person: str, seed: int, *, exchanges: int = EXCHANGES, first: int = 10_000) -> None:
        self._bench, self._dice, self.steps = bench, random.Random(seed), list[str]()
        self._next = first
        with bench.app.app_context():
            self.id, ids = new_id(), [new_id() for _ in range(2 * exchanges)]
            chat = Chat(id=self.id, owner_id=person, model=MODEL)
            db.session.add(chat)
            db.session.flush()
            for number, id in enumerate(ids):
                above, role = ids[number - 1] if number else None, ("user", "assistant")[number % 2]
                text = self._words(is_rule=number in RULES_AT)
                db.session.add(Message(id=id, chat_id=self.id, parent_id=above, role=role, content=text))
            db.session.flush()
            chat.head_id = ids[-1]
            db.session.commit()

    @property
    def chat(self) -> Chat:
        return db.session.get_one(Chat, self.id, populate_existing=True)

    def change(self) -> None:
        """Does one thing that a person can do; what a chat refuses is no change."""
        step = self._dice.choice(
            [self._fold, self._fold, self._edit_fold, self._unfold, self._ask, self._edit]
            + [self._rewrite, self._correct, self._hide, self._delete, self._restore, self._show]
        )
        self.steps.append(step.__name__)
        with self._bench.app.app_context():
            try:
                step()
            except AppError as error:
                db.session.rollback()
                self.steps[-1] += f" ({type(error).__name__})"
        if step in (self._ask, self._edit):
            self.rest()

    def ask(self) -> None:
        with self._bench.app.app_context():
            self._ask()
        self.rest()

    def rest(self) -> None:
        """Waits until no answer is being written."""

        def is_over() -> bool:
            with self._bench.app.app_context():
                return not generations.active_generations(self.chat.lane)

        self._bench.until(is_over)

    def path(self) -> list[Message]:
        ids = queries.ids_to(self.chat.head_id)
        found = db.select(Message).where(Message.id.in_(ids)).execution_options(populate_existing=True)
        messages = {message.id: message for message in db.session.scalars(found)}
        return [messages[id] for id in ids]

    def folds(self) -> Sequence[ListedFold]:
        return folds_on(self.chat, self.chat.head_id)

    def _words(self, *, is_rule: bool = False) -> str:
        self._next += 1
        rule = f"Never mention the word heron{self._next}." if is_rule else ""
        return f"My locker has the number {self._next}. {rule} {TALK}".strip()

    def _some(self, role: str = "") -> Message:
        path = self.path()
        return self._dice.choice([message for message in path if message.role == role] or path)

    def _fold(self) -> None:
        service.fold_now(self.chat, self._dice.choice(["", self._some().id]), by=self.chat.owner_id or "")

    def _edit_fold(self) -> None:
        if folds := self.folds():
            self._next += 1
            service.edit(self.chat, self._dice.choice(folds).id, f"Kept {self._next}.")

    def _unfold(self) -> None:
        if folds := self.folds():
            service.unfold(self.chat, self._dice.choice(folds).id)

    def _ask(self) -> None:
        sending.ask(self.chat, self._words())

    def _edit(self) -> None:
        sending.edit(self._some("user"), self._words())

    def _rewrite(self) -> None:
        versions.rewrite(self._some("assistant"), self._words())

    def _correct(self) -> None:
        versions.correct(self._some(), self._words(), by=self.chat.owner_id or "")

    def _hide(self) -> None:
        message = self._some()
        versions.hide(message, is_hidden=not message.is_hidden)

    def _delete(self) -> None:
        versions.delete(self._some())

    def _restore(self) -> None:
        gone = db.select(Message).where(Message.chat_id == self.id, Message.deleted_at.is_not(None))
        if messages := db.session.scalars(gone.order_by(Message.id)).all():
            versions.restore(self._dice.choice(messages))

    def _show(self) -> None:
        shown = db.select(Message).where(Message.chat_id == self.id, Message.deleted_at.is_(None))
        versions.show_version(self._dice.choice(db.session.scalars(shown.order_by(Message.id)).all()))


def faults_of(sent: str, tree: Tree) -> list[str]:
    """Returns what a prompt has that its branch doesn't say, and what of that it lacks."""
    *path, _ = tree.path()
    # One that was made since, in the background, is for the next prompt.
    folds = [fold for fold in folds_on(tree.chat, path[-1].id) if f"[{fold.handle}:" in sent]
    found = list[str]()
    covered = set[str]()
    ids = [message.id for message in path]
    for fold in folds:
        covered |= {*ids[ids.index(fold.first_id) : ids.index(fold.last_id) + 1]}
    said = {mark for message in path if not message.is_hidden for mark in MARK.findall(message.content)}
    edits = {mark for fold in folds if fold.is_edited for mark in MARK.findall(fold.text)}
    found += [f"{mark} is not on this branch" for mark in {*MARK.findall(sent)} - said - edits]
    found += [f"the fold's text {mark} was not sent" for mark in edits if mark not in sent]
    asked = [message for message in path if message.role == "user" and not message.is_hidden]
    found += [f"{message.content[:40]} is folded" for message in asked[-LAST_MESSAGES:] if message.content not in sent]
    for message in path:
        (mark,) = MARK.findall(message.content)[:1] or [""]
        if message.is_hidden or not mark:
            continue
        if message.id not in covered and message.content not in sent:
            found.append(f"{mark} is in no fold and was not sent")
        if message.id in covered and message.content in sent:
            found.append(f"{mark} was sent although it is folded")
        if message.id in covered and "heron" in message.content and message.role == "user" and not edits:
            found += [] if f"heron{mark}" in sent else [f"the rule of {mark} is not in its fold"]
    return found


@pytest.mark.parametrize("part", range(3))
def test_a_prompt_is_what_its_branch_says(bench: Bench, fake, part: int) -> None:
    with bench.app.app_context():
        contexts.learn(MODEL, CONTEXT)
        for name in ("limits.streams_per_minute", "limits.made_per_minute"):
            set_setting(name, "0")
    person, folded = bench.person(), 0
    for seed in range(part * TREES // 3, (part + 1) * TREES // 3):
        fake.reset()
        fake.always({"says": "Yes."})
        tree = Tree(bench, person, seed)
        for _ in range(STEPS):
            tree.change()
        tree.ask()
        with bench.app.app_context():
            sent = "\n".join(str(message["content"]) for message in fake.posts()[-1]["body"]["messages"])
            assert faults_of(sent, tree) == [], f"tree {seed}: {', '.join(tree.steps)}"
            folded += bool(tree.folds())
    assert folded > TREES // 12
