"""What tests of several folders share."""

from collections.abc import Iterator

import pytest

from tests.support.supabase import LocalSupabase, missing_parts


@pytest.fixture(scope="session")
def supabase() -> Iterator[LocalSupabase]:
    """A whole Supabase on this machine, once per test run; about two seconds."""
    if missing := missing_parts():
        pytest.skip(f"SUPABASE TESTS DID NOT RUN: {missing}")
    project = LocalSupabase()
    try:
        project.start()
        yield project
    finally:
        project.stop()
