"""The model server of benchmarks; its tokens contain the time of sending. `python -m bench.upstream`."""

import argparse
import asyncio
import json
import time

from bench.load import BRIEFLY, STAMP, Load

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"


class Model:
    def __init__(self, load: Load) -> None:
        self._pieces, self._rate = load.pieces, load.rate

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            size = next((line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
            question = await reader.readexactly(int(size))
            pieces = self._pieces[:1] if _is_brief(question) else self._pieces
            await (_name(writer) if "accept: application/json" in head else self._speak(writer, pieces))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _speak(self, writer: asyncio.StreamWriter, pieces: list[str]) -> None:
        writer.write(HEAD)
        began, stamps = time.monotonic(), 0
        for number, piece in enumerate(pieces):
            # Paced by the clock, not by fixed pauses: a busy moment must not slow the model down permanently.
            await asyncio.sleep(max(0.0, began + number / self._rate - time.monotonic()))
            writer.write(_event({"content": stamped(piece, stamps)}))
            stamps += piece.count(STAMP)
            await writer.drain()
        writer.write(_event({}, "stop") + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()


def _is_brief(question: bytes) -> bool:
    # A later turn repeats the first question.
    return question.count(b'"user"') == question.count(BRIEFLY.encode()) == 1


async def _name(writer: asyncio.StreamWriter) -> None:
    """Answers a request without streaming, which is for a title."""
    content = json.dumps({"choices": [{"message": {"content": "A month at the mill"}, "finish_reason": "stop"}]}).encode()
    writer.write(WHOLE % len(content) + content)
    await writer.drain()


def stamped(piece: str, number: int) -> str:
    """Fills the token's placeholder, if any, with its number and the time, by the clock that all processes share."""
    return piece.replace(STAMP, f"k{number:05d}t{time.monotonic_ns() // 1000:015d}")


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _chunk(b"data: " + json.dumps({"model": "bench", "choices": [choice]}).encode() + b"\n\n")


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("load", type=Load.read)
    chosen = parser.parse_args()
    model = Model(chosen.load)
    server = await asyncio.start_server(model.answer, "127.0.0.1", chosen.port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
