"""Sends a message, prints the answer as it is streamed, and continues the chat without a stream."""

import json
import os
import sys

import requests

BASE = os.environ["BASE"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"

question = sys.argv[1] if len(sys.argv) > 1 else "Thank you"
chat = name = ""
with session.post(f"{BASE}/api/chat/stream", json={"message": question}, stream=True, timeout=60) as reply:
    reply.raise_for_status()
    for line in reply.iter_lines(decode_unicode=True):
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data" and name == "message":
            print(json.loads(value)["content"], end="", flush=True)
        elif field == "data" and name == "error":
            sys.exit(json.loads(value)["error"])
        elif field == "data":
            chat = json.loads(value)["chatId"]

again = session.post(f"{BASE}/api/chat", json={"message": question, "chatId": chat}, timeout=60)
again.raise_for_status()
print(again.json()["response"], end="")
