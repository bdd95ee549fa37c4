"""Which lorebook entries are activated: by keys, recursion, inclusion groups, timed effects, and within a budget."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from webapp.characters.lore.entries import Book, book_of
from webapp.characters.lore.entry_selection import LoreContext, select_entries

Said = list[tuple[str, str]]
DRAGON = {"keys": ["dragon"], "content": "Dragons sleep.", "insertion_order": 10}


def book(*entries: dict[str, Any], **more: Any) -> Book:
    return book_of({"entries": list(entries), **more}, id="b", name="World")


def told(
    said: str | Said,
    *entries: dict[str, Any],
    budget: int = 2_000,
    now: Callable[[], float] = lambda: 0.0,
    chance: Random | None = None,
    **more: Any,
) -> list[str]:
    messages = [("user", said)] if isinstance(said, str) else said
    speakers = {"user": "Jo", "assistant": "Mara"}

    def fill(text: str) -> str:
        return text.replace("{{char}}", "Mara").replace("{{none}}", "")

    scene = LoreContext(messages, len, now, chance or Random(1), "chat", speakers, fill, budget, character="Mara")
    return [entry.content for entry in select_entries([book(*entries, **more)], scene)]


def only_for(*names: str, is_others: bool = False) -> dict[str, Any]:
    return {"extensions": {"sillytavern": {"characterFilter": {"names": list(names), "isExclude": is_others, "tags": ["7"]}}}}


def with_keys(*keys: str, **more: Any) -> dict[str, Any]:
    return {"keys": list(keys), "content": "Yes.", **more}


@pytest.mark.parametrize(
    ("entry", "text", "is_told"),
    [
        (with_keys("dragon"), "A DRAGON!", True),
        (with_keys("dragon"), "Dragonfly", True),
        (with_keys("dragon", extensions={"match_whole_words": True}), "Dragonfly", False),
        (with_keys("dragon", extensions={"match_whole_words": True}), "the dragon.", True),
        (with_keys("ash hills", extensions={"match_whole_words": True}), "to Ash Hillside", True),
        (with_keys("Dragon", case_sensitive=True), "a dragon", False),
        (with_keys("Dragon", case_sensitive=True), "a Dragon", True),
        (with_keys("wyrm", "dragon"), "a dragon", True),
        (with_keys("{{char}}"), "Where is mara?", True),
        (with_keys("{{none}}"), "Hello", False),
        (with_keys("Jo:"), "Hello", True),
        (with_keys(), "Hello", False),
        (with_keys(constant=True), "Hello", True),
        (with_keys(constant=True, **only_for("mara", "Bo")), "Hello", True),
        (with_keys(constant=True, **only_for("Bo")), "Hello", False),
        (with_keys(constant=True, **only_for("Mara", is_others=True)), "Hello", False),
        (with_keys(constant=True, **only_for("Bo", is_others=True)), "Hello", True),
        (with_keys(constant=True, **only_for()), "Hello", True),
        (with_keys("dragon", enabled=False), "a dragon", False),
        (with_keys("dragon", secondary_keys=["red", "big"]), "a dragon", False),
        (with_keys("dragon", secondary_keys=["red", "big"]), "a red dragon", True),
        (with_keys("dragon", secondary_keys=["red"], selective=False), "a dragon", True),
        (with_keys("dragon", secondary_keys=["red", "big"], extensions={"selectiveLogic": 1}), "a red dragon", True),
        (with_keys("dragon", secondary_keys=["red", "big"], extensions={"selectiveLogic": 1}), "big red dragon", False),
        (with_keys("dragon", secondary_keys=["red", "big"], extensions={"selectiveLogic": 2}), "a dragon", True),
        (with_keys("dragon", secondary_keys=["red", "big"], extensions={"selectiveLogic": 2}), "a red dragon", False),
        (with_keys("dragon", secondary_keys=["red", "big"], extensions={"selectiveLogic": 3}), "a red dragon", False),
        (with_keys("dragon", secondary_keys=["red", "big"], extensions={"selectiveLogic": 3}), "big red dragon", True),
        (with_keys(r"/drag(on|oness)\b/i"), "a DRAGONESS", True),
        (with_keys(r"/drag(on|oness)\b/"), "a DRAGONESS", False),
        (with_keys("/a.b/s"), "a\nb", True),
        # Regular expressions with lookaround are not supported, and an invalid one never matches.
        (with_keys("/(?=dragon)/"), "dragon", False),
        (with_keys("/(/"), "(", False),
        (with_keys("dragon", extensions={"probability": 0}), "dragon", False),
        (with_keys("dragon", extensions={"probability": 0, "useProbability": False}), "dragon", True),
        ({"keys": ["dragon"], "content": "@@exclude_keys tame, small\nYes."}, "a tame dragon", False),
        ({"keys": ["dragon"], "content": "@@additional_keys tame\nYes."}, "a dragon", False),
        ({"keys": ["dragon"], "content": "@@additional_keys tame\n@@unknown 3\n@@@activate\nYes."}, "no", True),
        ({"keys": ["dragon"], "content": "@@dont_activate\nYes."}, "a dragon", False),
        ({"keys": ["dragon"], "content": "@@activate\nYes."}, "no", True),
        ({"keys": ["dragon"], "content": "@@activate_only_after 1\nYes."}, "dragon", False),
    ],
)
def test_an_entry_is_told_when_its_keys_come_up(entry: dict[str, Any], text: str, is_told: bool) -> None:
    assert told(text, entry) == (["Yes."] if is_told else [])


def test_only_the_last_messages_are_looked_through() -> None:
    said = [("user", "A dragon!"), ("assistant", "Where?"), ("user", "There.")]

    assert told(said, DRAGON) == []
    assert told(said, DRAGON, scan_depth=3) == ["Dragons sleep."]
    assert told(said, {**DRAGON, "extensions": {"scan_depth": 3}}) == ["Dragons sleep."]
    assert told(said, {**DRAGON, "content": "@@scan_depth 3\nDragons sleep."}) == ["Dragons sleep."]
    assert told(said, with_keys("where"), scan_depth=0) == []


def test_entries_stand_in_their_order() -> None:
    entries = [with_keys("a", content=str(order), insertion_order=order) for order in (30, 10, 20)]
    assert told("a", *entries) == ["10", "20", "30"]


def test_what_is_told_brings_more_where_the_book_says_so() -> None:
    hills = with_keys("sleep", content="In the hills.", insertion_order=20)
    farther = with_keys("hills", content="They are far.", insertion_order=30)

    assert told("dragon", DRAGON, hills, farther) == ["Dragons sleep."]
    assert told("dragon", DRAGON, hills, farther, recursive_scanning=True) == ["Dragons sleep.", "In the hills.", "They are far."]
    silent = {**hills, "extensions": {"prevent_recursion": True}}
    assert told("dragon", DRAGON, silent, farther, recursive_scanning=True) == ["Dragons sleep.", "In the hills."]
    deaf = {**hills, "extensions": {"exclude_recursion": True}}
    assert told("dragon", DRAGON, deaf, farther, recursive_scanning=True) == ["Dragons sleep."]
    later = {**hills, "keys": ["dragon"], "extensions": {"delay_until_recursion": True}}
    assert told("dragon", later) == []
    assert told("dragon", later, recursive_scanning=True) == ["In the hills."]


def test_two_that_bring_each_other_come_to_an_end() -> None:
    assert told("a", with_keys("a", content="b"), with_keys("b", content="a"), recursive_scanning=True) == ["b", "a"]


def test_of_a_group_one_is_told() -> None:
    def rival(content: str, **more: Any) -> dict[str, Any]:
        return with_keys("storm", content=content, extensions={"group": "weather", **more})

    drawn = {told("storm", rival("rain", group_weight=1), rival("hail", group_weight=1), chance=Random(n))[0] for n in range(20)}
    assert drawn == {"rain", "hail"}
    heavy = [
        told("storm", rival("rain", group_weight=1), rival("hail", group_weight=10_000), chance=Random(n)) for n in range(20)
    ]
    assert heavy.count(["hail"]) == 20
    assert told("storm", rival("rain"), {**rival("hail", group_override=True), "insertion_order": 1}) == ["hail"]
    scored = {**rival("hail", use_group_scoring=True), "keys": ["storm", "ice"]}
    assert told("storm, ice", rival("rain", use_group_scoring=True), scored) == ["hail"]
    assert told("storm", rival("rain"), with_keys("storm", content="wind")) == ["rain", "wind"]


def played(*texts: str) -> Said:
    """Returns a conversation in which the person said these texts."""
    said: Said = []
    for text in texts:
        said += [("user", text), ("assistant", "Well.")]
    return said[:-1]


def test_some_stay_for_a_while_and_are_silent_after_that() -> None:
    tea = with_keys("tea", extensions={"sticky": 3, "cooldown": 2})

    def at_the_end(*texts: str) -> bool:
        return bool(told(played(*texts), tea, scan_depth=1))

    assert at_the_end("tea")
    assert at_the_end("tea", "so")
    assert not at_the_end("tea", "so", "so")
    # Three messages after the match it ends, and its cooldown lasts two more.
    assert not at_the_end("tea", "so", "tea")
    assert at_the_end("tea", "so", "so", "tea")


def test_some_stay_for_good_and_some_come_once() -> None:
    once = {"keys": ["tea"], "content": "@@dont_activate_after_match\nYes."}
    always = {"keys": ["tea"], "content": "@@keep_activate_after_match\nYes."}

    assert told(played("tea"), once, scan_depth=1)
    assert not told(played("tea", "tea"), once, scan_depth=1)
    assert told(played("tea", "so", "so"), always, scan_depth=1)


def test_some_wait() -> None:
    late = with_keys("tea", extensions={"delay": 3})
    assert not told(played("tea"), late)
    assert told(played("tea", "tea"), late)
    seldom = {"keys": ["tea"], "content": "@@activate_only_every 2\nYes."}
    assert [bool(told(played(*["tea"] * count), seldom)) for count in (1, 2, 3)] == [True, False, True]


def test_a_chance_is_drawn_anew_unless_it_is_remembered() -> None:
    rare = with_keys("tea", extensions={"probability": 50})
    drawn = [bool(told("tea", rare, chance=Random(n))) for n in range(40)]
    assert 5 < sum(drawn) < 35
    kept = with_keys("tea", extensions={"probability": 50, "sticky": 1})
    assert len({bool(told("tea", kept, chance=Random(n))) for n in range(40)}) == 1


def test_what_has_no_room_is_left_out_the_least_important_first() -> None:
    entries = [
        with_keys("a", content="plain"),
        with_keys("a", content="later", insertion_order=200),
        with_keys("a", content="vital", priority=5, insertion_order=1),
        with_keys(content="world", constant=True, insertion_order=2),
    ]
    assert told("a", *entries, budget=20) == ["vital", "world", "plain", "later"]
    assert told("a", *entries, budget=15) == ["vital", "world", "later"]
    assert told("a", *entries, budget=10) == ["vital", "world"]
    assert told("a", *entries, budget=20, token_budget=5) == ["world"]


def test_after_a_while_nothing_more_is_looked_for() -> None:
    clock = iter(range(1_000))
    assert told("dragon", DRAGON, now=lambda: next(clock)) == []


def test_so_many_are_told_and_no_more() -> None:
    rivals = [with_keys("a", content=str(n), extensions={"group": ",".join(f"{n} {m}" for m in range(60))}) for n in range(300)]
    assert len(told("a", *rivals)) == 200


@pytest.mark.parametrize("wrong", [None, [], "x", {"entries": "x"}, {"entries": [None, 5, {"keys": 3, "content": []}]}])
def test_what_is_no_book_has_nothing_to_tell(wrong: Any) -> None:
    scene = LoreContext([("user", "x")], len, lambda: 0.0, Random(1))
    assert select_entries([book_of(wrong, id="b")], scene) == []


def test_when_it_is_late_nothing_more_is_read():
    class Unread(list[tuple[str, str]]):
        def __getitem__(self, _place: object) -> Any:
            raise AssertionError("it was read")

    assert told(Unread([("user", "dragon")]), DRAGON, now=iter([0.0, *[1.0] * 99]).__next__) == []


@pytest.mark.parametrize(("others", "count"), [(9, 1), (10, 2)])
def test_an_entry_is_in_ten_groups_at_most(others, count):
    groups = (",".join([*(f"{at}-{number}" for number in range(others)), "shared"]) for at in range(2))
    assert len(told("a", *(with_keys("a", extensions={"group": group}) for group in groups))) == count


def test_all_books_together_tell_no_more_than_there_is_room_for():
    many = book(*({"content": f"{number}", "constant": True} for number in range(150)))
    scene = LoreContext([("user", "Hello")], len, lambda: 0.0, Random(1), most_tokens=9_999)

    assert len(select_entries([many, many], scene)) == 200
