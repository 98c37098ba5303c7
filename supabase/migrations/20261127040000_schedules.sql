-- What a session does by itself at times of a local clock, and what became of it.
create table if not exists public.schedules (
  id            text collate "C" primary key check (char_length(id) between 1 and 200),
  owner         uuid not null references auth.users (id) on delete cascade,
  revision      integer not null default 0,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  last_write    text,
  recent_writes text[] not null default '{}',
  session_id    text collate "C" not null,
  name          text not null default '',
  action        text collate "C" not null,
  at            text collate "C" not null,
  timezone      text collate "C" not null,
  day_of_month  integer,
  condition     text collate "C" not null default 'always',
  model         text not null default 'champion',
  horizon       double precision,
  webhook_url   text,
  secret        text,
  enabled       boolean not null default true,
  foreign key (session_id, owner) references public.training_sessions (id, owner) on delete cascade
);
create index if not exists schedules_session_idx on public.schedules (session_id, owner);
create index if not exists schedules_enabled_idx on public.schedules (enabled);

create or replace trigger count_change before insert or update on public.schedules
  for each row execute function private.count_change();
alter table public.schedules enable row level security;
revoke all on public.schedules from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.schedules to service_role;
drop policy if exists owner_only on public.schedules;
create policy owner_only on public.schedules for all to authenticated
  using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, delete on public.schedules to authenticated;  -- what is due is read for everybody: checked first

create table if not exists public.schedule_firings (
  id            text collate "C" primary key check (char_length(id) between 1 and 200),
  owner         uuid not null references auth.users (id) on delete cascade,
  revision      integer not null default 0,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  last_write    text,
  recent_writes text[] not null default '{}',
  session_id    text collate "C" not null,
  schedule_id   text collate "C" not null,
  due           timestamptz not null,
  local_day     text collate "C" not null,
  status        text collate "C" not null default 'due',
  result        jsonb not null default '{}',
  problem       jsonb,
  delivery      text collate "C" not null default 'none',
  foreign key (session_id, owner) references public.training_sessions (id, owner) on delete cascade
);
create index if not exists schedule_firings_session_idx on public.schedule_firings (session_id, owner);
create index if not exists schedule_firings_due_idx on public.schedule_firings (schedule_id, due);
create index if not exists schedule_firings_status_idx on public.schedule_firings (status);
create index if not exists schedule_firings_delivery_idx on public.schedule_firings (delivery);

create or replace trigger count_change before insert or update on public.schedule_firings
  for each row execute function private.count_change();
alter table public.schedule_firings enable row level security;
revoke all on public.schedule_firings from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.schedule_firings to service_role;
drop policy if exists owner_only on public.schedule_firings;
create policy owner_only on public.schedule_firings for all to authenticated
  using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, delete on public.schedule_firings to authenticated;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
