-- When a session's newest best model takes the champion's place by itself: a rule, and its newest verdict.
create table if not exists public.promotion_rules (
  id            text collate "C" primary key check (char_length(id) between 1 and 200),
  owner         uuid not null references auth.users (id) on delete cascade,
  revision      integer not null default 0,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  last_write    text,
  recent_writes text[] not null default '{}',
  session_id    text collate "C" not null,
  days          integer not null,
  level         double precision not null,
  seen          text collate "C" not null default '',
  judged        jsonb not null default '{}',
  foreign key (session_id, owner) references public.training_sessions (id, owner) on delete cascade
);
create index if not exists promotion_rules_owner_idx on public.promotion_rules (session_id, owner);

create or replace trigger count_change before insert or update on public.promotion_rules
  for each row execute function private.count_change();
alter table public.promotion_rules enable row level security;
revoke all on public.promotion_rules from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.promotion_rules to service_role;
drop policy if exists owner_only on public.promotion_rules;
create policy owner_only on public.promotion_rules for all to authenticated
  using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, delete on public.promotion_rules to authenticated;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
