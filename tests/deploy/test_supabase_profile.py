"""``docker compose`` with the profile ``supabase``: rows in a Postgres of one's own, behind one address.

Where no image registry is, ``tests/deploy/engine.sh`` has put Debian's programs in the place of the official
images: Postgres, PostgREST and nginx are real; Storage is the tests' own server, and Auth a mere answer.
"""

import os
import subprocess
import uuid
from collections.abc import Iterator

import httpx
import pytest

from shared.contracts.kinds import LinearSpec
from tests.support.containers import ROOT, Compose, docker, missing
from tests.support.load import READING, short_files, short_plan
from tests.support.supabase import mint
from trainyard.client import ApiError, AsyncClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ISSUER = "http://supabase:8000/auth/v1"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """The platform on a Supabase of its own."""
    if why := missing():
        pytest.skip(f"DOCKER IS NOT HERE ({why}): the profile supabase did not run")
    compose = Compose(tmp_path_factory.mktemp("compose"), "trainyard-supabase-test", "supabase")
    compose.say("build")
    if os.environ.get("SUPABASE_STORAGE_IMAGE") == "storage:local":
        subprocess.run([str(ROOT / "tests/deploy/engine.sh"), "storage"], check=True, capture_output=True)
    try:
        compose.up()
        compose.wait_healthy("gateway", "ingest", "datasets", "planner", "trainer", "evaluator")
        yield compose
    finally:
        compose.say("down", "-v", "-t", "30")


def token_of(stack: Compose, user: str) -> str:
    """Return a user's access token, as Auth signs it; the user is known to the database."""
    [database] = stack.containers("db")
    statement = f"insert into auth.users (id) values ('{user}')"
    docker("exec", database, "psql", "-q", "-h", "127.0.0.1", "-U", "postgres", "-c", statement)
    return mint(user, secret=stack.settings["TRAINYARD_GATEWAY_JWT_SECRET"], issuer=ISSUER)


async def test_a_run_of_a_signed_in_user_lies_in_postgres_and_is_nobody_elses(stack: Compose) -> None:
    alice, bob = (token_of(stack, str(uuid.uuid4())) for _ in range(2))

    async with AsyncClient(stack.url, token=alice) as hers, AsyncClient(stack.url, token=bob) as his:
        session = await hers.create_session("on a Supabase of our own")
        for file in short_files():
            await hers.upload(session, file.content, role="input", name=file.name, options=READING)
        run = await hers.run(session, short_plan(await hers.series(session)), (LinearSpec(),))
        results = await hers.wait(session, run.run_id, timeout=400)
        with pytest.raises(ApiError) as refused:
            await his.results(session)

    assert results.status == "completed"
    assert refused.value.status == 404
    [database] = stack.containers("db")
    counted = "select status, count(*) from public.jobs group by 1"
    words = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-At", "-c", counted]
    assert docker("exec", database, *words).startswith("finished|")


async def test_who_brings_no_token_is_refused(stack: Compose) -> None:
    async with AsyncClient(stack.url) as nobody:
        with pytest.raises(ApiError) as refused:
            await nobody.create_session("mine")

    assert refused.value.status == 401


def test_the_address_in_front_tells_who_asks_by_the_key_alone(stack: Compose) -> None:
    port = docker("port", stack.containers("supabase")[0], "8000").strip().rsplit(":", 1)[1]
    keys = {"service": "TRAINYARD_SUPABASE_KEY", "anon": "TRAINYARD_SUPABASE_PUBLISHABLE_KEY"}

    answers = {
        name: httpx.get(
            f"http://127.0.0.1:{port}/rest/v1/dead_letters?limit=1",
            headers={"apikey": stack.settings[setting]},
        ).status_code
        for name, setting in keys.items()
    }

    assert answers["service"] == 200
    assert answers["anon"] in (401, 403)
    assert httpx.get(f"http://127.0.0.1:{port}/rest/v1/dead_letters").status_code == 401
