"""An installation during a fault: one answer is hit, and the others must not be affected."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.support.person import Answer, Person
from tests.support.redis_server import Server as Redis
from tests.support.server import Server
from tests.support.tab import Tab
from tests.support.waiting import until
from tests.upstream.handle import Upstream

TOKENS = 60
WHOLE = " ".join(f"w{number:06d}" for number in range(1, TOKENS + 1))
RUNS = ("queued", "thinking", "responding", "saving")
ACTIVE = ("queued", "running")
# Seconds between the words of an answer; with `LASTING` it runs until all fifty have been asked for.
QUICK, LASTING = 0.02, 0.4
LIMITS = {"first_byte": "3", "stall": "3", "ladder": "8", "total": "60"}


@dataclass(frozen=True)
class Installation:
    """A server, or two that share PostgreSQL and Redis, with the owner signed in at each."""

    one: Server
    here: Person
    there: Person
    other: Server | None = None
    stores: Redis | None = None

    @property
    def servers(self) -> list[Server]:
        return [self.one, self.other] if self.other else [self.one]

    @property
    def log(self) -> str:
        return "".join(server.log for server in self.servers)


@dataclass
class Chat:
    """An answer, and the page that shows it."""

    question: str
    path: str
    message_id: str
    tab: Tab


@dataclass
class Scene:
    """Simultaneous answers of an installation, the first of which is hit."""

    installation: Installation
    fake: Upstream
    load: int
    chats: list[Chat] = field(default_factory=list)
    # The text that the hit answer can have, if not the counted words.
    text: str = WHOLE
    # Unique, because the upstream keeps the behavior that is set for a question.
    question: str = field(default_factory=lambda: f"Hit {uuid4().hex}")
    is_beside: bool = False

    @property
    def hit(self) -> Chat:
        return self.chats[0]

    @property
    def others(self) -> list[Chat]:
        return self.chats[1:]

    def ask(self, behaviour: dict[str, Any] | None = None, *, first: list[dict[str, Any]] | None = None, model: str = "") -> None:
        """Asks all questions.

        The hit one, of this model, gets `behaviour` on each request, or those in `first` on the first requests.
        """
        self.fake.counts(TOKENS, pace=QUICK)
        if behaviour is not None:
            self.is_beside = True
            self.fake.beside(self.question, behaviour)
        if first is not None:
            self.fake.behaves(first)
        self._begin(self.question, self.installation.there, model)
        if first is not None:
            self.fake.until(lambda log: sum(_asks(entry, self.question) for entry in log) >= len(first))
        self._ask_for_the_others()

    def ask_together(self) -> None:
        """Asks all questions, the hit one last, and returns while all answers are written; later answers are quick."""
        self.fake.counts(TOKENS, pace=LASTING if self.load > 1 else QUICK)
        self._ask_for_the_others()
        self._begin(self.question, self.installation.there)
        self.chats.insert(0, self.chats.pop())
        self.seen()
        self.fake.counts(TOKENS, pace=QUICK)

    def _ask_for_the_others(self) -> None:
        for number in range(1, self.load):
            self._begin(f"Question {number}", self.installation.here)

    def seen(self, word: str = "w000010") -> None:
        """Waits until the page of the hit answer shows this word, or the answer has ended."""
        until(lambda: word in self.hit.tab.first_seen() or self.status(self.hit) not in ACTIVE, f"{word} is seen")

    def status(self, chat: Chat) -> str:
        return str(self.runs(chat)[-1][0])

    def runs(self, chat: Chat) -> list[tuple[Any, ...]]:
        """Returns the statuses and reasons of a chat's generations, oldest first."""
        query = "SELECT status, reason FROM generations WHERE message_id = ? ORDER BY id"
        return self.installation.one.rows(query, chat.message_id)

    def content(self, chat: Chat) -> str:
        rows = self.installation.one.rows("SELECT content FROM messages WHERE id = ?", chat.message_id)
        return str(rows[0][0]) if rows else ""

    def answer(self, chat: Chat) -> Answer:
        return self.installation.here.last_answer(chat.path)

    def asked(self, chat: Chat) -> int:
        """Returns how often the upstream was called for it."""
        if chat is self.hit and self.is_beside:
            return len(self.fake.beside(self.question))
        return sum(_asks(entry, chat.question) for entry in self.fake.log())

    def until_over(self, seconds: float = 240) -> None:
        """Waits until nothing runs, and no answer is about to be continued."""
        until(self._is_over, "everything has ended", seconds=seconds)

    def _is_over(self) -> bool:
        # One statement gives a snapshot: between two of them a cut answer could be continued.
        rows = self.installation.one.rows("SELECT message_id, status, reason FROM generations ORDER BY id")
        last = {message_id: reason for message_id, _, reason in rows}
        is_still = any(status in ACTIVE for _, status, _ in rows)
        return not is_still and all(last.get(chat.message_id) != "server_restart" for chat in self.chats)

    def goes_on(self) -> bool:
        """Returns whether the next answer succeeds at each of the servers."""
        return all(self._is_answered(person) for person in {self.installation.there, self.installation.here})

    def _is_answered(self, person: Person) -> bool:
        path = person.begin("And now?")
        until(lambda: person.last_answer(path).status not in RUNS, "the next answer has an end")
        return person.last_answer(path).status == "completed"

    def close(self) -> None:
        for chat in self.chats:
            chat.tab.close()

    def _begin(self, question: str, person: Person, model: str = "") -> None:
        path = person.begin(question, model)
        answer = self.installation.here.last_answer(path)
        self.chats.append(Chat(question, path, answer.id, Tab(self.installation.here, answer.events_url).read()))


def _asks(entry: dict[str, Any], question: str) -> bool:
    return bool(entry["body"]) and any(question == turn["content"] for turn in entry["body"].get("messages", ()))
