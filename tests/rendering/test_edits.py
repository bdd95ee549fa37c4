"""The edits of a growing text that pages receive, compared with the text itself, for frequent and rare updates."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.rendering.corpus import cut, sizes, texts
from tests.rendering.edited import Edited
from tests.support.rounds import ROUNDS
from webapp.chat.messages.projection import PERSISTENT_COUNTS, AnswerProjection
from webapp.rendering.edits import REMEMBERED, edit
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.events import Delta
from webapp.streaming.topics import Entry


class Watching:
    """A page that is updated after every n-th piece of text, and loses its connection at intervals."""

    def __init__(self, projection: AnswerProjection, every: int, lost_every: int = 10**6) -> None:
        self._projection, self._every, self._lost_every = projection, every, lost_every
        picture, self._cursor = projection.snapshot()
        self.page = Edited(picture.html, "something that it was given before")
        self.edits: list[str] = []

    def hear(self, number: int) -> None:
        if number % self._lost_every == 0:
            self._cursor = self._cursor[:PERSISTENT_COUNTS]
        if number % self._every == 0:
            frames, self._cursor = self._projection.since(self._cursor)
            self._take(frames, self._cursor)

    def _take(self, frames: list[Frame], cursor: Cursor) -> None:
        for frame in frames:
            self.edits.append(frame.data)
            self.page.take(frame.data)
        picture, lasting = self._projection.snapshot()
        assert (self.page.sealed, self.page.tail) == (picture.html, picture.tail)
        assert cursor[:PERSISTENT_COUNTS] == lasting


def fold(projection: AnswerProjection, text: str, number: int = 0) -> None:
    for _ in projection.fold(Entry(number, Delta(text))):
        pass


def told(text: str, sizes: list[int]) -> list[Watching]:
    projection = AnswerProjection("m", "g")
    watching = [
        Watching(projection, 1),
        Watching(projection, 3),
        Watching(projection, 3 * REMEMBERED),
        Watching(projection, 2, 5),
    ]
    for number, piece in enumerate(cut(text, sizes)):
        fold(projection, piece, number)
        for watcher in watching:
            watcher.hear(number)
    return watching


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts(), sizes)
def test_every_page_holds_what_is_rendered(text: str, sizes: list[int]) -> None:
    told(text, sizes)


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.timeout(240 + 10 * ROUNDS)
@settings(max_examples=50 * ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts(), sizes)
def test_every_page_holds_what_is_rendered_of_many_texts(text: str, sizes: list[int]) -> None:
    told(text, sizes)


def test_it_counts_as_browsers_do() -> None:
    told("Water 🌊 and *mills* 🎡 of **stone** 🪨, and | more \\\\n |\n\n- 🐟 one\n- 🐟 **two**\n\n🦆 end", [1])


def test_words_are_told_with_one_sign_more() -> None:
    projection = AnswerProjection("m", "g")
    fold(projection, "Some *words* that go")
    watching = Watching(projection, 1)
    for number, words in enumerate([" on", " and. On"], 1):
        watching.hear(number - 1)
        fold(projection, words)
    watching.hear(2)

    assert watching.edits[1:] == ["| on", "| and. On"]


def test_only_what_has_changed_is_told() -> None:
    before = "<ul>\n<li>one</li>\n<li>two *three<x-c></x-c></li>\n</ul>\n"
    after = "<ul>\n<li>one</li>\n<li>two <em>three</em></li>\n</ul>\n"

    assert edit(before, "", after) == "29 13|<em>three</em"


def test_what_is_finished_is_not_told_again() -> None:
    assert edit("<p>Some words<x-c></x-c></p>\n", "<p>Some words</p>\n", "") == "15 4 0|"
    assert edit("<p>One<x-c></x-c></p>\n", "<p>One</p>\n", "<p>Two<x-c></x-c></p>\n") == "15 15 22|/p>\\n<p>Two<"


def test_a_page_far_behind_gets_all_of_its_tail() -> None:
    assert edit(None, "<p>a</p>\n", "<p>🌊</p>") == "1000000000 0 9|<p>a</p>\\n<p>🌊</p>"
