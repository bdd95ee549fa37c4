"""A real nginx and a real Caddy with the files of deploy/, in which only names and ports are replaced."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import until
from webapp.base.config import ROOT

DEPLOY = ROOT / "deploy"
# The configuration that an nginx package has around its sites, with folders of the test.
AROUND = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/proxy.log;
events {{ worker_connections 256; }}
http {{
    access_log off; gzip on; gzip_types *;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {site}
}}
"""
# Nothing of it leaves the machine, and a client without SNI gets the one certificate.
GLOBAL = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n\tdefault_sni localhost\n\tgrace_period 1s\n}\n"


def nginx_program() -> str | None:
    """Returns the system's nginx, or the one that scripts/nginx.sh downloaded if its libraries are installed."""
    fetched = Path(sys.prefix) / "nginx/usr/sbin/nginx"
    program = shutil.which("nginx") or (str(fetched) if fetched.exists() else None)
    return program if program and not subprocess.run([program, "-v"], capture_output=True, check=False).returncode else None


def caddy_program() -> str:
    """Returns the Caddy of a package in requirements-dev.txt."""
    return str(Path(sys.executable).parent / "caddy")


def replaced(name: str, words: Mapping[str, str]) -> str:
    """Returns a file of deploy/ with words replaced, each of which it must contain."""
    text = (DEPLOY / name).read_text("utf-8")
    for word, other in words.items():
        assert word in text, word
        text = text.replace(word, other)
    return text


def nginx(folder: Path, site: str) -> list[str]:
    """Returns the command that runs a site."""
    program = nginx_program()
    assert program
    file = folder / "nginx.conf"
    file.write_text(AROUND.format(folder=folder, site=site), "utf-8")
    return [program, "-p", str(folder), "-c", str(file), "-e", str(folder / "proxy.log")]


def caddy(folder: Path, site: str) -> list[str]:
    file = folder / "Caddyfile"
    file.write_text(GLOBAL + site, "utf-8")
    return [caddy_program(), "run", "--config", str(file), "--adapter", "caddyfile"]


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    environ = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with (folder / "said.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
        assert process.poll() is None, (folder / "said.log").read_text()
    finally:
        process.terminate()
        process.wait(60)


def listens(port: int) -> None:
    """Waits until a server listens on the port."""
    until(lambda: _is_open(port), f"somebody listens on {port}")


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
