"""Access tokens of the identity provider, verified here: signature, time, issuer, audience, role."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import httpx
import jwt
import structlog
from jwt import PyJWK

from services.gateway.auth.identity import ExpiredToken, Identity, InvalidToken, MissingAuthorization
from services.gateway.settings import GatewaySettings
from shared.errors import Unavailable

ASYMMETRIC = ("ES256", "RS256", "EdDSA")
USER_ROLES = (None, "authenticated")
_LEEWAY_S = 5.0
_REQUIRED = ("exp", "sub", "aud")

log = structlog.get_logger()


class KeysUnavailable(Unavailable):
    """The identity provider's keys cannot be fetched, so nobody can be told apart for now."""

    code = "IDENTITY_UNAVAILABLE"


@dataclass(eq=False)
class KeySet:
    """The provider's public keys: fetched when needed, kept for a while, fetched again for a new key id.

    A token with a made-up key id must not make us knock at the provider for each request, so there is a
    shortest time between two fetches.
    """

    _url: str
    _http: httpx.AsyncClient
    _: KW_ONLY
    keep_s: float = 600
    pause_s: float = 15
    _keys: Mapping[str, PyJWK] = field(default_factory=dict)
    _fetched_at: float = -float("inf")
    _tried_at: float = -float("inf")
    _one_fetch: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def key(self, key_id: str) -> PyJWK | None:
        """Return the key of an id, or None if the provider does not have it."""
        async with self._one_fetch:
            now = time.monotonic()
            stale = now - self._fetched_at > self.keep_s or key_id not in self._keys
            if stale and now - self._tried_at > self.pause_s:
                self._tried_at = now  # an outage is remembered, too: one knock per pause, not per token
                await self._fetch()
            if not self._keys:
                raise KeysUnavailable("the identity provider does not answer")
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        try:
            answer = await self._http.get(self._url)
            found = answer.raise_for_status().json()["keys"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            if self._keys:
                log.warning("signing keys not fetched, using the known ones", reason=type(error).__name__)
                return
            raise KeysUnavailable("the identity provider does not answer") from error
        self._keys = {
            key["kid"]: PyJWK(key)
            for key in found
            if isinstance(key, dict) and "kid" in key and key.get("kty") in ("EC", "RSA", "OKP")
        }
        self._fetched_at = time.monotonic()


@dataclass(eq=False)
class TokenVerifier:
    """Verifies the access tokens of one project."""

    _settings: GatewaySettings
    _keys: KeySet | None

    async def identify(self, credential: str | None) -> Identity:
        """Return the user of a token.

        Raises
        ------
        MissingAuthorization, InvalidToken, ExpiredToken
        """
        if not credential:
            raise MissingAuthorization("no access token came with the request")
        try:
            key, algorithms = await self._key(jwt.get_unverified_header(credential))
            claims: dict[str, Any] = jwt.decode(
                credential,
                key,
                algorithms=algorithms,
                audience=self._settings.gateway_jwt_audience,
                issuer=self._settings.issuer,
                leeway=_LEEWAY_S,
                options={"require": [*_REQUIRED, *(["iss"] if self._settings.issuer else [])]},
            )
        except jwt.ExpiredSignatureError:
            raise ExpiredToken("the access token has expired") from None
        except (jwt.PyJWTError, ValueError):
            raise InvalidToken("the access token is not valid here") from None
        user = claims["sub"]
        if not isinstance(user, str) or not user or claims.get("role") not in USER_ROLES:
            raise InvalidToken("this token is not a user's")
        return Identity(user, token=credential)

    async def _key(self, header: Mapping[str, Any]) -> tuple[Any, list[str]]:
        """Return the key and the only algorithm a token may use.

        A shared secret never verifies a token that claims a public key, nor the other way round.
        """
        algorithm, key_id = header.get("alg"), header.get("kid")
        secret = self._settings.gateway_jwt_secret
        if algorithm == "HS256" and secret:
            return secret.get_secret_value(), ["HS256"]
        if algorithm in ASYMMETRIC and self._keys and isinstance(key_id, str):
            key = await self._keys.key(key_id)
            if key is not None and key.algorithm_name == algorithm:
                return key.key, [str(algorithm)]
        raise InvalidToken("the access token is signed with an unknown key")
