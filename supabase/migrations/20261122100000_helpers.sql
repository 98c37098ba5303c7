-- Helpers shared by every table. They live in "private", which PostgREST does not expose,
-- so nobody can call them through the API.
create schema if not exists private;
revoke all on schema private from public;
grant usage on schema private to authenticated, service_role;

-- Keeps the ledger's own columns honest no matter what a client sends: a change counts, is dated by the
-- database's clock, and moves a row neither to another owner nor to another session.
create or replace function private.count_change() returns trigger
language plpgsql set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    new.recent_writes := array[new.last_write];
    return new;
  end if;
  new.recent_writes := (array_prepend(new.last_write, old.recent_writes))[1:8];
  new.id := old.id;
  new.owner := old.owner;
  new.created_at := old.created_at;
  new.revision := old.revision + 1;
  new.updated_at := clock_timestamp();
  return new;
end $$;

-- Services insert batches and stream results; 8 s (inherited from "authenticator") is a browser's limit.
alter role service_role set statement_timeout = '60s';
