"""Access tokens: the hostile table, and signing keys that change."""

import json
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from services.gateway.auth.identity import ExpiredToken, InvalidToken, MissingAuthorization
from services.gateway.auth.tokens import KeySet, KeysUnavailable, TokenVerifier
from services.gateway.settings import GatewaySettings

SECRET = "s" * 40
ISSUER = "https://project.example/auth/v1"


def claims(**other: Any) -> dict[str, Any]:
    good = {
        "sub": "anna", "aud": "authenticated", "iss": ISSUER, "role": "authenticated",
        "exp": int(time.time()) + 600,
    }  # fmt: skip
    return {name: value for name, value in {**good, **other}.items() if value is not None}


def settings() -> GatewaySettings:
    return GatewaySettings.model_validate({"gateway_jwt_secret": SECRET, "gateway_jwt_issuer": ISSUER})


class Provider:
    """An identity provider whose keys a test changes."""

    def __init__(self) -> None:
        self.private: dict[str, EllipticCurvePrivateKey | RSAPrivateKey] = {}
        self.fetches = 0
        self.away = False

    def add(self, kid: str, key: EllipticCurvePrivateKey | RSAPrivateKey) -> None:
        self.private[kid] = key

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.away:
            return httpx.Response(503)
        return httpx.Response(200, json={"keys": [self._public(kid) for kid in self.private]})

    def token(self, kid: str, algorithm: str, **other: Any) -> str:
        return jwt.encode(claims(**other), self.private[kid], algorithm, headers={"kid": kid})

    def _public(self, kid: str) -> dict[str, Any]:
        key = self.private[kid]
        if isinstance(key, RSAPrivateKey):
            told = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
            return {**told, "kid": kid, "alg": "RS256"}
        return {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": kid, "alg": "ES256"}


@pytest.fixture
def provider() -> Provider:
    made = Provider()
    made.add("one", ec.generate_private_key(ec.SECP256R1()))
    return made


def verifier(provider: Provider, *, pause_s: float = 0.0) -> TokenVerifier:
    http = httpx.AsyncClient(transport=httpx.MockTransport(provider.answer))
    return TokenVerifier(settings(), KeySet("https://project.example/jwks", http, pause_s=pause_s))


async def test_a_users_token_names_the_user(provider: Provider) -> None:
    by_secret = await verifier(provider).identify(jwt.encode(claims(), SECRET))
    by_key = await verifier(provider).identify(provider.token("one", "ES256"))

    assert (by_secret.user_id, by_key.user_id) == ("anna", "anna")


def forged(token: str) -> str:
    """Return the token with another signature: its first character stands for six bits, the last for four."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


_STRAY = ec.generate_private_key(ec.SECP256R1())
HOSTILE: dict[str, str] = {
    "no algorithm": jwt.encode(claims(), "", "none"),
    "wrong secret": jwt.encode(claims(), "x" * 40),
    "stronger algorithm nobody offered": jwt.encode(claims(), SECRET * 2, "HS512"),
    "wrong audience": jwt.encode(claims(aud="anon"), SECRET),
    "no audience": jwt.encode(claims(aud=None), SECRET),
    "wrong issuer": jwt.encode(claims(iss="https://evil.example/auth/v1"), SECRET),
    "no issuer": jwt.encode(claims(iss=None), SECRET),
    "no end": jwt.encode(claims(exp=None), SECRET),
    "nobody": jwt.encode(claims(sub=None), SECRET),
    "empty subject": jwt.encode(claims(sub=""), SECRET),
    "service role": jwt.encode(claims(role="service_role"), SECRET),
    "anonymous key": jwt.encode(claims(role="anon"), SECRET),
    "not yet": jwt.encode(claims(nbf=int(time.time()) + 600), SECRET),
    "garbage": "x.y.z",
    "one word": "token",
    "cut off": jwt.encode(claims(), SECRET)[:-3],
    "kid is a path": jwt.encode(claims(), _STRAY, "ES256", headers={"kid": "../../dev/null"}),
    "kid is a number": jwt.encode(claims(), _STRAY, "ES256"),
    "secret as public key": forged(jwt.encode(claims(), SECRET, headers={"kid": "one"})),
}


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_token_is_refused(provider: Provider, token: str) -> None:
    with pytest.raises(InvalidToken):
        await verifier(provider).identify(token)


async def test_an_expired_token_says_so(provider: Provider) -> None:
    with pytest.raises(ExpiredToken):
        await verifier(provider).identify(jwt.encode(claims(exp=int(time.time()) - 60), SECRET))
    with pytest.raises(MissingAuthorization):
        await verifier(provider).identify(None)


async def test_a_public_key_does_not_serve_as_a_secret(provider: Provider) -> None:
    public = provider.private["one"].public_key()
    text = json.dumps(ECAlgorithm.to_jwk(public))  # type: ignore[arg-type]  # the provider's is an EC key
    forged = jwt.encode(claims(), text, "HS256", headers={"kid": "one"})

    with pytest.raises(InvalidToken):
        await verifier(provider).identify(forged)


async def test_keys_may_rotate_without_a_restart(provider: Provider) -> None:
    verify = verifier(provider)
    await verify.identify(provider.token("one", "ES256"))
    old = provider.token("one", "ES256")

    del provider.private["one"]
    provider.add("two", rsa.generate_private_key(65537, 2048))
    fresh = await verify.identify(provider.token("two", "RS256"))

    assert fresh.user_id == "anna"
    with pytest.raises(InvalidToken):
        await verify.identify(old)


async def test_made_up_key_ids_do_not_make_us_knock_at_the_provider(provider: Provider) -> None:
    verify = verifier(provider, pause_s=60)
    forged = jwt.encode(
        claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "made-up"}
    )

    for _ in range(20):
        with pytest.raises(InvalidToken):
            await verify.identify(forged)

    assert provider.fetches == 1


async def test_known_keys_hold_while_the_provider_is_away(provider: Provider) -> None:
    verify = verifier(provider)
    await verify.identify(provider.token("one", "ES256"))

    provider.away = True

    assert (await verify.identify(provider.token("one", "ES256"))).user_id == "anna"
    with pytest.raises(KeysUnavailable):
        await verifier(provider).identify(provider.token("one", "ES256"))
