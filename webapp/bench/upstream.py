"""The model of the bench: every token holds the moment at which it was sent. `python -m webapp.bench.upstream`."""

import argparse
import asyncio
import json
import time

# A paragraph now and then, as texts have them.
PARAGRAPH = 40
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


class Model:
    def __init__(self, tokens: int, rate: float) -> None:
        self._tokens, self._rate = tokens, rate

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            size = next((line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
            await reader.readexactly(int(size))
            await self._speak(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        began = time.monotonic()
        for number in range(self._tokens):
            # By the clock, not by the pause: a busy moment must not slow the model down for good.
            await asyncio.sleep(max(0.0, began + number / self._rate - time.monotonic()))
            writer.write(_event({"content": stamped(number)}))
            await writer.drain()
        writer.write(_event({}, "stop") + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()


def stamped(number: int) -> str:
    """A token whose text says which it is and when it was made, by the clock that all processes share."""
    # Models put the blank before the word.
    blank = " " if number % PARAGRAPH else "\n\n" if number else ""
    return f"{blank}k{number:05d}t{time.monotonic_ns() // 1000:015d}"


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _chunk(b"data: " + json.dumps({"model": "bench", "choices": [choice]}).encode() + b"\n\n")


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    chosen = parser.parse_args()
    model = Model(chosen.tokens, chosen.rate)
    server = await asyncio.start_server(model.answer, "127.0.0.1", chosen.port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
