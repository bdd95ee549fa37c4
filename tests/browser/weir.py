"""A TCP proxy between a browser and the server, which closes every connection on demand."""

import contextlib
import socket
import threading


class Weir:
    """Forwards bytes in both directions. `cut` closes all connections immediately, even in the middle of a frame."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._gate = socket.create_server(("127.0.0.1", 0))
        self._ends: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        self.url = f"http://127.0.0.1:{self._gate.getsockname()[1]}"

    def cut(self) -> None:
        for end in list(self._ends):
            _end(end)

    def close(self) -> None:
        _end(self._gate)
        self.cut()
        for thread in self._threads:
            thread.join(5)
        self._gate.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = self._gate.accept()
                self._threads.append(threading.Thread(target=self._join, args=[browser], daemon=True))
                self._threads[-1].start()

    def _join(self, browser: socket.socket) -> None:
        with contextlib.suppress(OSError), browser, socket.create_connection(self._target) as server:
            self._ends |= {browser, server}
            back = threading.Thread(target=_forward, args=(server, browser), daemon=True)
            back.start()
            _forward(browser, server)
            back.join()
            self._ends -= {browser, server}


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # In small reads, so that a cut falls into the middle of a frame.
        while content := source.recv(200):
            sink.sendall(content)
    _end(source)
    _end(sink)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
