"""The conversations of `flask bench context`: what is said, planted and asked in each, by a seed. Pure.

The model and the driver make the same ones, each in its own process, so that neither has to tell the other.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Literal

from webapp.models.tokens import estimate

# An exchange takes this part of the context, so that a chat outgrows each; the person says this part of it.
EXCHANGE, PERSONS = 1 / 24, 0.4
RULES, ASKED, ASKED_OF_RUN, LAST_TURNS = 5, 10, 8, 4
RUN_ROUNDS = (20, 60)
# What pages have, in characters, and how often one round reads several of them.
PAGE_CHARS, LARGE_CONTEXT, LARGE = (300, 3_000, 3_000, 20_000), 100_000, 4
SEVERAL_EVERY, SEVERAL = 10, 3
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
MONTHS = {
    "en": ("March", "June", "October"),
    "de": ("März", "Juni", "Oktober"),
    "fr": ("mars", "juin", "octobre"),
    "es": ("marzo", "junio", "octubre"),
}
DATES = {
    "en": "{day} {month} {year}",
    "de": "{day}. {month} {year}",
    "fr": "{day} {month} {year}",
    "es": "{day} de {month} de {year}",
}
Kind = Literal["number", "name", "date", "path"]


@dataclass(frozen=True)
class Language:
    """How people talk in a language: sentences that say nothing, rules, and facts with the question for each."""

    talk: tuple[str, ...]
    prohibitions: tuple[str, ...]
    instructions: tuple[str, ...]
    facts: tuple[tuple[Kind, str, str], ...]


LANGUAGES = {
    "en": Language(
        (
            "The otter sleeps below the bridge and nobody hears it.",
            "We walked along the water until the light was gone.",
            "It was quiet, and the wind came from the hills.",
            "Then the boats went home one after the other.",
        ),
        ("Never mention the word {word}.", "Do not use the word {word} in your answers."),
        ("From now on, begin every answer with {word}.",),
        (
            ("number", "The locker {key} has the number {value}.", "Which number has the locker {key}?"),
            ("name", "The keeper of {key} is called {value}.", "Who is the keeper of {key}?"),
            ("date", "The review of {key} is on {value}.", "When is the review of {key}?"),
            ("path", "The plan of {key} is in {value}.", "In which file is the plan of {key}?"),
        ),
    ),
    "de": Language(
        (
            "Der Otter schläft unter der Brücke und keiner hört ihn.",
            "Wir gingen am Wasser entlang bis das Licht weg war.",
            "Es war still und der Wind kam von den Hügeln.",
            "Dann fuhren die Boote eines nach dem anderen heim.",
        ),
        ("Erwähne niemals das Wort {word}.", "Benutze auf keinen Fall das Wort {word}."),
        ("Beginne ab jetzt jede Antwort mit {word}.",),
        (
            ("number", "Das Schließfach {key} hat die Nummer {value}.", "Welche Nummer hat das Schließfach {key}?"),
            ("name", "Der Wart von {key} heißt {value}.", "Wie heißt der Wart von {key}?"),
            ("date", "Die Prüfung von {key} ist am {value}.", "Wann ist die Prüfung von {key}?"),
            ("path", "Der Plan von {key} liegt in {value}.", "In welcher Datei liegt der Plan von {key}?"),
        ),
    ),
    "fr": Language(
        (
            "La loutre dort sous le pont et on ne l'entend pas.",
            "Nous avons suivi la rivière jusqu'au soir.",
            "Tout était calme et le vent venait des collines.",
            "Ensuite les bateaux sont rentrés un par un.",
        ),
        ("N'emploie jamais le mot {word}.",),
        ("Désormais, commence chaque réponse par {word}.",),
        (
            ("number", "Le casier {key} porte le numéro {value}.", "Quel numéro porte le casier {key} ?"),
            ("name", "Le gardien de {key} est {value}.", "Qui est le gardien de {key} ?"),
            ("date", "La visite de {key} est le {value}.", "Quand est la visite de {key} ?"),
        ),
    ),
    "es": Language(
        (
            "La nutria duerme bajo el puente y nadie la oye.",
            "Caminamos junto al agua hasta la noche.",
            "Estaba tranquilo y el viento venía de las colinas.",
            "Luego los barcos volvieron a casa uno tras otro.",
        ),
        ("Nunca menciones la palabra {word}.",),
        ("A partir de ahora, empieza cada respuesta con {word}.",),
        (
            ("number", "El casillero {key} tiene el número {value}.", "¿Qué número tiene el casillero {key}?"),
            ("name", "El guarda de {key} es {value}.", "¿Quién es el guarda de {key}?"),
            ("date", "La revisión de {key} es el {value}.", "¿Cuándo es la revisión de {key}?"),
        ),
    ),
}


@dataclass(frozen=True)
class Plan:
    """What is measured: so many chats and runs at each context, and the part of summaries that fail."""

    seed: int = 1
    chats: int = 4
    runs: int = 2
    contexts: tuple[int, ...] = (8_192, 32_768)
    turns: int = 60
    fault: float = 0.0

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Plan":
        values = json.loads(text)
        return cls(**{**values, "contexts": tuple(values["contexts"])})


@dataclass(frozen=True)
class Rule:
    """What a person wants of every answer: a word that none has, or that each begins with."""

    text: str
    word: str
    is_prohibition: bool

    def is_kept_in(self, answer: str) -> bool:
        return (self.word in answer) != self.is_prohibition


@dataclass(frozen=True)
class Needle:
    """A fact that is said once and asked for later; `page` is the page that has it, if it isn't said in the chat."""

    key: str
    value: str
    sentence: str
    question: str
    page: str = ""


@dataclass(frozen=True)
class Page:
    name: str
    chars: int
    needle: Needle

    @property
    def text(self) -> str:
        """The page, with its needle in the middle."""
        words, dice = [*LANGUAGES["en"].talk], random.Random(self.name)
        half = " ".join(dice.choice(words) for _ in range(self.chars // 100 + 1))
        return f"{self.name}\n{half}\n{self.needle.sentence}\n{half}"


@dataclass(frozen=True)
class Turn:
    """What a person says and what the model says to it, without what its rules make of that.

    `rounds` are the pages that it reads before, and `asks` what it is asked for.
    """

    text: str
    answer: str
    rules: tuple[Rule, ...] = ()
    asks: tuple[Needle, ...] = ()
    rounds: tuple[tuple[Page, ...], ...] = ()

    @property
    def opening(self) -> str:
        """The first line, which no other turn has."""
        return self.text.partition("\n")[0]


@dataclass(frozen=True)
class Conversation:
    name: str
    context: int
    model: str
    turns: tuple[Turn, ...]
    needles: tuple[Needle, ...]
    # How many tokens the model counts for one that the product estimates.
    tokens_for_one: float

    def rules_at(self, turn: int) -> list[Rule]:
        """Returns what holds for the answer of this turn."""
        return [rule for said in self.turns[: turn + 1] for rule in said.rules]

    @property
    def is_run(self) -> bool:
        return any(turn.rounds for turn in self.turns)


def conversations(plan: Plan) -> Iterator[Conversation]:
    """Yields the chats, then the runs of each context."""
    for context in plan.contexts:
        for number in range(plan.chats):
            yield _Author(plan, f"chat-{context}-{number}", context, number).chat(plan.turns)
        for number in range(plan.runs):
            yield _Author(plan, f"run-{context}-{number}", context, number).run(RUN_ROUNDS[number % len(RUN_ROUNDS)])


class _Author:
    """Writes one conversation."""

    def __init__(self, plan: Plan, name: str, context: int, number: int) -> None:
        self._name, self._context, self._dice = name, context, random.Random(f"{plan.seed}/{name}")
        self._code = [*LANGUAGES][number % len(LANGUAGES)]
        self._language, self._used = LANGUAGES[self._code], set[str]()
        # Half of the models don't list how much their context holds, which is then learned from a refusal.
        self._model = f"bench/{'silent' if number // 2 % 2 else 'listed'}-{context}"
        self._exchange = int(context * EXCHANGE)

    def chat(self, turns: int) -> Conversation:
        dice, told = self._dice, turns - ASKED
        needles = [self._needle() for _ in range(told)]
        rules = {dice.randrange(max(1, told // 2)): self._rule() for _ in range(RULES)}
        written = []
        for at, needle in enumerate(needles):
            own = (rules[at],) if at in rules else ()
            person, answer = (needle.sentence, "") if at % 2 == 0 else ("", needle.sentence)
            said = [rule.text for rule in own] + [person] * bool(person)
            text = f"{self._opening()}\n{self._talk(int(self._exchange * PERSONS), said)}"
            written.append(Turn(text, self._talk(int(self._exchange * (1 - PERSONS)), [answer] * bool(answer)), own))
        for needle in dice.sample(needles[: max(1, told - LAST_TURNS)], min(ASKED, max(1, told - LAST_TURNS))):
            written.append(Turn(f"{self._opening()}\n{needle.question}", "", (), (needle,)))
        return self._conversation(written, needles)

    def run(self, rounds: int) -> Conversation:
        large = LARGE if self._context > LARGE_CONTEXT else 1
        read = [
            tuple(self._page(large) for _ in range(SEVERAL if number % SEVERAL_EVERY == SEVERAL_EVERY - 1 else 1))
            for number in range(rounds)
        ]
        needles = [page.needle for pages in read for page in pages]
        asks = tuple(self._dice.sample(needles, ASKED_OF_RUN))
        rules = tuple(self._rule() for _ in range(2))
        wanted = "\n".join(f"{needle.page}: {needle.question}" for needle in asks)
        said = f"{self._opening()}\n{' '.join(rule.text for rule in rules)}\n{wanted}"
        return self._conversation([Turn(said, "", rules, asks, tuple(read))], needles)

    def _conversation(self, turns: list[Turn], needles: list[Needle]) -> Conversation:
        factor = self._dice.uniform(0.85, 1.2)
        return Conversation(self._name, self._context, self._model, tuple(turns), tuple(needles), factor)

    def _page(self, large: int) -> Page:
        name = f"{self._word().capitalize()} {self._word()}"
        needle = self._needle()
        return Page(name, self._dice.choice(PAGE_CHARS) * large, Needle(**{**asdict(needle), "page": name}))

    def _needle(self) -> Needle:
        kind, sentence, question = self._dice.choice(self._language.facts)
        key, value = self._word().capitalize(), self._value(kind)
        return Needle(key, value, sentence.format(key=key, value=value), question.format(key=key))

    def _value(self, kind: Kind) -> str:
        dice = self._dice
        day, month, year = dice.randrange(1, 29), dice.choice(MONTHS[self._code]), dice.randrange(1900, 2100)
        made = {
            "number": str(dice.randrange(100_000, 1_000_000)),
            "name": self._word().capitalize(),
            "date": DATES[self._code].format(day=day, month=month, year=year),
            "path": f"notes/{self._word()}/{self._word()}.md",
        }[kind]
        if made in self._used:
            return self._value(kind)
        self._used.add(made)
        return made

    def _rule(self) -> Rule:
        is_prohibition, word = self._dice.random() < 0.7, self._word()
        texts = self._language.prohibitions if is_prohibition else self._language.instructions
        return Rule(self._dice.choice(texts).format(word=word), word, is_prohibition)

    def _opening(self) -> str:
        return f"{self._word()} {self._word()} {self._word()}."

    def _word(self) -> str:
        """Returns a word that no one has said yet."""
        word = "".join(self._dice.choice(CONSONANTS) + self._dice.choice(VOWELS) for _ in range(4))
        if word in self._used:
            return self._word()
        self._used.add(word)
        return word

    def _talk(self, tokens: int, said: list[str]) -> str:
        """Returns so many tokens of talk with these sentences somewhere in it."""
        talk, left = list[str](), tokens
        while left > 0:
            talk.append(self._dice.choice(self._language.talk))
            left -= _tokens(talk[-1])
        for sentence in said:
            talk.insert(self._dice.randrange(len(talk) + 1), sentence)
        return " ".join(talk)


@cache
def _tokens(sentence: str) -> int:
    return estimate(sentence)
