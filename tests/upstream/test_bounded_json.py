"""JSON from other servers is parsed only up to a number of parts, whatever its strings contain."""

import json
from decimal import Decimal

import pytest

from webapp.models.upstream.bounded_json import LONGEST_INTEGER, UnreadableJson, load


@pytest.mark.parametrize("text", ["[1,2,3]", '{"a":{"b":[]}}', "[[[]]]", "1", '"x"', "[1.5, 12, true, null]"])
def test_it_reads_what_has_few_parts(text: str) -> None:
    for content in (text, text.encode(), text.encode("utf-16"), text.encode("utf-32")):
        assert load(content, most_parts=9) == json.loads(text)


@pytest.mark.parametrize("text", ["[1,2,3,4,5]", "[[[[[", '{"a":{},"b":[],"c":1}', '["\\\\",[],[],[]]', "[" + '"",' * 30 + "1]"])
def test_it_refuses_what_has_more(text: str) -> None:
    with pytest.raises(UnreadableJson):
        load(text, most_parts=4)


@pytest.mark.parametrize("said", ["[[[[[[", "a, b, c, d, e", '"[[,{', "\\[\\[,,,,", '\\"[,,,[', "\\\\"])
def test_what_stands_in_strings_is_no_part(said: str) -> None:
    assert load(json.dumps([said, said]), most_parts=2) == [said, said]


@pytest.mark.parametrize("text", ["", "[", "nonsense", "[1e99999999999999999999]", "[" * 200_000, b"\xff\xfe\xff", "[1"])
def test_what_is_not_json_is_unreadable(text: str | bytes) -> None:
    with pytest.raises(UnreadableJson):
        load(text, most_parts=10**9)


def test_numbers_are_exact_and_long_integers_cost_nothing() -> None:
    digits = "9" * (LONGEST_INTEGER + 1)

    assert load(f"[0.1, -7, {digits}]") == [Decimal("0.1"), -7, Decimal(digits)]
    assert load("9" * 5000) == Decimal("9" * 5000)
