-- Rows that arrive after the upload: one batch per version of a file.
alter table public.training_series add column if not exists version integer not null default 0;
alter table public.training_series add column if not exists base_key text collate "C";

create table if not exists public.row_batches (
  id            text collate "C" primary key check (char_length(id) between 1 and 200),
  owner         uuid not null references auth.users (id) on delete cascade,
  revision      integer not null default 0,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  last_write    text,
  recent_writes text[] not null default '{}',
  session_id    text collate "C" not null,
  file_id       text collate "C" not null,
  version       integer not null,
  available_at  timestamptz not null,
  n_rows        integer not null,
  n_new         integer not null,
  n_changed     integer not null,
  object_key    text collate "C" not null,
  foreign key (session_id, owner) references public.training_sessions (id, owner) on delete cascade
);
create index if not exists row_batches_file_idx on public.row_batches (file_id, version);
create index if not exists row_batches_session_idx on public.row_batches (session_id, owner);

create or replace trigger count_change before insert or update on public.row_batches
  for each row execute function private.count_change();
alter table public.row_batches enable row level security;
revoke all on public.row_batches from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.row_batches to service_role;
drop policy if exists owner_only on public.row_batches;
create policy owner_only on public.row_batches for all to authenticated
  using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, delete on public.row_batches to authenticated;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
