"""Rate limits for guessing passwords, which slow down no one else."""

import pytest

from webapp.base.throttle import MOST_KEYS, RepeatCounter, SignInThrottle, Throttle, network


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_bucket_allows_a_burst_and_then_one_at_a_time() -> None:
    clock = Clock()
    throttle = Throttle(burst=3, seconds=6, now=clock)

    assert [throttle.take("a") for _ in range(4)] == [0, 0, 0, 6]
    clock.seconds += 4
    assert throttle.take("a") == 2
    clock.seconds += 2
    assert [throttle.take("a") for _ in range(2)] == [0, 6]


def test_buckets_are_separate_and_never_fuller_than_full() -> None:
    clock = Clock()
    throttle = Throttle(burst=2, seconds=6, now=clock)
    throttle.take("a")
    clock.seconds += 1000

    assert [throttle.take("a") for _ in range(3)] == [0, 0, 6]
    assert throttle.take("b") == 0


def test_what_is_given_back_can_be_taken_again() -> None:
    throttle = Throttle(burst=1, seconds=6, now=Clock())
    throttle.take("a")
    throttle.give_back("a")
    throttle.give_back("never seen")

    assert throttle.take("a") == 0


def test_it_remembers_a_bounded_number_of_keys_and_those_that_matter() -> None:
    clock = Clock()
    throttle = Throttle(burst=1, seconds=6, now=clock)
    throttle.take("long ago")
    clock.seconds += 60
    for number in range(3 * MOST_KEYS):
        throttle.take(str(number))

    assert len(throttle.full_at) <= MOST_KEYS
    assert throttle.take(str(3 * MOST_KEYS - 1)) == 6


def test_it_forgets_none_that_matter_when_they_are_few() -> None:
    clock = Clock()
    throttle = Throttle(burst=1, seconds=6, now=clock)
    for number in range(MOST_KEYS - 3000):
        throttle.take(f"long ago {number}")
    clock.seconds += 60
    for number in range(3001):
        throttle.take(str(number))

    assert len(throttle.full_at) == 3001
    assert throttle.take("0") == 6


def test_fifty_tries_from_one_address_are_slowed_down_and_do_not_close_the_account() -> None:
    keeper = SignInThrottle(Clock())

    waits = [keeper.wait_seconds("owner@example.org", "203.0.113.9") for _ in range(50)]

    assert [wait > 0 for wait in waits].count(False) == 10
    assert keeper.wait_seconds("owner@example.org", "198.51.100.1") == 0


def test_one_try_each_from_fifty_addresses_is_slowed_down_too() -> None:
    keeper = SignInThrottle(Clock())

    waits = [keeper.wait_seconds("owner@example.org", f"203.0.113.{number}") for number in range(50)]

    assert waits[:30] == [0] * 30
    assert all(waits[30:])


def test_an_address_the_account_knows_is_let_in_while_others_guess() -> None:
    keeper = SignInThrottle(Clock())
    keeper.wait_seconds("owner@example.org", "198.51.100.1")
    keeper.welcome("owner@example.org", "198.51.100.1")
    for number in range(50):
        keeper.wait_seconds("owner@example.org", f"203.0.113.{number}")

    assert keeper.wait_seconds("owner@example.org", "198.51.100.1") == 0
    assert keeper.wait_seconds("owner@example.org", "198.51.100.2") > 0


def test_guessing_from_an_address_the_account_knows_is_slowed_down_as_well() -> None:
    keeper = SignInThrottle(Clock())
    keeper.welcome("owner@example.org", "198.51.100.1")

    assert keeper.wait_seconds("owner@example.org", "198.51.100.1") == 0
    assert [keeper.wait_seconds("owner@example.org", "198.51.100.1") > 0 for _ in range(10)][-1]


def test_the_right_password_costs_no_try() -> None:
    keeper = SignInThrottle(Clock())
    for number in range(100):
        assert keeper.wait_seconds(f"{number % 3}@example.org", "198.51.100.1") == 0
        keeper.welcome(f"{number % 3}@example.org", "198.51.100.1")


def test_a_try_counts_alike_after_waiting() -> None:
    clock = Clock()
    keeper = SignInThrottle(clock)
    while not (wait := keeper.wait_seconds("owner@example.org", "203.0.113.9")):
        pass
    clock.seconds += wait

    assert keeper.wait_seconds("owner@example.org", "203.0.113.9") == 0


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_whoever_has_many_addresses_counts_once(address: str, expected: str) -> None:
    assert network(address) == expected


def test_what_happens_again_and_again_is_told_ever_more_seldom() -> None:
    clock = Clock()
    tally = RepeatCounter(3600, clock)

    told = [count for _ in range(1000) if (count := tally.count("a"))]
    assert told == [1, 10, 100, 1000]
    assert tally.count("b") == 1
    clock.seconds += 3600
    assert tally.count("a") == 1


def test_a_tally_remembers_no_more_than_it_must() -> None:
    tally = RepeatCounter(3600, Clock())
    for number in range(MOST_KEYS + 10):
        tally.count(str(number))

    assert len(tally.counts) == MOST_KEYS
