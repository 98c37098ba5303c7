create table if not exists public.datasets (
  id          text collate "C" primary key check (char_length(id) between 1 and 200),
  owner       uuid not null,
  revision    integer not null default 0,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  last_write  text,
  recent_writes text[] not null default '{}',
  session_id  text collate "C" not null,
  name        text collate "C" not null default '',
  spec        jsonb not null,
  status      text collate "C" not null default 'requested' check (status in ('requested', 'ready', 'failed')),
  failures    integer not null default 0,
  content_key text collate "C",
  object_key  text collate "C",
  report      jsonb not null default '{}',
  problem     jsonb
);

create table if not exists public.runs (
  id               text collate "C" primary key check (char_length(id) between 1 and 200),
  owner            uuid not null,
  revision         integer not null default 0,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  last_write       text,
  recent_writes text[] not null default '{}',
  session_id       text collate "C" not null,
  dataset_id       text collate "C" not null,
  models           jsonb not null check (jsonb_typeof(models) = 'array'),
  metric           text collate "C" not null default 'rmse',
  status           text collate "C" not null default 'waiting'
                   check (status in ('waiting', 'running', 'completed', 'failed', 'cancelled')),
  cancel_requested boolean not null default false,
  correlation_id   text collate "C" not null default '',
  best_job_id      text collate "C",
  verdict          jsonb not null default '{}',
  problem          jsonb,
  started_at       timestamptz,
  finished_at      timestamptz
);
create index if not exists runs_session_idx on public.runs (session_id, created_at);
create index if not exists runs_status_idx on public.runs (status);

create table if not exists public.jobs (
  id               text collate "C" primary key check (char_length(id) between 1 and 200),
  owner            uuid not null,
  revision         integer not null default 0,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  last_write       text,
  recent_writes text[] not null default '{}',
  session_id       text collate "C" not null,
  run_id           text collate "C" not null,
  dataset_id       text collate "C" not null,
  position         integer not null,
  kind             text collate "C" not null,
  label            text collate "C" not null,
  spec             jsonb not null,
  baseline         boolean not null default false,
  status           text collate "C" not null default 'queued'
                   check (status in ('queued', 'running', 'finished', 'failed', 'cancelled')),
  cancel_requested boolean not null default false,
  attempt          integer not null default 0 check (attempt >= 0),
  failures         integer not null default 0 check (failures >= 0),
  leased_by        text collate "C",
  lease_until      timestamptz,
  seconds          double precision,
  files            jsonb not null default '{}',
  notes            jsonb not null default '{}',
  problem          jsonb
);
create index if not exists jobs_run_idx on public.jobs (run_id);
create index if not exists jobs_status_idx on public.jobs (status);

create table if not exists public.training_results (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  session_id text collate "C" not null,
  run_id     text collate "C" not null,
  label      text collate "C" not null,
  kind       text collate "C" not null,
  scores     jsonb not null,
  headline   jsonb not null default '{}'
);
create index if not exists training_results_run_idx on public.training_results (run_id);

create table if not exists public.training_visualizations (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  session_id text collate "C" not null,
  run_id     text collate "C",
  job_id     text collate "C",
  name       text collate "C" not null,
  kind       text collate "C" not null,
  object_key text collate "C" not null,
  settings   jsonb not null default '{}'
);
create index if not exists training_visualizations_run_idx on public.training_visualizations (run_id);

create table if not exists public.training_logs (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  session_id text collate "C" not null,
  run_id     text collate "C",
  job_id     text collate "C",
  level      text collate "C" not null default 'info' check (level in ('debug', 'info', 'warning', 'error', 'critical')),
  message    text collate "C" not null check (char_length(message) <= 8000),
  details    jsonb not null default '{}'
);
create index if not exists training_logs_session_idx on public.training_logs (session_id, created_at);

create table if not exists public.scalers (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  session_id text collate "C" not null,
  dataset_id text collate "C" not null,
  role       text collate "C" not null check (role in ('input', 'output')),
  position   integer not null,
  name       text collate "C" not null,
  parameters jsonb not null
);
create index if not exists scalers_dataset_idx on public.scalers (dataset_id);

create table if not exists public.evaluation_tables (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  session_id text collate "C" not null,
  run_id     text collate "C",
  job_id     text collate "C",
  name       text collate "C" not null,
  content    jsonb not null
);
create index if not exists evaluation_tables_run_idx on public.evaluation_tables (run_id);

-- Children belong to a session and to its owner, both at once: a row cannot hang on somebody else's
-- session, and goes when the session goes. The same for every table, so said once.
do $$
declare child text;
begin
  foreach child in array array['training_files', 'file_chunks', 'training_series', 'datasets', 'runs', 'jobs',
                               'training_results', 'training_visualizations', 'training_logs', 'scalers',
                               'evaluation_tables'] loop
    if not exists (select from pg_catalog.pg_constraint where conname = child || '_session_fk') then
      execute format('alter table public.%I add constraint %I foreign key (session_id, owner)
                      references public.training_sessions (id, owner) on delete cascade on update cascade',
                     child, child || '_session_fk');
    end if;
    execute format('create index if not exists %I on public.%I (session_id, owner)', child || '_session_fk_idx', child);
    execute format('create index if not exists %I on public.%I (owner, created_at)', child || '_owner_idx', child);
  end loop;
end $$;
