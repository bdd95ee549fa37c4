"""Sends a message with a streamed answer, then another without a stream in the same session: both take the same body."""

import json
import os
import sys

import requests

BASE = os.environ["BASE"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"

question = sys.argv[1] if len(sys.argv) > 1 else "Thank you"
session_id = ""
with session.post(f"{BASE}/ai/chat/stream", json={"message": question}, stream=True, timeout=60) as reply:
    reply.raise_for_status()
    for line in reply.iter_lines(decode_unicode=True):
        if not line.startswith("data: "):
            continue
        event = json.loads(line[6:])
        if event["type"] == "session_info":
            session_id = event["session_id"]
        elif event["type"] == "token":
            print(event["content"], end="", flush=True)
        elif event["type"] == "warning":
            print(event["message"], file=sys.stderr)
        elif event["type"] == "error":
            sys.exit(event["message"])

body = {"message": question, "session_id": session_id, "context_limit": 2}
again = session.post(f"{BASE}/ai/chat", json=body, timeout=60)
again.raise_for_status()
print(again.json()["content"], end="")
