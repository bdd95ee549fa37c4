"""Features contribute sections to a prompt: their order, their budget, and what is recorded of them."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tests.chat.conftest import asked, ended
from webapp.chat.prompt.builder import OF_A_CHAT, SECTION_SEPARATOR, PromptBuilder
from webapp.chat.prompt.context import Contributor, PromptContext
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.models.prompt_sections import AFTER, Section
from webapp.models.providers.base import Turn
from webapp.models.tokens import PER_MESSAGE, estimate
from webapp.web.feature import BROUGHT

PATH = [("user", "One"), ("assistant", "Two"), ("user", "Three")]
ROLES = st.sampled_from(["system", "user", "assistant"])
DEPTHS = st.none() | st.integers(0, 6)
SECTIONS = st.lists(
    st.builds(
        Section,
        title=st.just("Lore"),
        text=st.text(alphabet="ab é\n,.水1", max_size=40),
        role=ROLES,
        depth=DEPTHS,
        rank=st.integers(0, 3),
        priority=st.none() | st.integers(0, 3),
    ),
    max_size=6,
).map(lambda found: [replace(section, origin=str(number)) for number, section in enumerate(found)])
PATHS = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), st.text(alphabet="ab 水", min_size=1, max_size=30)), max_size=8
).map(lambda earlier: [*earlier, ("user", "the newest")])


def turns(*sections: Section, path=PATH, **of_a_chat: str) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in PromptBuilder(sections, **of_a_chat).build("m", path).turns]


def test_a_section_stands_where_its_depth_says() -> None:
    deep = [Section(str(depth), f"at {depth}", depth=depth) for depth in (0, 1, 2, 3, 9)]

    assert turns(*deep, Section("First", "before")) == [
        ("system", "before"),
        ("system", "at 9"),
        ("system", "at 3"),
        ("user", "One"),
        ("system", "at 2"),
        ("assistant", "Two"),
        ("system", "at 1"),
        ("user", "Three"),
        ("system", "at 0"),
    ]


def test_sections_of_one_place_and_role_are_one_message_in_the_order_of_their_ranks() -> None:
    note, lore = Section("Note", "note", depth=AFTER, rank=90), Section("Lore", "lore", rank=35)
    said = Section("Example", "said", depth=AFTER, role="assistant")

    assert turns(note, said, lore, character="Mara", persona="Jo", post_prompt="Stay.", path=[("user", "Hello")]) == [
        ("system", "Mara\n---\nlore\n---\nJo"),
        ("system", "Stay.\n---\nnote"),
        ("assistant", "said"),
        ("user", "Hello"),
    ]


def test_the_lowest_priority_goes_first_and_before_any_message() -> None:
    low, high = Section("Low", "low " * 20, priority=1), Section("High", "high " * 20, priority=2)
    builder = PromptBuilder([low, high, Section("Kept", "kept")])

    def dropped(budget: int) -> tuple[list[str], int]:
        fitted = builder.fit(PATH, budget_tokens=budget)
        return [section.title for section in fitted.dropped], fitted.left_out

    assert [dropped(budget) for budget in (70, 50, 30, 12)] == [([], 0), (["Low"], 0), (["Low", "High"], 0), (["Low", "High"], 1)]


@pytest.mark.slow
@given(sections=SECTIONS, path=PATHS, budget=st.integers(1, 300), beginning=st.text(alphabet="ab", max_size=9))
def test_the_budget_holds_and_nothing_is_left_out_that_had_room(sections, path, budget, beginning) -> None:
    builder = PromptBuilder(sections)
    fitted = builder.fit(path, budget_tokens=budget, beginning=beginning)
    kept = builder.without(fitted.dropped)

    # The prompt fits, unless only the parts that are always sent are left.
    is_least = fitted.start == len(path) - 1 and all(section.priority is None for section in kept.sections)
    assert is_least or cost(kept, path[fitted.start :], beginning) <= budget
    # Sections are dropped before history, and the most important dropped section would not have fitted either.
    assert not fitted.left_out or all(section.priority is None for section in kept.sections)
    if fitted.dropped:
        back = builder.without(fitted.dropped[:-1])
        assert cost(back, path, beginning) > budget
        left = [section.priority for section in kept.sections if section.priority is not None]
        assert max(section.priority for section in fitted.dropped) <= min(left, default=9)
    # No section that is sent is lost or changed, and their order is always the same.
    contents = "\n".join(turn.content for turn in kept.build("m", path).turns)
    assert all(section.text in contents for section in kept.sections)
    assert [section for section in kept.among(len(path)) if isinstance(section, Section)] == list(kept.sections)
    recorded = RecordedPrompt.from_record(RecordedPrompt(sections=builder.counted).as_record())
    assert recorded.builder.build("m", path) == builder.build("m", path)


@pytest.mark.slow
@given(sections=SECTIONS, path=PATHS)
def test_messages_keep_their_order_among_sections(sections, path) -> None:
    assert [place for place in PromptBuilder(sections).among(len(path)) if isinstance(place, int)] == list(range(len(path)))


def test_prompts_that_were_kept_by_name_are_still_read() -> None:
    kept = {"character": "Mara", "instructions": "Briefly.", "post_prompt": "Stay.", "parameters": {}, "messages": []}

    assert RecordedPrompt.from_record(kept).builder.build("m", [("user", "Hello")]).turns == (
        Turn("system", "Mara\n---\nBriefly."),
        Turn("system", "Stay."),
        Turn("user", "Hello"),
    )


def test_what_a_later_version_kept_is_read_as_far_as_it_is_known() -> None:
    row = {"title": "Lore", "text": "lore", "colour": "blue"}

    assert RecordedPrompt.from_record({"sections": [row]}).builder.sections == (Section("Lore", "lore"),)


@pytest.fixture
def contributed(app):
    """Registers one more feature's contribution for the duration of the test."""
    heard, given = list[PromptContext](), list[Section]()

    def contribute(context: PromptContext) -> list[Section]:
        heard.append(context)
        return given

    contributors = BROUGHT.of(app)[Contributor]
    contributors.append(Contributor(contribute))
    yield heard, given
    contributors.pop()


def test_a_feature_contributes_and_what_was_sent_says_so(owner, contributed, begin, fake):
    heard, given = contributed
    given += [Section("Lore", "The wheel is old.", "Millbook"), Section("Note", "Be brief.", depth=AFTER, priority=5)]
    fake.says("Aye")
    owner.submit("/settings/memory", instructions="Answer like a miller.")
    page = owner.wait_for(begin(owner, "Hello"), ended)

    sent = [(turn["role"], turn["content"]) for turn in asked(fake)[-1]["body"]["messages"]]
    shown = owner.page(str(page.all("a.sent-link")[-1].attributes["href"]))

    assert sent == [
        ("system", f"Answer like a miller.{SECTION_SEPARATOR}The wheel is old."),
        ("system", "Be brief."),
        ("user", "Hello"),
    ]
    assert (heard[0].person_id, heard[0].messages) == (owner.person_id, [("user", "Hello")])
    assert shown.says("Lore system · 17 characters · about 5 tokens · from Millbook")
    assert shown.says("Custom instructions system · 21 characters · about 5 tokens · from Settings")
    assert not shown.says("Note system · 9 characters · about 3 tokens · from")


def test_every_section_of_a_chat_has_a_rank_of_its_own_at_its_place() -> None:
    places = [(place.depth, place.rank) for place in OF_A_CHAT.values()]

    assert len(set(places)) == len(places)


def cost(builder: PromptBuilder, path: list[tuple[str, str]], beginning: str) -> int:
    texts = [turn.content for turn in builder.build("m", []).turns]
    texts += [beginning, *(text for _, text in path)]
    return sum(estimate(text) + PER_MESSAGE for text in texts if text)
