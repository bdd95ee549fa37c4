"""Fixtures: collections and documents made by the services themselves."""

from collections.abc import Sequence

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.support.waiting import seen


class Shelf:
    """Adds documents to collections and searches them, through the API."""

    def __init__(self, program: Client) -> None:
        self.program = program

    def collection(self, name: str = "Handbook", **more: object) -> str:
        return str(self.program.post("/collections", {"name": name, **more}, status=201)["id"])

    def text(self, collection: str, text: str, **more: object) -> str:
        """Adds a pasted text, waits until it has been read and returns its id."""
        made = self.program.post(f"/collections/{collection}/documents", {"text": text, **more}, status=202)
        return self.read(made["documents"][0]["id"])["id"]

    def file(self, collection: str, name: str, content: bytes) -> str:
        response = self.send(collection, name, content)
        assert response.status_code == 202, response.get_data(as_text=True)
        return str(response.get_json()["documents"][0]["id"])

    def send(self, collection: str, name: str, content: bytes) -> TestResponse:
        return self.send_all(collection, [(name, content)])

    def send_all(self, collection: str, files: Sequence[tuple[str, bytes]]) -> TestResponse:
        path = f"/api/v1/collections/{collection}/documents"
        heads = [f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n' for name, _ in files]
        kind = {"Content-Type": "multipart/form-data; boundary=edge"}
        parts = [head.encode() + content + b"\r\n" for head, (_, content) in zip(heads, files, strict=True)]
        body = b"".join(parts) + b"--edge--\r\n"
        return self.program.client.post(path, data=body, headers={**self.program.headers, **kind}, buffered=True)

    def read(self, document: str) -> dict:
        """Returns the document once its reading has ended."""
        return seen(lambda: self.program.get(f"/documents/{document}"), lambda found: found["state"] in ("ready", "failed"))

    def found(self, question: str, **query: str) -> list[str]:
        """Returns the titles of the passages found, best first."""
        passages = self.program.get("/search", query={"q": question, **query})["passages"]
        return [passage["title"] for passage in passages]


@pytest.fixture
def shelf(app: Flask, member: Browser) -> Shelf:
    return Shelf(client_of(app, member.email))


@pytest.fixture
def others(app: Flask, stranger: Browser) -> Shelf:
    return Shelf(client_of(app, stranger.email))


@pytest.fixture
def owners_shelf(app: Flask, owner: Browser) -> Shelf:
    return Shelf(client_of(app, owner.email))
