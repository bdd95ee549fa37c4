"""`python -m webapp.cli.healthy`: whether the server with this configuration can serve, as containers ask it.

Standard library and our configuration only, as it is asked every few seconds.
"""

import sys
from http.client import HTTPConnection, HTTPException

from webapp.config import load

SECONDS = 4
# No name is looked up: a container need not know what localhost is.
HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def main() -> int:
    config = load()
    return 0 if is_ready(HERE.get(config.host, config.host), config.port) else 1


def is_ready(host: str, port: int) -> bool:
    """Whether `/readyz` says so."""
    connection = HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
