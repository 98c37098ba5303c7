"""The id of a request: a proxy's own is kept, one that could do harm is not."""

from pathlib import Path

import pytest
import structlog

from tests.services.gateway.house import BASE, open_house


@pytest.mark.parametrize("given", ["0af7651916cd43dd8448eb211c80319c", "edge/7:a.b_c=", "x" * 128])
async def test_the_id_a_proxy_gave_a_request_comes_back(tmp_path: Path, given: str) -> None:
    async with open_house(tmp_path) as house, house.client() as http:
        answers = [
            await http.get(f"{BASE}/{path}", headers={"X-Request-ID": given})
            for path in ("sessions", "status/unknown")
        ]

    assert [answer.headers["X-Request-ID"] for answer in answers] == [given, given]


@pytest.mark.parametrize("given", ["", "two words", 'quote"', "x" * 129])
async def test_an_id_that_is_none_is_replaced_by_a_fresh_one(tmp_path: Path, given: str) -> None:
    async with open_house(tmp_path) as house, house.client() as http:
        answers = [await http.get(f"{BASE}/sessions", headers={"X-Request-ID": given}) for _ in range(2)]

    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert len(set(ids)) == 2
    assert all(len(own) == 32 for own in ids)


async def test_every_log_line_of_a_request_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[dict[str, object]] = []

    async with open_house(tmp_path) as house, house.client() as http:
        records = house.gateway.storage.of_owner("local").records
        select = records.select

        async def noting(*args: object, **options: object) -> object:
            bound.append(structlog.contextvars.get_contextvars())
            return await select(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(type(records), "select", lambda _self, *a, **o: noting(*a, **o))
        await http.get(f"{BASE}/sessions", headers={"X-Request-ID": "edge-1"})

    assert {line["request_id"] for line in bound} == {"edge-1"}
