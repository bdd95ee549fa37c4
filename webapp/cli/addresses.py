"""The address of a server, printed before every start. Standard library and click only."""

import socket

import click

from webapp.base.config import Config

# From this machine, a server that listens on every address is reachable at one of these.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def print_addresses(config: Config, owner_link: str | None) -> None:
    click.echo(f"Address: {address(config)}")
    if owner_link:
        click.echo(f"No owner yet. Open this link to create the owner: {owner_link}")
    if config.host in LOOPBACK and not config.public_url:
        example = f"PUBLIC_URL=http://{_network_address()}:{config.port}"
        click.echo(f"This address only works on this machine. To let others in, set PUBLIC_URL, for example {example}")


def address(config: Config) -> str:
    host = LOOPBACK.get(config.host, f"[{config.host}]" if ":" in config.host else config.host)
    return config.public_url or f"http://{host}:{config.port}"


def _network_address() -> str:
    """Returns this machine's address on its network, or its host name if there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a UDP socket sends nothing, it only selects a source address. 192.0.2.1 is reserved for documentation.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])
