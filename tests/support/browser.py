"""A browser without JavaScript, or with htmx: cookies, forms, redirects and the headers that browsers send."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin

import gevent
from flask import Flask
from sqlalchemy import select

from tests.support.form import Form
from tests.support.page import Page
from tests.support.statements import is_read_again, listening
from tests.support.waiting import seen
from webapp.base.db import db
from webapp.people.accounts.tables import User

ORIGIN = "http://localhost"
HTMX = {"HX-Request": "true"}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}


class Browser:
    """A test browser; it returns every response as a `Page`, whose constructor rejects invalid markup."""

    def __init__(self, app: Flask, *, email: str = "", origin: str = ORIGIN) -> None:
        self.app, self.email, self.origin = app, email, origin
        self.client = app.test_client()
        # Like browsers, also where a test builds the request by hand; an empty header is like none.
        self.client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"

    def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None, follow: bool = False
    ) -> Page:
        page = Page(self, self.client.get(path, headers=dict(headers or {}), query_string=query, base_url=self.origin))
        return self._followed(page) if follow else page

    def page(self, path: str) -> Page:
        """Returns a page, which must have status 200."""
        page = self.get(path)
        assert page.status_code == 200, f"GET {path} answered {page.status_code} {page.location}"
        return page

    def htmx_get(self, path: str) -> Page:
        return self.get(path, headers=HTMX)

    def post(self, path: str, *, headers: Mapping[str, str] | None = None, **fields: str) -> Page:
        """Sends a bare POST, as from a form that no longer has to exist; follows no redirect."""
        return self.send(path, fields, headers=headers, follow=False)

    def htmx_post(self, path: str, **fields: str) -> Page:
        return self.post(path, headers=HTMX, **fields)

    def submit(self, path: str, **fields: str) -> Page:
        """Opens a page, fills in the one form that has these fields, and follows the redirect."""
        page = self.page(path)
        forms = [node for node in page.all("form") if all(node.css_first(f'[name="{name}"]') for name in fields)]
        assert len(forms) == 1, f"{len(forms)} forms on {path} have {sorted(fields)}"
        return Form(page, forms[0]).submit(**fields)

    def send(self, path: str, fields: Mapping[str, str], *, headers: Mapping[str, str] | None = None, follow: bool) -> Page:
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        page = Page(self, self.client.post(path, data=fields, headers=own | dict(headers or {}), base_url=self.origin))
        return self._followed(page) if follow else page

    def wait_for(self, path: str, is_so: Callable[[Page], bool], *, seconds: float = 60) -> Page:
        """Loads the page repeatedly until the condition holds, and returns it; fails after a timeout."""
        return seen(lambda: self.page(path), is_so, f"{path} has become so", seconds=seconds)

    @contextmanager
    def counting_statements(self, *, of_all: bool = False) -> Iterator[list[str]]:
        """Collects the SQL statements of this greenlet or, with `of_all`, those of all, including the server's periodic work.

        Of one greenlet, those that are read again once a second are left out.
        """
        statements: list[str] = []
        here = gevent.getcurrent()

        def note(*seen: object) -> None:
            if of_all or (gevent.getcurrent() is here and not is_read_again(str(seen[2]))):
                statements.append(str(seen[2]))

        with listening(self.app, "before_cursor_execute", note):
            yield statements

    @property
    def person_id(self) -> str:
        """The id of the account this browser is signed in to."""
        with self.app.app_context():
            return db.session.scalars(select(User.id).where(User.email == self.email)).one()

    def cookie(self, name: str) -> str | None:
        found = self.client.get_cookie(name)
        return found.value if found else None

    def _followed(self, page: Page) -> Page:
        for _ in range(5):
            if not 300 <= page.status_code < 400:
                return page
            page = self.get(urljoin(page.path, page.location))
        raise AssertionError(f"too many redirects, the last to {page.location}")
