"""Cutting the elements of an array out of a stream: at every size of its chunks, within bounds, and where it is no array."""

import json
import tracemalloc
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, strategies as st

from webapp.chat.imports.elements import ArrayCutter, Element, TooMuch, elements, is_array, parsed
from webapp.chat.imports.filed import BadFile

MANY = [{"a": 'x\\"]}', "é": [1, {"b": "\\\\"}]}, "s, ]", 3, None, {}, [], [[]], "\\", {'"': "{"}, True]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=12,
)


def cut(content: bytes, size: int, most_bytes: int = 1_000_000) -> list[Element]:
    cutter, found = ArrayCutter(most_bytes), list[Element]()
    for start in range(0, len(content), size):
        found += cutter.feed(content[start : start + size])
    cutter.end()
    return found


def values(found: list[Element]) -> list[Any]:
    return [parsed(element.text) for element in found]


def test_it_is_cut_the_same_at_every_size():
    content = b"\xef\xbb\xbf \n" + json.dumps(MANY, ensure_ascii=False, indent=1).encode() + b"\n "

    for size in range(1, len(content) + 1):
        assert values(cut(content, size)) == MANY, size


@given(st.lists(JSON, max_size=5), st.integers(1, 40), st.booleans())
def test_any_list_comes_out_as_it_is(whole: list[Any], size: int, is_ascii: bool):
    assert values(cut(json.dumps(whole, ensure_ascii=is_ascii).encode("utf-8", "replace"), size)) == whole


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{}",
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[,1]",
        b"[1,,2]",
        b"[1}",
        b"[] x",
        b"[]]",
        b'["a',
        b'["\\',
        b"[{]",
        b"x[1]",
    ],
)
def test_what_is_no_array_is_refused(content: bytes):
    for size in (1, 2, 100):
        with pytest.raises(BadFile, match=r"incomplete or isn't JSON|extra data"):
            values(cut(content, size))


def test_what_is_before_a_fault_comes_first():
    cutter = ArrayCutter(100)

    assert [element.text for element in cutter.feed(b'[{"a": 1}, {"b": 2}, {"c"')] == [b'{"a": 1}', b'{"b": 2}']
    with pytest.raises(BadFile):
        cutter.end()


def test_one_that_is_too_large_is_named_alone():
    content = json.dumps([{"title": "Small"}, {"title": "Large", "text": "x" * 50_000}, {"title": "Next"}]).encode()

    small, large, following = cut(content, 1_000, most_bytes=20_000)

    assert not small.is_too_large
    assert parsed(following.text) == {"title": "Next"}
    assert large.is_too_large
    assert large.text.startswith(b'{"title": "Large"')
    assert len(large.text) <= 4_096


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"[" * 2_000 + b"]" * 2_000, "nested too deeply"), (b"[" + b"0," * 3_000_000 + b"0]", "too many values")],
)
def test_what_takes_too_much_to_parse_is_told_from_what_is_broken(content: bytes, reason: str):
    [element] = cut(b"[" + content + b"]", 1 << 20, most_bytes=10_000_000)

    with pytest.raises(TooMuch, match=reason):
        parsed(element.text)


def test_brackets_without_end_are_refused_early():
    with pytest.raises(BadFile, match="nested too deeply"):
        cut(b"[" * 50_000_000, 1 << 20)


@pytest.mark.parametrize("text", [b"NaN", b'"\xff"', b"[1}", b'{"a" 1}'])
def test_no_other_value_is_parsed(text: bytes):
    with pytest.raises(BadFile):
        parsed(text)


def test_a_long_array_is_never_in_memory():
    one = json.dumps({"text": "x" * 10_000}).encode()
    content = b"[" + (one + b",") * 4_000 + one + b"]"
    stream = BytesIO(content)
    tracemalloc.start()

    assert sum(1 for _ in elements(stream, 1_000_000)) == 4_001

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_an_array_is_known_by_its_beginning():
    assert is_array(b"\xef\xbb\xbf \r\n[")
    assert not is_array(b'{"a": []}')
    assert not is_array(b"")
