"""What gunicorn's master holds of its workers: neither gevent nor what serves, which each worker imports for itself.

A worker writes into nearly every page that it has from the master, if only to count references, and so each is there twice.
"""

from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker as Base


class Log(Logger):  # type: ignore[misc]
    """Without lines for requests: by itself it puts one together for each, which our configuration then writes nowhere."""

    def access(self, *_: object) -> None:
        pass


class Worker(Base):  # type: ignore[misc]
    """A worker that has not begun; in its own process it becomes the one that serves."""

    def __init__(self, *known: Any) -> None:
        super().__init__(*known)
        self.worker_connections = self.cfg.worker_connections

    def init_process(self) -> None:
        # Only here, behind the fork.
        from webapp.web.worker import Worker as Serving

        # The same object: gunicorn has it in its hand, and asks it later whether it has started.
        self.__class__ = Serving
        self.init_process()
