"""A value that many callers request simultaneously is computed once, and the cache stays within its limit."""

import gevent
import pytest

from webapp.engine.watching.single_flight import SingleFlight


def test_who_asks_while_it_is_made_waits_for_the_same_result():
    made, results = [], SingleFlight[str](len)

    def make() -> str:
        made.append(1)
        gevent.sleep(0)
        return "drawn"

    asking = [gevent.spawn(results.get, ("a", "own", 1), make) for _ in range(20)]
    gevent.joinall(asking, raise_error=True)

    assert [greenlet.value for greenlet in asking] == ["drawn"] * 20
    assert len(made) == 1


def test_another_right_or_version_is_made_by_itself():
    results = SingleFlight[str](len)
    keys = [("a", "own", 1), ("a", "view", 1), ("a", "own", 2)]

    assert [results.get(key, lambda key=key: str(key)) for key in keys] == [str(key) for key in keys]


def test_what_fails_is_tried_by_the_next_who_asks():
    results = SingleFlight[str](len)

    def fail() -> str:
        raise OSError("not now")

    with pytest.raises(OSError, match="not now"):
        results.get(("a",), fail)
    assert results.get(("a",), lambda: "drawn") == "drawn"


@pytest.mark.parametrize("limits", [{"most": 3}, {"most_chars": 30}])
def test_what_was_not_asked_for_longest_goes_first(limits):
    results, made = SingleFlight[str](len, **limits), []

    def ask(name: str) -> None:
        results.get((name,), lambda: made.append(name) or name * 10)

    for name in "abcacdac":
        ask(name)
    assert made == list("abcd")
    ask("b")
    assert made == list("abcdb")


def test_what_nobody_has_asked_for_lately_is_not_kept():
    now, made = [0.0], []
    results = SingleFlight[str](len, seconds=30, now=lambda: now[0])

    def ask(name: str) -> None:
        results.get((name,), lambda: made.append(name) or name)

    ask("a")
    ask("b")
    now[0] = 20.0
    ask("b")
    now[0] = 40.0
    ask("c")
    ask("b")
    ask("a")
    assert made == ["a", "b", "c", "a"]


def test_a_result_larger_than_all_that_is_kept_is_still_given():
    results = SingleFlight[str](len, most_chars=5)
    assert results.get(("a",), lambda: "longer") == "longer"
    assert results.get(("b",), lambda: "longest") == "longest"
