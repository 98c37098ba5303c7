-- Forecasts of the future: written by services, read and deleted by their owner.
create table if not exists public.forecasts (
  id              text collate "C" primary key check (char_length(id) between 1 and 200),
  owner           uuid not null references auth.users (id) on delete cascade,
  revision        integer not null default 0,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  last_write      text,
  recent_writes   text[] not null default '{}',
  session_id      text collate "C" not null,
  run_id          text collate "C" not null,
  job_id          text collate "C" not null,
  kind            text collate "C" not null,
  label           text collate "C" not null,
  version         integer,
  passport_sha256 text collate "C",
  reference_time  timestamptz not null,
  last_time       timestamptz not null,
  parent_id       text collate "C",
  object_key      text collate "C" not null,
  asked           jsonb not null default '{}',
  scored          boolean not null default false,
  n_scored        integer not null default 0,
  scores          jsonb not null default '{}',
  foreign key (session_id, owner) references public.training_sessions (id, owner) on delete cascade
);
create index if not exists forecasts_session_idx on public.forecasts (session_id, created_at);
create index if not exists forecasts_open_idx on public.forecasts (session_id, scored, last_time);
create index if not exists forecasts_run_idx on public.forecasts (run_id);
create index if not exists forecasts_job_idx on public.forecasts (job_id);
create index if not exists forecasts_parent_idx on public.forecasts (session_id, owner);

create or replace trigger count_change before insert or update on public.forecasts
  for each row execute function private.count_change();
alter table public.forecasts enable row level security;
revoke all on public.forecasts from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.forecasts to service_role;
drop policy if exists owner_only on public.forecasts;
create policy owner_only on public.forecasts for all to authenticated
  using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, delete on public.forecasts to authenticated;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
