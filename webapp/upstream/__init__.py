"""All outgoing requests of this process: no other package uses requests."""

from webapp.upstream.addresses import Trust, base_address
from webapp.upstream.body import Body, Stopped
from webapp.upstream.client import Answer, Upstream

__all__ = ["Answer", "Body", "Stopped", "Trust", "Upstream", "base_address"]
