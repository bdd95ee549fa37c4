"""All outgoing requests of this process: no other package uses requests."""

from webapp.models.upstream.addresses import Trust, base_address
from webapp.models.upstream.body import Body, Stopped
from webapp.models.upstream.client import JsonReply, Upstream, all_at_once
from webapp.models.upstream.multipart import Multipart, MultipartFile

__all__ = ["Body", "JsonReply", "Multipart", "MultipartFile", "Stopped", "Trust", "Upstream", "all_at_once", "base_address"]
