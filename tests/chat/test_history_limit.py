"""Which messages the story summarizes before they no longer fit: every message is always in the story or sent."""

import pytest
from hypothesis import given, strategies as st

from webapp.chat.prompt.builder import PromptBuilder, exchanges_between
from webapp.chat.story.service import HistoryLimit, count_kept
from webapp.models.prompt_sections import Section
from webapp.models.tokens import PER_MESSAGE, estimate

ROOM = 600
STORY = Section("Story so far", "told " * 30, rank=190)
SAID = [("user", 10), ("assistant", 10)] * 3
# Each exchange takes an eighth of the budget at most.
EXCHANGES = st.lists(st.tuples(st.integers(1, 34), st.integers(0, 34)), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("turns", "room", "stays"),
    [
        ([], HistoryLimit(100), None),
        (SAID, HistoryLimit(), None),
        (SAID, HistoryLimit(90), None),
        (SAID, HistoryLimit(80), 4),
        (SAID, HistoryLimit(60), 2),
        # The newest exchange is kept as long as it fits.
        ([("user", 10), ("assistant", 40)], HistoryLimit(80), None),
        ([("user", 20), ("assistant", 10), ("user", 20), ("assistant", 20)], HistoryLimit(60), 2),
        # One that doesn't fit is summarized immediately.
        ([("user", 10), ("assistant", 90)], HistoryLimit(100), 0),
        (SAID, HistoryLimit(messages=9), None),
        (SAID, HistoryLimit(messages=8), 4),
        (SAID, HistoryLimit(messages=3), 2),
        (SAID, HistoryLimit(messages=0), 0),
        # An empty message takes no space.
        ([("user", 10), ("assistant", 0), ("assistant", 10)], HistoryLimit(messages=3), None),
        # Several answers in a row, without a question in between, are one exchange.
        ([("user", 10), *[("assistant", 10)] * 8], HistoryLimit(100), 0),
    ],
)
def test_so_many_stay_as_they_are(turns, room, stays):
    assert count_kept(reversed(turns), room) == stays


@pytest.mark.slow
@given(EXCHANGES, st.none() | st.integers(0, 12))
def test_every_message_is_told_or_sent(exchanges, limit):
    path, told = list[tuple[str, str]](), 0
    for question, answer in exchanges:
        path.append(("user", "word " * question))
        start = sent_from(path, told, limit)
        assert start <= told
        assert exchanges_between(path, 0, told, start) == 0
        path.append(("assistant", "word " * answer))
        told = carried_on(path, told, limit)


@pytest.mark.slow
@given(EXCHANGES, st.integers(0, 3))
def test_nothing_is_lost_when_the_model_fails_once_in_a_while(exchanges, late):
    path, told = list[tuple[str, str]](), 0
    for number, (question, answer) in enumerate(exchanges):
        path.append(("user", "word " * question))
        assert sent_from(path, told, None) <= told
        path.append(("assistant", "word " * answer))
        told = carried_on(path, told, None) if number % 4 != late else told


def sent_from(path, told, limit):
    """Returns the first message that a prompt sends, including the story if something is left out."""
    fitted = PromptBuilder().fit(path, budget_tokens=ROOM, history_limit=limit)
    if fitted.start and told:
        fitted = PromptBuilder([STORY]).fit(path, budget_tokens=ROOM, history_limit=limit)
    return fitted.start


def carried_on(path, told, limit):
    rest = [(role, estimate(text) + PER_MESSAGE if text else 0) for role, text in path[told:]]
    stays = count_kept(reversed(rest), HistoryLimit(ROOM - estimate(STORY.text) - PER_MESSAGE, limit))
    return told if stays is None else len(path) - stays
