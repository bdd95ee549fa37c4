"""A client that disconnects is noticed immediately, and only once."""

from contextlib import closing

import gevent
from gevent import socket

from webapp.engine.watching.sse_response import detecting_disconnect


def test_a_reader_that_has_left_is_noticed_once_however_late_the_stream_ends() -> None:
    ours, theirs = socket.socketpair()
    noticed: list[int] = []
    with closing(ours), detecting_disconnect(ours, lambda: noticed.append(1)) as is_gone:
        assert not is_gone()
        theirs.close()
        for _ in range(20):
            gevent.sleep(0.001)

        assert is_gone()
    assert noticed == [1]
