"""Tests the assistant on a running server: two streamed turns and one unstreamed, in one session; prints what it received.

    python scripts/test_streaming_chat.py --url http://127.0.0.1:8000 --token millrace_...

Needs only Python. MILLRACE_URL and MILLRACE_TOKEN are the defaults.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

TURNS = ("Say hello in one sentence.", "Now rephrase that.")


def posted(arguments: argparse.Namespace, path: str, body: dict[str, Any]) -> HTTPResponse:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {arguments.token}"}
    request = urllib.request.Request(arguments.url.rstrip("/") + path, json.dumps(body).encode(), headers)
    reply: HTTPResponse = urllib.request.urlopen(request, timeout=120)
    return reply


def events(reply: HTTPResponse) -> Iterator[dict[str, Any]]:
    for line in reply:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def streamed(arguments: argparse.Namespace, message: str, session: str) -> str:
    """Prints a turn as it arrives; returns the session, or an empty string after an error."""
    began_at, seen = time.monotonic(), Counter[str]()
    body = {"message": message, **({"session_id": session} if session else {})}
    print(f"> {message}")
    with posted(arguments, "/api/ai/chat/stream", body) as reply:
        for event in events(reply):
            seen[event["type"]] += 1
            session = event.get("session_id", session)
            if event["type"] == "token":
                print(event["content"], end="", flush=True)
            elif event["type"] in ("warning", "error"):
                print(f"\n{event['type']}: {event['message']} ({event['code']})")
    print(f"\n{dict(seen)} in {time.monotonic() - began_at:.2f} s")
    return session if seen["response_saved"] and seen["stream_end"] and not seen["error"] else ""


def whole(arguments: argparse.Namespace, session: str) -> bool:
    with posted(arguments, "/api/ai/chat", {"message": TURNS[0], "session_id": session, "context_limit": 2}) as reply:
        answer = json.load(reply)
    told = {name: answer[name] for name in ("chunks", "processing_time_ms", "model_used", "fallback_used")}
    print(f"not streamed: {len(answer['content'])} characters, {told}")
    return bool(answer["content"]) and answer["session_id"] == session


def talked(arguments: argparse.Namespace) -> bool:
    session = ""
    for message in TURNS:
        session = streamed(arguments, message, session)
        if not session:
            return False
    return whole(arguments, session)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default=os.environ.get("MILLRACE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--token", default=os.environ.get("MILLRACE_TOKEN", ""))
    arguments = parser.parse_args()
    try:
        is_ok = talked(arguments)
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
