-- What services keep among themselves; leases and dead letters belong to no user.
create table if not exists public.leases (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      text collate "C" not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  holder     text collate "C" not null,
  until      timestamptz not null
);

create table if not exists public.dead_letters (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      text collate "C" not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  session_id text collate "C" not null,
  subject    text collate "C" not null,
  reason     text collate "C" not null,
  payload    text collate "C" not null,
  details    jsonb not null default '{}'
);
create index if not exists dead_letters_session_idx on public.dead_letters (session_id);

create table if not exists public.idempotency (
  id          text collate "C" primary key check (char_length(id) between 1 and 200),
  owner       uuid not null references auth.users (id) on delete cascade,
  revision    integer not null default 0,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  last_write  text,
  recent_writes text[] not null default '{}',
  route       text collate "C" not null,
  body_sha256 text collate "C" not null,
  status      integer,
  answer      jsonb not null default '{}'
);
create index if not exists idempotency_owner_idx on public.idempotency (owner, created_at);

-- Only a hash is kept; a key is shown once, when it is made.
create table if not exists public.api_keys (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null references auth.users (id) on delete cascade,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  name       text collate "C" not null default '' check (char_length(name) <= 255),
  key_sha256 text collate "C" not null unique check (key_sha256 ~ '^[0-9a-f]{64}$'),
  expires_at timestamptz,
  revoked_at timestamptz
);
create index if not exists api_keys_owner_idx on public.api_keys (owner, created_at);

do $$
declare one text;
begin
  foreach one in array array['training_sessions', 'training_files', 'file_chunks', 'training_series', 'datasets',
                             'runs', 'jobs', 'training_results', 'training_visualizations', 'training_logs', 'scalers',
                             'evaluation_tables', 'leases', 'dead_letters', 'idempotency', 'api_keys'] loop
    execute format('create or replace trigger count_change before insert or update on public.%I
                    for each row execute function private.count_change()', one);
  end loop;
end $$;
