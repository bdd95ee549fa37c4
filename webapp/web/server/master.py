"""The worker class and logger that gunicorn's master loads, without gevent and the application; each worker imports those.

A forked worker writes to nearly every memory page shared with the master, if only to count references, which copies the page.
"""

from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker as Base


class ErrorLogger(Logger):  # type: ignore[misc]
    """A logger without access logs: gunicorn formats a line for each request, which our configuration then discards."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        pass


class ForkedWorker(Base):  # type: ignore[misc]
    """A worker that has not started; after the fork it changes its class to that of the serving worker."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.worker_connections = self.cfg.worker_connections

    def init_process(self) -> None:
        # Imported only after the fork.
        from webapp.web.server.worker import ServingWorker as Serving

        # The serving class alone, without the application, is 5 MB in a master that needs none of it. Changes the class of the
        # object rather than creating another: gunicorn holds a reference, and later reads from it
        # whether the worker has booted.
        self.__class__ = Serving  # pyright: ignore[reportAttributeAccessIssue]
        self.init_process()
