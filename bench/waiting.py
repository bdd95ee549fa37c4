"""A person who waits for answers, in a separate process. `python -m bench.waiting`."""

import argparse
import asyncio
import json
import sys
import time

from bench.browsing import Owner
from bench.reading import Lag

# The streaming and the non-streaming endpoint of one compatibility API.
STREAMED, WHOLE = "/api/ai/chat/stream", "/api/ai/chat"
TEXT = b'"content"'


async def wait(link: str, question: str, rounds: int) -> dict[str, object]:
    """Returns the times to the first text and to the whole answer in milliseconds, alternately streamed and not streamed."""
    owner = Owner(link)
    await owner.come()
    waits: dict[str, list[tuple[float, float]]] = {STREAMED: [], WHOLE: []}
    async with Lag() as lag:
        for _ in range(rounds):
            for path, found in waits.items():
                found.append(await _waited(owner, path, question))
    return {"streamed": waits[STREAMED], "whole": waits[WHOLE], "lag_ms": lag.ms}


async def _waited(owner: Owner, path: str, question: str) -> tuple[float, float]:
    began, first, text = time.monotonic(), None, b""
    stream = await owner.ask(path, {"message": question})
    try:
        while piece := await stream.reader.read(65536):
            text += piece
            if first is None and TEXT in text:
                first = time.monotonic()
    finally:
        stream.writer.close()
    ended = time.monotonic()
    return ((first or ended) - began) * 1000, (ended - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("link")
    parser.add_argument("question")
    parser.add_argument("rounds", type=int)
    chosen = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(wait(chosen.link, chosen.question, chosen.rounds))))


if __name__ == "__main__":
    main()
