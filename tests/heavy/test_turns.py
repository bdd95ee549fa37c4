"""Pieces of work that come together queue behind each other, and never ahead of tokens that flow."""

import socket
from contextlib import closing

import gevent

from webapp.heavy.turns import wait_for_turn

PIECES = 20


def work(seen: list[str], sender: socket.socket, name: str) -> None:
    wait_for_turn()
    seen.append(name)
    # As a model does meanwhile.
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
    # Whoever went before has let the next one in by then.
    gevent.sleep(0.01)
    other = gevent.spawn(seen.append, "other")

    wait_for_turn()
    assert not seen

    wait_for_turn()
    assert seen
    other.join(30)
