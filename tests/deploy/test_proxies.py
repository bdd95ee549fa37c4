"""Caddy and nginx with the files of deploy/ forward every word as soon as it is written, without buffering."""

import http.client
import json
import ssl
import zlib
from contextlib import closing

import pytest

from tests.deploy import proxies
from tests.support.certificate import certificate_in
from tests.support.inserted import add_token
from tests.support.person import Person
from tests.support.ports import free_port
from tests.support.server import prepared

pytestmark = pytest.mark.slow
HOST = "chat.example.org"


@pytest.fixture(scope="module")
def server(tmp_path_factory, fake_process):
    public = {"ALLOWED_HOSTS": HOST, "TRUSTED_PROXIES": "127.0.0.1"}
    with prepared(tmp_path_factory.mktemp("proxied"), **fake_process.environ, **public) as server:
        server.start()
        Person(server.url).become_owner(server.owner_link)
        server.lift_limits()
        yield server


@pytest.fixture(scope="module")
def token(server) -> str:
    return add_token(server)


def test_nginx(server, token, fake, tmp_path):
    if not proxies.nginx_program():
        # There is no nginx for this machine: test_files.py checks its configuration.
        return
    port, (certificate, key) = free_port(), certificate_in(tmp_path)
    site = proxies.replaced(
        "nginx.conf",
        {
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl http2;\n": "",
            "listen 80;": f"listen {free_port()};",
            "listen 443": f"listen {port}",
            "127.0.0.1:8000": f"127.0.0.1:{server.port}",
            "/etc/letsencrypt/live/chat.example.org/fullchain.pem": str(certificate),
            "/etc/letsencrypt/live/chat.example.org/privkey.pem": str(key),
        },
    )
    with proxies.running(proxies.nginx(tmp_path, site), tmp_path):
        passes_words_on(token, fake, port)


def test_caddy(server, token, fake, tmp_path):
    port, (certificate, key) = free_port(), certificate_in(tmp_path)
    site = proxies.replaced(
        "Caddyfile",
        {
            "chat.example.org {": f"https://chat.example.org:{port} {{\n\ttls {certificate} {key}",
            "127.0.0.1:8000": f"127.0.0.1:{server.port}",
        },
    )
    with proxies.running(proxies.caddy(tmp_path, site), tmp_path):
        passes_words_on(token, fake, port)


def passes_words_on(token: str, fake, port: int) -> None:
    proxies.listens(port)
    fake.behaves([{"counted": 60, "holds": [50]}])
    context = ssl._create_unverified_context()
    with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)) as connection:
        body = {"model": "openrouter/some/model", "stream": True, "messages": [{"role": "user", "content": "Count"}]}
        head = {"Host": HOST, "Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept-Encoding": "gzip"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), head)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        # A proxy can compress, as long as it does not buffer.
        is_packed = response.headers.get("Content-Encoding") == "gzip"
        unpacked = zlib.decompressobj(31).decompress if is_packed else bytes
        heard = b""
        # The upstream waits after the fiftieth word: a proxy that buffers would never send it.
        while b"w000050" not in heard:
            more = response.read1()
            assert more, heard
            heard += unpacked(more)
        fake.goes_on()
        assert b"[DONE]" in unpacked(response.read())
