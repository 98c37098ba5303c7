-- The registry of models: versions and the log of their stages, written by services, read and deleted by their owner.
create table if not exists public.model_versions (
  id            text collate "C" primary key check (char_length(id) between 1 and 200),
  owner         uuid not null references auth.users (id) on delete cascade,
  revision      integer not null default 0,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  last_write    text,
  recent_writes text[] not null default '{}',
  session_id    text collate "C" not null,
  number        integer not null,
  run_id        text collate "C" not null,
  job_id        text collate "C" not null,
  kind          text collate "C" not null,
  label         text collate "C" not null,
  passport_sha256 text collate "C",
  foreign key (session_id, owner) references public.training_sessions (id, owner) on delete cascade
);
create index if not exists model_versions_number_idx on public.model_versions (session_id, number);
create index if not exists model_versions_job_idx on public.model_versions (job_id);
create index if not exists model_versions_owner_idx on public.model_versions (session_id, owner);

create or replace trigger count_change before insert or update on public.model_versions
  for each row execute function private.count_change();
alter table public.model_versions enable row level security;
revoke all on public.model_versions from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.model_versions to service_role;
drop policy if exists owner_only on public.model_versions;
create policy owner_only on public.model_versions for all to authenticated
  using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, delete on public.model_versions to authenticated;

create table if not exists public.stage_changes (
  id            text collate "C" primary key check (char_length(id) between 1 and 200),
  owner         uuid not null references auth.users (id) on delete cascade,
  revision      integer not null default 0,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  last_write    text,
  recent_writes text[] not null default '{}',
  session_id    text collate "C" not null,
  number        integer not null,
  version       integer not null,
  stage         text collate "C" not null,
  how           text collate "C" not null default 'hand',
  reason        text not null default '',
  details       jsonb not null default '{}',
  foreign key (session_id, owner) references public.training_sessions (id, owner) on delete cascade
);
create index if not exists stage_changes_number_idx on public.stage_changes (session_id, number);
create index if not exists stage_changes_owner_idx on public.stage_changes (session_id, owner);

create or replace trigger count_change before insert or update on public.stage_changes
  for each row execute function private.count_change();
alter table public.stage_changes enable row level security;
revoke all on public.stage_changes from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.stage_changes to service_role;
drop policy if exists owner_only on public.stage_changes;
create policy owner_only on public.stage_changes for all to authenticated
  using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, delete on public.stage_changes to authenticated;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
