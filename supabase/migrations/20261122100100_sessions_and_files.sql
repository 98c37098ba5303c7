-- Ids are text made by Trainyard and derived from what caused them. "C" makes text sort by bytes,
-- as the embedded ledger does. A write leaves its token in last_write, and
-- recent_writes keeps the last eight: a request that timed out recognises its own work by them.
create table if not exists public.training_sessions (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null references auth.users (id) on delete cascade,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  name       text collate "C" not null default '' check (char_length(name) <= 255),
  finalized  boolean not null default false,
  metadata   jsonb not null default '{}',
  time_info  jsonb not null default '{}',
  time_steps jsonb not null default '{}',
  -- What children refer to: it ties their owner to this row's.
  unique (id, owner)
);
create index if not exists training_sessions_owner_idx on public.training_sessions (owner, created_at);

-- The earlier name. security_invoker: the policies of the table decide for whoever asks.
create or replace view public.sessions with (security_invoker = true) as
  select id as session_id, owner as user_id, name, finalized, metadata, time_info, time_steps, created_at, updated_at
  from public.training_sessions;

create table if not exists public.training_files (
  id           text collate "C" primary key check (char_length(id) between 1 and 200),
  owner        uuid not null,
  revision     integer not null default 0,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  last_write   text,
  recent_writes text[] not null default '{}',
  session_id   text collate "C" not null,
  role         text collate "C" not null check (role in ('input', 'output')),
  file_name    text collate "C" not null check (char_length(file_name) between 1 and 255),
  generation   integer not null default 0,
  total_chunks integer not null check (total_chunks >= 1),
  size_bytes   bigint check (size_bytes >= 0),
  sha256       text collate "C" check (sha256 ~ '^[0-9a-f]{64}$'),
  status       text collate "C" not null default 'receiving'
               check (status in ('receiving', 'uploaded', 'ready', 'rejected')),
  settings     jsonb not null default '{}',
  options      jsonb not null default '{}',
  problem      jsonb
);

create table if not exists public.file_chunks (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  session_id text collate "C" not null,
  file_id    text collate "C" not null,
  index      integer not null check (index >= 0),
  size_bytes bigint not null check (size_bytes >= 0),
  sha256     text collate "C" not null check (sha256 ~ '^[0-9a-f]{64}$')
);
create index if not exists file_chunks_file_idx on public.file_chunks (file_id);

create table if not exists public.training_series (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  session_id text collate "C" not null,
  file_id    text collate "C" not null,
  position   integer not null,
  name       text collate "C" not null,
  object_key text collate "C" not null,
  sha256     text collate "C" not null check (sha256 ~ '^[0-9a-f]{64}$'),
  statistics jsonb not null,
  quality    jsonb not null,
  settings   jsonb not null default '{}'
);
create index if not exists training_series_file_idx on public.training_series (file_id);
