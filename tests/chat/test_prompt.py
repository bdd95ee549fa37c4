"""What a model is sent, byte for byte: the sections, the history, the post prompt, the newest message; and what is left out."""

from itertools import product

import pytest
from hypothesis import given, strategies as st

from webapp.chat.prompt.builder import SECTION_SEPARATOR, FittedPath, PromptBuilder
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.models.providers.base import Turn
from webapp.models.tokens import PER_MESSAGE, estimate

FOUR = {"pre_prompt": "First.", "system_prompt": "Be\nkind. ", "character": "Mara mills.", "persona": "I am Jo."}
PATH = [("assistant", "Welcome."), ("user", "Hello"), ("assistant", "Yes?"), ("user", "How old is the mill?")]
TEXTS = st.text(alphabet="ab é\n,.水1", max_size=40)
PATHS = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS.filter(bool)), max_size=14).map(
    lambda earlier: [*earlier, ("user", "the newest")]
)


@pytest.mark.parametrize("which", list(product([False, True], repeat=4)))
def test_empty_sections_are_left_out_with_their_separator(which: tuple[bool, ...]) -> None:
    given_parts = {name: text if is_there else "" for (name, text), is_there in zip(FOUR.items(), which, strict=True)}

    request = PromptBuilder(**given_parts).build("m", [("user", "Hello")])

    there = [text for text in given_parts.values() if text]
    system = (Turn("system", "\n---\n".join(there)),) if there else ()
    assert request.turns == (*system, Turn("user", "Hello"))


def test_all_four_are_exactly_this() -> None:
    assert PromptBuilder(**FOUR).system == "First.\n---\nBe\nkind. \n---\nMara mills.\n---\nI am Jo."
    assert SECTION_SEPARATOR == "\n---\n"


def test_blanks_are_as_good_as_nothing() -> None:
    assert PromptBuilder(pre_prompt=" \n", character="Mara").system == "Mara"


def test_a_persons_instructions_follow_the_persona() -> None:
    assert PromptBuilder(**FOUR, instructions="Briefly.").system.endswith("I am Jo.\n---\nBriefly.")
    assert PromptBuilder(instructions="Briefly.").system == "Briefly."


def test_the_post_prompt_stands_right_before_the_newest_message() -> None:
    request = PromptBuilder(character="Mara", post_prompt="Stay Mara.").build("m", PATH, temperature=0.5)

    assert request.turns == (
        Turn("system", "Mara"),
        Turn("assistant", "Welcome."),
        Turn("user", "Hello"),
        Turn("assistant", "Yes?"),
        Turn("system", "Stay Mara."),
        Turn("user", "How old is the mill?"),
    )
    assert (request.temperature, request.is_continuation) == (0.5, False)


def test_an_answer_that_goes_on_comes_after_its_question() -> None:
    request = PromptBuilder(post_prompt="Stay.").build("m", [("user", "Count")], beginning="one, two")

    assert request.turns == (Turn("system", "Stay."), Turn("user", "Count"), Turn("assistant", "one, two"))
    assert request.is_continuation


def test_answers_without_text_say_nothing() -> None:
    request = PromptBuilder().build("m", [("user", "Hello"), ("assistant", ""), ("user", "Again")])

    assert request.turns == (Turn("user", "Hello"), Turn("user", "Again"))


def test_what_was_kept_makes_the_same_request() -> None:
    builder = PromptBuilder(**FOUR, instructions="Briefly.", post_prompt="Stay.")

    record = RecordedPrompt(sections=builder.counted, left_out=3).as_record()

    assert RecordedPrompt.from_record(record).builder.build("m", PATH) == builder.build("m", PATH)


def test_without_a_budget_everything_is_sent() -> None:
    assert PromptBuilder().fit(PATH) == FittedPath(0, 0)


@pytest.mark.parametrize(("limit", "start"), [(0, 3), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_a_history_limit_counts_earlier_messages(limit: int, start: int) -> None:
    assert PromptBuilder().fit(PATH, history_limit=limit) == FittedPath(start, 0, beyond=start)


def test_an_empty_path_fits() -> None:
    assert PromptBuilder(character="Mara").fit([], budget_tokens=1, history_limit=0) == FittedPath(0, 0)


def test_whole_exchanges_go_the_oldest_first() -> None:
    path = [("user", "one " * 50), ("assistant", "two " * 50), ("user", "three"), ("assistant", "four"), ("user", "five")]

    assert PromptBuilder().fit(path, budget_tokens=60) == FittedPath(2, 1)
    assert PromptBuilder().fit(path, budget_tokens=1) == FittedPath(4, 2)


@pytest.mark.slow
@given(path=PATHS, budget=st.integers(1, 400), limit=st.none() | st.integers(0, 15), system=TEXTS, beginning=TEXTS)
def test_the_budget_holds(path, budget, limit, system, beginning) -> None:
    builder = PromptBuilder(character=system)

    fitted = builder.fit(path, budget_tokens=budget, history_limit=limit, beginning=beginning)

    first = len(path) - 1 - limit if limit is not None and limit < len(path) else 0
    kept, dropped = path[fitted.start :], path[first : fitted.start]
    assert kept[-1] == ("user", "the newest")
    # It fits, unless only the newest message is left.
    assert len(kept) == 1 or cost([builder.system, beginning, *texts(kept)]) <= budget
    # The history is cut between exchanges: the rest begins with a question, or where the whole history does.
    assert len(kept) == 1 or fitted.start == max(first, 0) or kept[0][0] == "user"
    assert fitted.left_out == exchanges(dropped)
    # No more is left out than necessary: with one exchange more it would not fit.
    if dropped:
        assert cost([builder.system, beginning, *texts(last_exchange(dropped)), *texts(kept)]) > budget


@pytest.mark.slow
@given(st.text(max_size=300))
def test_no_text_has_more_tokens_than_characters(text: str) -> None:
    assert estimate(text) <= len(text)


def cost(all_texts: list[str]) -> int:
    return sum(estimate(text) + PER_MESSAGE for text in all_texts if text)


def texts(path: list[tuple[str, str]]) -> list[str]:
    return [text for _, text in path]


def exchanges(path: list[tuple[str, str]]) -> int:
    return sum(role == "user" or not place for place, (role, _) in enumerate(path))


def last_exchange(path: list[tuple[str, str]]) -> list[tuple[str, str]]:
    starts = [place for place, (role, _) in enumerate(path) if role == "user" or not place]
    return path[starts[-1] :]
