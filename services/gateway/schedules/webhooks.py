"""Webhooks: signed as Standard Webhooks says, sent again while a receiver fails, to public addresses only.

https://github.com/standard-webhooks/standard-webhooks: HMAC-SHA256 over ``id.timestamp.body``.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import stamina

from shared.errors import InvalidInput, Unavailable

ATTEMPTS = 4
_TIMEOUT_S = 10.0
_PREFIX = "whsec_"


class WebhookRefused(InvalidInput):
    """The address of a webhook is none we send to."""

    code = "WEBHOOK_REFUSED"
    advice = (
        "Name an https address of the public internet; TRAINYARD_GATEWAY_WEBHOOKS_PRIVATE allows others, "
        "where the operator trusts every user.",
    )


class WebhookAway(Unavailable):
    """The receiver of a webhook does not take it for now."""

    code = "WEBHOOK_AWAY"


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``.

    >>> signature("whsec_" + base64.b64encode(b"key").decode(), "m", 1, b"{}")
    'v1,PZ/NkMlNTAuwo7eUSzj+2MvSPuobXrtxD9Jq3rZS73c='
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def new_secret(random: bytes) -> str:
    """Return random bytes as a secret of Standard Webhooks."""
    return _PREFIX + base64.b64encode(random).decode()


def check_url(url: str, *, allow_private: bool) -> None:
    """Raise ``WebhookRefused`` if an address can be told at once to be none we send to."""
    parts = urlsplit(url)
    if parts.scheme not in (("http", "https") if allow_private else ("https",)) or not parts.hostname:
        raise WebhookRefused("a webhook needs an https address", field="webhook_url")
    if parts.username or parts.password:
        raise WebhookRefused("a webhook's address holds no user or password", field="webhook_url")
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return
    if not (allow_private or is_public(str(literal))):
        raise WebhookRefused("a webhook does not go to a private address", field="webhook_url")


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet.

    >>> [is_public(a) for a in ("93.184.216.34", "127.0.0.1", "::ffff:10.0.0.1", "169.254.169.254")]
    [True, False, False, False]
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved


@dataclass(eq=False)
class WebhookSender:
    """Sends to the very address it checked, so that a name cannot change its meaning in between."""

    _http: httpx.AsyncClient
    allow_private: bool = field(kw_only=True)
    pause: float = field(default=0.5, kw_only=True)

    async def send(self, url: str, secret: str, message_id: str, body: bytes) -> None:
        """Deliver a message; the same ``message_id`` may arrive more than once.

        Raises
        ------
        WebhookRefused
            If the address is none we send to, or the receiver says that it wants no such message.
        WebhookAway
            If it does not take the message after several tries.
        """
        check_url(url, allow_private=self.allow_private)
        tries = stamina.retry_context(
            on=WebhookAway, attempts=ATTEMPTS, timeout=60.0, wait_initial=self.pause, wait_max=10.0
        )
        async for attempt in tries:
            with attempt:
                await self._once(url, secret, message_id, body)

    async def _once(self, url: str, secret: str, message_id: str, body: bytes) -> None:
        target = httpx.URL(url)
        address = await self._address(target)
        timestamp = int(time.time())
        headers = {
            "host": target.netloc.decode(),
            "content-type": "application/json",
            "user-agent": "trainyard",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secret, message_id, timestamp, body),
        }
        request = self._http.build_request(
            "POST",
            target.copy_with(host=address),
            content=body,
            headers=headers,
            timeout=_TIMEOUT_S,
            extensions={"sni_hostname": target.host},
        )
        try:
            answer = await self._http.send(request, stream=True, follow_redirects=False)
        except httpx.HTTPError as error:
            raise WebhookAway("the webhook's receiver cannot be reached", why=type(error).__name__) from error
        await answer.aclose()  # what it says is of no interest, however long it is
        if answer.is_success:
            return
        if answer.status_code >= 500 or answer.status_code in (408, 425, 429):
            raise WebhookAway("the webhook's receiver is busy", status=answer.status_code)
        raise WebhookRefused("the webhook's receiver refuses the message", status=answer.status_code)

    async def _address(self, target: httpx.URL) -> str:
        port = target.port or (443 if target.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(target.host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise WebhookAway("the webhook's host has no address", why=type(error).__name__) from error
        addresses = [str(one[4][0]) for one in found]
        if not self.allow_private and not all(map(is_public, addresses)):
            raise WebhookRefused("a webhook does not go to a private address", field="webhook_url")
        return addresses[0]
