"""A server before a real engine whose model can't call tools: it calls one for many rounds, each after the engine's reading.

`python -m tests.support.calling_engine --engine URL --rounds N --tool NAME` prints its port. The engine's refusals are passed on.
"""

import argparse
import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError

SECONDS = 600


def read_as_text(messages: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Returns messages that a small model's template takes: calls and results are text."""
    as_text = []
    for message in messages:
        functions = [call["function"] for call in message.get("tool_calls", ())]
        lines = [message.get("content") or "", *(f"Called {function['name']}: {function['arguments']}" for function in functions)]
        role = "user" if message["role"] == "tool" else message["role"]
        as_text.append({"role": role, "content": "\n".join(filter(None, lines)) or "."})
    return as_text


class Handler(BaseHTTPRequestHandler):
    engine, rounds, tool = "", 0, ""

    def do_GET(self) -> None:
        self._pass_on(urllib.request.Request(f"{self.engine}{self.path.removeprefix('/v1')}"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # The calls of folded rounds no longer stand in a request, the newest always does.
        calls = [call for message in body["messages"] for call in message.get("tool_calls", ())]
        done = int(json.loads(calls[-1]["function"]["arguments"])["what"]) if calls else 0
        is_calling = bool(body.pop("tools", None)) and done < self.rounds
        body = {**body, "messages": read_as_text(body["messages"])}
        for name in ("tool_choice", "parallel_tool_calls", "stream_options"):
            body.pop(name, None)
        # The engine reads all of it; what it would say then is left out.
        body |= {"max_tokens": 1, "stream": False} if is_calling else {}
        request = urllib.request.Request(f"{self.engine}/chat/completions", json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        self._pass_on(request, call=done + 1 if is_calling else 0)

    def _pass_on(self, request: urllib.request.Request, call: int = 0) -> None:
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as reply:
                status, kind, content = reply.status, reply.headers["Content-Type"], reply.read()
        except HTTPError as error:
            status, kind, content = error.code, error.headers["Content-Type"], error.read()
        if call and status == 200:
            kind, content = "text/event-stream", self._calling(call)
        self.send_response(status)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _calling(self, number: int) -> bytes:
        id, function = f"call-{number}", {"name": self.tool, "arguments": json.dumps({"what": str(number)})}
        choices = [
            {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": id, "type": "function", "function": function}]}},
            {"index": 0, "delta": {}, "finish_reason": "tool_calls"},
        ]
        chunks = (json.dumps({"object": "chat.completion.chunk", "choices": [choice]}) for choice in choices)
        return "".join(f"data: {chunk}\n\n" for chunk in (*chunks, "[DONE]")).encode()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--tool", required=True)
    options = parser.parse_args()
    Handler.engine, Handler.rounds, Handler.tool = options.engine, options.rounds, options.tool
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
