"""Clients of a project on this machine: services, users, and nobody in particular."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from shared.storage.connect import Storage, open_supabase
from shared.storage.rows import SessionRow
from shared.storage.supabase import Project, RetryPolicy
from tests.support.ledger_rows import session_row
from tests.support.supabase import ANON_JWT, PUBLISHABLE_KEY, SECRET_KEY, LocalSupabase, mint


@dataclass(frozen=True)
class User:
    """A signed-in user and what the project looks like to them."""

    id: str
    storage: Storage
    session: SessionRow


@pytest.fixture
async def service(supabase: LocalSupabase) -> AsyncIterator[Storage]:
    """The project as a service has it, with short pauses between tries."""
    project = Project(supabase.url, SecretStr(SECRET_KEY), SecretStr(PUBLISHABLE_KEY))
    storage = open_supabase(project, RetryPolicy(attempts=3, pause_s=0.02))
    yield storage
    supabase.faults.never()
    await storage.close()


@pytest.fixture
async def alice(supabase: LocalSupabase, service: Storage) -> User:
    return await _user(supabase, service)


@pytest.fixture
async def bob(supabase: LocalSupabase, service: Storage) -> User:
    return await _user(supabase, service)


@pytest.fixture
def anonymous(service: Storage) -> Storage:
    """The project as anybody with the publishable key has it."""
    return service.of_user("nobody", ANON_JWT)


async def _user(supabase: LocalSupabase, service: Storage) -> User:
    user = await supabase.new_user()
    session = session_row(user)
    await service.records.insert([session])
    return User(user, service.of_user(user, mint(user)), session)
