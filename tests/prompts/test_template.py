"""Filling in variables: once, in order, and a missing one is an error."""

import random

import pytest

from webapp.prompts.template import FilledTooLong, PromptPart, Unfilled, filled, partly_filled, pieces, variables_in

HOSTILE = (
    "{{b}}",
    "{{a}}",
    "{{",
    "}}",
    "\\1",
    "\\g<0>",
    "{% raw %}",
    "${a}",
    "",
    " ",
    "{{{{a}}}}",
    "{{a:b}}",
    "{{c",
    "x" * 5_000,
)


@pytest.mark.parametrize("seed", range(30))
def test_hostile_values_are_never_read_for_variables(seed):
    chance = random.Random(seed)
    for _ in range(10):
        values = {name: chance.choice(HOSTILE) for name in "abc"}
        used = [chance.choice("abc") for _ in range(chance.randint(1, 6))]
        parts = [PromptPart(str(place), f"<{place}>{{{{{name}}}}}</>") for place, name in enumerate(used)]
        kept = [place for place, name in enumerate(used) if values[name].strip()]
        if not kept:
            with pytest.raises(Unfilled, match="nothing is left"):
                filled(parts, values)
            continue
        assert filled(parts, values) == [PromptPart(str(place), f"<{place}>{values[used[place]]}</>") for place in kept]


def test_a_missing_variable_is_said_and_seen():
    parts = [PromptPart("One", "Hello {{ name }}, {{name}} and {{Place: a|b}}"), PromptPart("Two", "{{other}} {{ 1 }} { {x} }")]

    assert variables_in(parts) == ["name", "Place", "other"]
    with pytest.raises(Unfilled) as error:
        filled(parts, {"name": "Ada"})
    assert error.value.missing == ("Place", "other")
    assert partly_filled(parts, {"name": "Ada"}) == (
        [PromptPart("One", "Hello Ada, Ada and {{Place: a|b}}"), parts[1]],
        ["Place", "other"],
    )
    assert "".join(piece.text for piece in pieces(parts[0].text)) == parts[0].text


def test_long_values_are_not_repeated_without_end():
    parts = [PromptPart("One", "{{a}}" * 1_000)]

    for fill in (filled, partly_filled):
        fill([PromptPart("One", "{{a}}")], {"a": "x" * 10_000_000})
        with pytest.raises(FilledTooLong):
            fill(parts, {"a": "x" * 1_000})
