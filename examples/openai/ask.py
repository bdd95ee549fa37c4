"""A streamed completion without any client library; with OpenAI's, set `base_url` to the server's address and `/v1`."""

import json
import os
import sys

import requests

question = sys.argv[1] if len(sys.argv) > 1 else "Thank you"
body = {"messages": [{"role": "user", "content": question}], "stream": True}
headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}

with requests.post(f"{os.environ['BASE']}/v1/chat/completions", json=body, headers=headers, stream=True, timeout=60) as reply:
    reply.raise_for_status()
    for line in reply.iter_lines(decode_unicode=True):
        if line == "data: [DONE]":
            break
        if line.startswith("data: "):
            chunk = json.loads(line[6:])
            if "error" in chunk:
                sys.exit(chunk["error"]["message"])
            print(chunk["choices"][0]["delta"].get("content", ""), end="", flush=True)
