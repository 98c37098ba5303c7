"""The migrations make, from nothing and as often as one likes, the tables the rows need."""

import pytest

from shared.storage.columns import columns
from shared.storage.records import Row
from shared.storage.rows import SESSION_TABLES, TABLES
from tests.support.supabase import MIGRATIONS, LocalSupabase

_TYPES = {
    "text": {"text", "uuid"},
    "integer": {"integer", "bigint"},
    "real": {"double precision"},
    "boolean": {"boolean"},
    "time": {"timestamp with time zone"},
    "json": {"jsonb"},
}
_STATE = """
select 'column', table_name || '.' || column_name, data_type || coalesce(column_default, '') || is_nullable
  from information_schema.columns where table_schema in ('public', 'private')
union all select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
  from pg_constraint where connamespace = 'public'::regnamespace
union all select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
union all select 'policy', schemaname || '.' || tablename || '.' || policyname,
  concat_ws(';', roles, cmd, qual, with_check) from pg_policies
union all select 'grant', table_name || '.' || grantee || '.' || privilege_type, '1'
  from information_schema.role_table_grants where table_schema = 'public'
union all select 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid)
  from pg_trigger where not tgisinternal
union all select 'function', oid::regprocedure::text, pg_get_functiondef(oid)
  from pg_proc where pronamespace in ('public'::regnamespace, 'private'::regnamespace)
union all select 'bucket', id, public::text from storage.buckets
order by 1, 2, 3
"""


async def test_applying_the_migrations_again_changes_nothing(supabase: LocalSupabase) -> None:
    before = await supabase.sql(_STATE)

    supabase.postgres.apply(MIGRATIONS)

    assert await supabase.sql(_STATE) == before
    assert len(before) > 200


def test_every_migration_has_a_number_of_its_own() -> None:
    """Supabase keeps the migrations it has applied by their number."""
    numbers = [path.name.split("_")[0] for path in MIGRATIONS]

    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.table)
async def test_every_field_of_a_row_has_its_column(supabase: LocalSupabase, kind: type[Row]) -> None:
    found = await supabase.sql(
        "select column_name, data_type, is_nullable, column_default from information_schema.columns"
        " where table_schema = 'public' and table_name = $1",
        kind.table,
    )

    made = {row["column_name"]: row for row in found}
    fields = columns(kind)
    assert set(made) == {*fields, "last_write", "recent_writes"}
    for field in fields.values():
        assert made[field.name]["data_type"] in _TYPES[field.type], field.name
        assert (made[field.name]["is_nullable"] == "YES") == field.nullable, field.name


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.table)
async def test_every_question_a_row_is_asked_by_has_an_index(
    supabase: LocalSupabase, kind: type[Row]
) -> None:
    found = await supabase.sql(
        "select array(select attname from unnest(indkey) with ordinality k(n, at)"
        " join pg_attribute a on a.attrelid = indrelid and a.attnum = k.n order by at)::text[] as names"
        " from pg_index where indrelid = $1::text::regclass",
        f"public.{kind.table}",
    )

    indexed = [tuple(row["names"]) for row in found]
    asked = [*kind.indexes, *([("session_id", "owner")] if kind in SESSION_TABLES else [])]
    for names in asked:
        assert any(index[: len(names)] == names for index in indexed), names


async def test_every_table_has_row_level_security(supabase: LocalSupabase) -> None:
    open_tables = await supabase.sql(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
        " and not relrowsecurity"
    )

    assert open_tables == []


async def test_deleting_a_user_deletes_everything_of_theirs(supabase: LocalSupabase) -> None:
    user = await supabase.new_user()
    await supabase.sql("insert into training_sessions (id, owner) values ($1, $1::text::uuid)", user)
    await supabase.sql(
        "insert into training_logs (id, owner, session_id, message) values ($1, $1::text::uuid, $1, 'x')",
        user,
    )

    await supabase.sql("delete from auth.users where id::text = $1", user)

    assert await supabase.sql("select 1 from training_logs where id = $1", user) == []


async def test_the_earlier_name_of_sessions_is_a_view_under_the_same_policies(
    supabase: LocalSupabase,
) -> None:
    found = await supabase.sql("select reloptions from pg_class where oid = 'public.sessions'::regclass")

    assert found[0]["reloptions"] == ["security_invoker=true"]


async def test_services_have_more_time_for_a_statement_than_browsers(supabase: LocalSupabase) -> None:
    found = await supabase.sql("select rolconfig from pg_roles where rolname = 'service_role'")

    assert found[0]["rolconfig"] == ["statement_timeout=60s"]
