"""Pieces of work that arrive together queue one after another, and never ahead of arriving tokens."""

import socket
from contextlib import closing

import gevent
from gevent import monkey

from tests.support.turns import turns_of_the_loop
from webapp.base.heavy.turns import TurnQueue, by_turns, wait_for_turn

PIECES = 20
hold = monkey.get_original("time", "sleep")


def work(seen: list[str], sender: socket.socket, name: str) -> None:
    wait_for_turn()
    seen.append(name)
    # A token arrives from a model in between.
    sender.sendall(b"x")


def test_work_goes_on_in_its_order_and_between_two_pieces_the_tokens_are_read_that_have_come() -> None:
    sender, receiver = socket.socketpair()
    seen: list[str] = []

    def read() -> None:
        while receiver.recv(1):
            seen.append("token")

    with closing(receiver), closing(sender):
        reader = gevent.spawn(read)
        gevent.joinall([gevent.spawn(work, seen, sender, str(number)) for number in range(PIECES)], timeout=30, raise_error=True)
        sender.shutdown(socket.SHUT_WR)
        reader.join(30)

    assert seen[::2] == [str(number) for number in range(PIECES)]
    assert set(seen[1::2]) == {"token"}


def test_who_is_alone_does_not_wait() -> None:
    seen: list[str] = []
    # By then the last test's turn is over and the queue is free.
    gevent.sleep(0.01)
    other = gevent.spawn(seen.append, "other")

    wait_for_turn()
    assert not seen

    wait_for_turn()
    assert seen
    other.join(30)


def test_of_two_lines_one_goes_on_in_each_turn_of_the_loop_and_then_the_other() -> None:
    went = list[tuple[int, str]]()

    def wait_in(queue: TurnQueue, name: str) -> None:
        queue.wait()
        went.append((turn(), name))

    with turns_of_the_loop() as turn:
        queues = {"requests": TurnQueue(), "work": TurnQueue()}
        standing = [gevent.spawn(wait_in, queue, name) for name, queue in queues.items() for _ in range(PIECES)]
        gevent.joinall(standing, timeout=30, raise_error=True)

    assert len({turn for turn, _ in went}) == len(went)
    assert [name for _, name in went] == ["requests", "work"] * PIECES


def test_who_enters_first_goes_on_at_once_and_past_all_lines_and_others_wait_for_the_next_turns() -> None:
    went = list[tuple[int, str]]()
    requests, forms = TurnQueue(), TurnQueue()

    def enter(name: str) -> None:
        requests.enter()
        forms.enter()
        went.append((turn(), name))

    # By then the last test's turn is over and the queue is free.
    gevent.sleep(0.01)
    with turns_of_the_loop() as turn:
        entering = [gevent.spawn(enter, str(number)) for number in range(PIECES)]
        gevent.sleep(0)
        assert [name for _, name in went] == ["0"]
        gevent.joinall(entering, timeout=30, raise_error=True)

    assert [name for _, name in went] == [str(number) for number in range(PIECES)]
    assert len({turn for turn, _ in went}) == PIECES


def test_of_many_who_are_at_long_work_one_goes_on_in_each_turn_of_the_loop() -> None:
    worked = list[tuple[int, int]]()

    def work_on(name: int) -> None:
        for piece in by_turns(range(4), seconds=0):
            # All first pieces run in the same turn, so only later ones count.
            worked.extend([(turn(), name)] if piece else [])

    with turns_of_the_loop() as turn:
        gevent.joinall([gevent.spawn(work_on, name) for name in range(PIECES)], timeout=30, raise_error=True)

    assert len({turn for turn, _ in worked}) == len(worked)
    assert [name for _, name in worked] == [*range(PIECES)] * 3


def test_a_wait_that_is_over_just_as_its_turn_comes_ends_as_usual() -> None:
    queue = TurnQueue()

    def block() -> None:
        queue.wait()
        # Behind it, the loop has both the next turn and the end of the wait to handle.
        hold(0.05)

    gevent.joinall([gevent.spawn(block), gevent.spawn(queue.wait, 0.01)], timeout=30, raise_error=True)
