"""The names of the earlier system's environment, as docs/operations.md maps them, mean what it says."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.gateway.settings import GatewaySettings

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
DOCUMENTED = {
    "SUPABASE_URL",
    "SUPABASE_KEY",
    "FLASK_ENV",
    "SECRET_KEY",
    "REDIS_URL",
}  # by the system documents
VALUES = {
    "TRAINYARD_SUPABASE_URL": "https://ref.supabase.co",
    "TRAINYARD_SUPABASE_KEY": "sb_secret_0123456789",
    "TRAINYARD_GATEWAY_JWT_SECRET": "s" * 40,
    "TRAINYARD_NATS_URL": "nats://broker:4222",
    "TRAINYARD_PORT": 8080,
    "TRAINYARD_GATEWAY_ORIGINS": ("https://app.example",),
}


def mapped() -> dict[str, str]:
    """Return the table: what became of every earlier name."""
    _, _, rest = OPERATIONS.read_text().partition("## Names of the earlier system's environment\n")
    rows = [line.strip("|").split("|", 1) for line in rest.splitlines() if line.startswith("| `")]
    return {re.findall(r"`(\w+)`", earlier)[0]: here.strip() for earlier, here in rows}


def ours(text: str) -> list[str]:
    return re.findall(r"`(TRAINYARD_\w+)`", text)


def test_every_earlier_name_has_a_row_and_every_row_an_answer() -> None:
    table = mapped()

    assert table.keys() >= DOCUMENTED
    assert all(ours(here) or here.startswith("none: ") for here in table.values())


@pytest.mark.parametrize("name", sorted({name for here in mapped().values() for name in ours(here)}))
def test_a_name_of_the_table_sets_what_it_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = VALUES[name]
    monkeypatch.setenv(name, '["https://app.example"]' if isinstance(value, tuple) else str(value))

    found = getattr(GatewaySettings(), name.removeprefix("TRAINYARD_").lower())

    assert (found.get_secret_value() if isinstance(found, SecretStr) else found) == value
