"""The tests' handle for the scripted upstream: starts it, sets its behaviour, reads its log."""

import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.waiting import seen

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-test-key-000000000000"
CHAT, MESSAGES, TITLE, STORY, FOLD, FACTS = "/chat/completions", "/messages", "title", "story", "fold", "facts"


class Upstream:
    """A scripted upstream in a subprocess. `says` and `counts` set its default behaviour, `behaves` queues its next ones."""

    def __init__(self, *, certfile: Path | None = None, keyfile: Path | None = None) -> None:
        command = [sys.executable, "-m", "tests.upstream.server", "--port", "0", "--lifeline"]
        if certfile and keyfile:
            command += ["--certfile", str(certfile), "--keyfile", str(keyfile)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        scheme, host = ("https", "localhost") if certfile else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self.port}"
        self.base_url = f"{self.url}/api/v1"
        # A self-signed certificate: the tests check whether our client trusts it, and this handle always does.
        context = ssl._create_unverified_context() if certfile else None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    @property
    def host(self) -> str:
        """Its address without the path, by which a connection to it is named."""
        return self.url.partition("://")[2]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that make this upstream the provider."""
        return {"OPENROUTER_API_KEY": KEY, "OPENROUTER_BASE_URL": self.base_url, "OPENROUTER_MODEL": "some/model"}

    def says(self, text: str, **how: Any) -> None:
        """Answers every chat completion with this text from now on."""
        self.always({"says": text, **how})

    def counts(self, tokens: int, **how: Any) -> None:
        """Answers with w000001 w000002 ... from now on, continued where the request's partial answer ends."""
        self.always({"counted": tokens, **how})

    def always(self, behaviour: dict[str, Any], *, at: str = CHAT) -> None:
        self._call("POST", "/_script", {"at": at, "standing": behaviour})

    def behaves(self, behaviours: Sequence[dict[str, Any]], *, at: str = CHAT) -> None:
        """Queues behaviours for the next requests, one each; then the default one applies again."""
        self._call("POST", "/_script", {"at": at, "queue": list(behaviours)})

    def beside(self, question: str, behaviour: dict[str, Any] | None = None, *, over: bool = False) -> list[dict[str, Any]]:
        """Sets the behaviour for this question only, independent of the script; `over` completes its answers early.

        Returns the requests with this question.
        """
        order = {"question": question, **({"behaviour": behaviour} if behaviour else {}), **({"over": True} if over else {})}
        entries: list[dict[str, Any]] = self._call("POST", "/_beside", order)
        return entries

    def over(self) -> None:
        """Completes every current answer early, without its remaining text; waits until there is at least one."""
        self.until(lambda log: any(map(_is_being_given, [*log, *self.titles(), *self.stories(), *self.folds()])))
        self._call("POST", "/_over", {})

    def goes_on(self) -> None:
        """Releases one answer that is holding, or the next that will."""
        self._call("POST", "/_go", {})

    def log(self) -> list[dict[str, Any]]:
        """Returns every request since the reset, with what was sent and when; times are `time.monotonic()`."""
        entries: list[dict[str, Any]] = self._call("GET", "/_log")
        return entries

    def posts(self) -> list[dict[str, Any]]:
        """Returns every POST since the reset: lookups of the cost of an earlier test's answer, which can come late, are GETs."""
        return [entry for entry in self.log() if entry["method"] == "POST"]

    def titles(self) -> list[dict[str, Any]]:
        """Returns every request for a chat's title since the reset."""
        entries: list[dict[str, Any]] = self._call("GET", "/_title")
        return entries

    def stories(self) -> list[dict[str, Any]]:
        """Returns every request for a chat's story since the reset."""
        entries: list[dict[str, Any]] = self._call("GET", "/_story")
        return entries

    def folds(self) -> list[dict[str, Any]]:
        """Returns every request for a fold of a chat since the reset."""
        entries: list[dict[str, Any]] = self._call("GET", "/_fold")
        return entries

    def facts(self) -> list[dict[str, Any]]:
        """Returns every request for facts in a message since the reset."""
        entries: list[dict[str, Any]] = self._call("GET", "/_facts")
        return entries

    def reset(self) -> None:
        self._call("POST", "/_reset", {})

    def until(self, holds: Callable[[list[dict[str, Any]]], Any], *, seconds: float = 60) -> list[dict[str, Any]]:
        """Waits until the log satisfies a condition, and returns it."""
        return seen(self.log, holds, seconds=seconds)

    def until_asked(self) -> None:
        """Waits until a model is asked; the list of models can be requested before."""
        self.until(lambda log: [request for request in log if request["body"]])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()

    def _call(self, method: str, path: str, value: Any = None) -> Any:
        content = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.url + path, data=content, method=method)
        with self._opener.open(request, timeout=120) as reply:
            return json.loads(reply.read())


def _is_being_given(entry: dict[str, Any]) -> bool:
    return not entry["finished"] and not entry["client_closed"]
