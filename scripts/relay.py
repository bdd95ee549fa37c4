"""A minimal relay with Flask, gunicorn and requests, which passes an answer on as it arrives: the baseline for benchmarks."""

from collections.abc import Iterator

import requests
from flask import Flask, Response, request

app = Flask(__name__)
session = requests.Session()
session.trust_env = False
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=1000))


@app.get("/healthz")
def alive() -> str:
    return "ok"


@app.post("/")
def relay() -> Response:
    upstream = session.post(request.args["upstream"], json={"stream": True}, stream=True, timeout=30)

    def pieces() -> Iterator[bytes]:
        while piece := upstream.raw.read1(65536):
            yield piece

    return Response(pieces(), mimetype="text/event-stream", direct_passthrough=True)
