"""A cache stays within its limits of number, size and age."""

from webapp.base.cache import Cache


def test_what_was_used_least_recently_is_dropped():
    cache = Cache[str, int](2)
    assert [cache.put(key, number) for number, key in enumerate("ab")] == [0, 1]
    assert cache.get("a") == 0
    cache.put("c", 2)
    assert [cache.get(key) for key in "abc"] == [0, None, 2]


def test_nothing_is_older_than_its_seconds():
    moment = 0.0
    cache = Cache[str, str](2, seconds=10, now=lambda: moment)
    cache.put("a", "old")
    moment = 9.0
    assert cache.get("a") == "old"
    # Being used makes it no younger.
    moment = 10.0
    assert cache.get("a") is None
    cache.put("a", "new")
    moment = 19.0
    assert cache.get("a") == "new"


def test_sizes_are_summed_up_also_of_what_is_replaced_or_dropped():
    cache = Cache[str, str](6, size_of=len)
    for key, text in (("a", "1234"), ("a", "12"), ("b", "1234")):
        cache.put(key, text)
    assert (cache.get("a"), cache.get("b")) == ("12", "1234")
    cache.drop("a")
    cache.drop("a")
    cache.put("c", "12")
    assert [cache.get(key) for key in "abc"] == [None, "1234", "12"]
    assert cache.put("d", "1234567") == "1234567"
    assert [cache.get(key) for key in "abcd"] == [None, None, None, None]
