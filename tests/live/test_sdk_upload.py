"""The SDK's uploads: many chunks at once, and only what is missing after an interruption."""

import pytest

from tests.live.conftest import OpenYard
from trainyard import client as sdk

pytestmark = [pytest.mark.live, pytest.mark.keras]

N_ROWS = 2_000
ROWS = [f"2024-01-{1 + n // 1440:02} {n // 60 % 24:02}:{n % 60:02};{n % 7}" for n in range(N_ROWS)]
CONTENT = "\n".join(["UTC;load", *ROWS, ""]).encode()


class Interrupted(Exception):
    """Stands for a connection that breaks."""


async def test_an_interrupted_upload_goes_on_with_the_chunks_that_are_missing(
    open_yard: OpenYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "CHUNK_BYTES", 4_000)
    first: list[int] = []
    second: list[int] = []

    def break_off(sent: int, total: int) -> None:
        first.append(sent)
        if len(first) == 4:
            raise Interrupted

    async with open_yard() as yard:
        session = await yard.client.create_session("interrupted")
        with pytest.raises(Interrupted):
            await yard.client.upload(session, CONTENT, role="input", name="load.csv", on_bytes=break_off)
        file = await yard.client.upload(
            session, CONTENT, role="input", name="load.csv", on_bytes=lambda sent, total: second.append(sent)
        )

    assert file.series[0].statistics["n"] == N_ROWS
    n_chunks = -(-len(CONTENT) // 4_000)
    assert len(second) <= n_chunks - 4  # what the first attempt has sent is not sent again
    assert second == sorted(second)
    assert second[-1] == len(CONTENT)
