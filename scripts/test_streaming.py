"""Tests quick chat on a running server, streamed and not, and prints what it received. Needs only Python.

    python scripts/test_streaming.py --url http://127.0.0.1:8000 --token millrace_...

Without a token it connects as a visitor. MILLRACE_URL and MILLRACE_TOKEN are the defaults.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any


def posted(arguments: argparse.Namespace, path: str, body: dict[str, Any]) -> HTTPResponse:
    # A visitor is given a cookie, so the request says that no other site caused it.
    headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "none"}
    if arguments.token:
        headers["Authorization"] = f"Bearer {arguments.token}"
    request = urllib.request.Request(arguments.url.rstrip("/") + path, json.dumps(body).encode(), headers)
    reply: HTTPResponse = urllib.request.urlopen(request, timeout=120)
    return reply


def events(reply: HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the name and the object of each event."""
    name = "message"
    for line in reply:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
            name = "message"


def streamed(arguments: argparse.Namespace) -> str:
    """Prints the answer as it arrives; returns its chat's id, or an empty string after an error."""
    began_at, first_at, count, last = time.monotonic(), 0.0, 0, {}
    with posted(arguments, "/api/chat/stream", {"message": arguments.message}) as reply:
        print(f"POST /api/chat/stream: {reply.status}, {reply.headers['Content-Type']}, stream {reply.headers['X-Stream-Id']}")
        for name, data in events(reply):
            count, last = count + 1, data
            first_at = first_at or time.monotonic()
            if name == "message":
                print(data["content"], end="", flush=True)
            else:
                print(f"\n{name}: { {key: value for key, value in data.items() if key != 'blocks'} }")
    print(f"{count} events, the first after {first_at - began_at:.2f} s, the last after {time.monotonic() - began_at:.2f} s")
    return str(last["chatId"]) if last.get("status") == "completed" else ""


def whole(arguments: argparse.Namespace, chat: str) -> bool:
    known = {"chatId": chat} if arguments.token else {}
    with posted(arguments, "/api/chat", {"message": arguments.message, **known}) as reply:
        answer = json.load(reply)
    print(f"POST /api/chat: {reply.status}, {len(answer['response'])} characters by {answer['model']}, demo: {answer['demo']}")
    return bool(answer["response"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default=os.environ.get("MILLRACE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--token", default=os.environ.get("MILLRACE_TOKEN", ""))
    parser.add_argument("--message", default="What can you do?")
    arguments = parser.parse_args()
    try:
        chat = streamed(arguments)
        is_ok = bool(chat) and whole(arguments, chat)
    except urllib.error.HTTPError as error:
        print(f"{error.code}: {error.read().decode()}")
        is_ok = False
    except urllib.error.URLError as error:
        print(f"{arguments.url}: {error.reason}")
        is_ok = False
    print("It works." if is_ok else "It isn't working correctly.")
    return 0 if is_ok else 1


if __name__ == "__main__":
    sys.exit(main())
