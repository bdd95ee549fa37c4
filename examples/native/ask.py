"""Starts a chat, reads its answer, and resumes the stream where it was interrupted."""

import json
import os
import sys
from collections.abc import Iterator

import requests

BASE = os.environ["BASE"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"


def events(url: str) -> Iterator[tuple[str, dict]]:
    """Yields the name and object of each event once, however often the connection is lost."""
    last_id = ""
    while True:
        try:
            with session.get(url, headers={"Last-Event-ID": last_id}, stream=True, timeout=60) as reply:
                reply.raise_for_status()
                name = ""
                for line in reply.iter_lines(decode_unicode=True):
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "id":
                        last_id = value
                    elif field == "data":
                        yield name, json.loads(value)
                return
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            continue


question = sys.argv[1] if len(sys.argv) > 1 else "Thank you"
# An idempotency key, which makes it safe to send this again when no response arrives.
reply = session.post(f"{BASE}/api/v1/chats", json={"message": question}, headers={"Idempotency-Key": os.urandom(16).hex()})
reply.raise_for_status()
generation = reply.json()["sent"]["generation_id"]

for name, data in events(f"{BASE}/api/v1/generations/{generation}/events"):
    if name == "snapshot":
        print("\n[from the beginning]\n" + data["text"], end="")
    elif name == "delta":
        print(data["text"], end="", flush=True)
    elif name == "failed":
        print(f"\n[{data['message']}]")
    elif name == "ended":
        sys.exit(0 if data["status"] in ("completed", "stopped") else 1)
