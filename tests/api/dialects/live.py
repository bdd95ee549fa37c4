"""A real server that uses the scripted upstream, and an API client with a token."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.support.inserted import add_token
from tests.support.person import Person
from tests.support.server import Server


class Caller:
    """A JSON client of a server; returns every response, whatever its status."""

    def __init__(self, server: Server) -> None:
        server.start()
        Person(server.url).become_owner(server.owner_link)
        self.server, self.url = server, server.url
        self.token = add_token(server)

    def post(self, path: str, **body: Any) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode(), headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def new_chats(self, count: int) -> list[str]:
        return [self.post("/chat/threads")[1]["thread"]["id"] for _ in range(count)]

    def answer_in(self, chat: str) -> tuple[str, str, str, str]:
        """Returns the id and text of a chat's last answer, and its generation's status and reason, from the database."""
        query = """SELECT m.id, m.content, g.status, g.reason FROM messages m JOIN generations g ON g.message_id = m.id
            WHERE m.chat_id = ? ORDER BY m.id DESC LIMIT 1"""
        (row,) = self.server.rows(query, chat)
        return row  # type: ignore[return-value]
