"""A push service, also used as a webhook, over a real socket: it keeps what it is sent, and misbehaves on demand."""

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import gevent
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from gevent.server import StreamServer

CURVE = ec.SECP256R1()
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


def status(number: int, headers: str = "") -> bytes:
    return f"HTTP/1.1 {number} Said\r\n{headers}Content-Length: 0\r\n\r\n".encode()


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Device:
    """A browser's push subscription, which decrypts what was sent to it (RFC 8291)."""

    def __init__(self) -> None:
        self._key, self._secret = ec.generate_private_key(CURVE), os.urandom(16)
        self._point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    @property
    def keys(self) -> dict[str, str]:
        return {"p256dh": encoded(self._point), "auth": encoded(self._secret)}

    def read(self, body: bytes) -> Any:
        salt, length = body[:16], body[20]
        point, sealed = body[21 : 21 + length], body[21 + length :]
        agreed = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point))
        material = HKDF(hashes.SHA256(), 32, self._secret, b"WebPush: info\0" + self._point + point).derive(agreed)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(material)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(material)
        opened = AESGCM(key).decrypt(nonce, sealed, None)
        assert opened.endswith(b"\x02")
        return json.loads(opened[:-1])


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes

    def claims(self) -> dict[str, Any]:
        """Returns what the sender's signature says, which must be right (RFC 8292)."""
        match = re.fullmatch(r"vapid t=([\w.-]+), k=([\w-]+)", self.headers["authorization"])
        assert match
        signed, _, signature = match[1].rpartition(".")
        halves = (int.from_bytes(decoded(signature)[at : at + 32], "big") for at in (0, 32))
        key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decoded(match[2]))
        key.verify(encode_dss_signature(*halves), signed.encode(), ec.ECDSA(hashes.SHA256()))
        claims: dict[str, Any] = json.loads(decoded(signed.split(".")[1]))
        return claims


@dataclass
class PushService:
    """`says` are the replies to the next requests by path, before the usual one; None is never said, and b"" hangs up."""

    url: str
    received: list[Received] = field(default_factory=list)
    says: dict[str, list[bytes | None]] = field(default_factory=dict)

    def serve(self, client: Any, _address: object) -> None:
        with client, suppress(OSError), client.makefile("rb") as file:
            while line := file.readline():
                path = line.decode().split(" ")[1]
                heads = iter(lambda: file.readline().decode().strip(), "")
                headers = {name.lower(): value for name, _, value in (head.partition(": ") for head in heads)}
                self.received.append(Received(path, headers, file.read(int(headers.get("content-length", 0)))))
                reply = said.pop(0) if (said := self.says.get(path)) else CREATED
                if reply is None:
                    gevent.sleep(60)
                if not reply:
                    return
                client.sendall(reply)

    def at(self, path: str) -> list[Received]:
        return [received for received in self.received if received.path == path]


@contextmanager
def push_service() -> Iterator[PushService]:
    service = PushService("")
    server = StreamServer(("127.0.0.1", 0), service.serve)
    server.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.stop(timeout=0)
