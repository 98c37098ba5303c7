-- Documents of forecasts as rows of their own; long ones stay objects.
alter table public.forecasts alter column object_key drop not null;

create table if not exists public.forecast_documents (
  id            text collate "C" primary key check (char_length(id) between 1 and 200),
  owner         uuid not null references auth.users (id) on delete cascade,
  revision      integer not null default 0,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  last_write    text,
  recent_writes text[] not null default '{}',
  session_id    text collate "C" not null,
  content       text not null,
  foreign key (session_id, owner) references public.training_sessions (id, owner) on delete cascade
);
create index if not exists forecast_documents_session_idx on public.forecast_documents (session_id, owner);

create or replace trigger count_change before insert or update on public.forecast_documents
  for each row execute function private.count_change();
alter table public.forecast_documents enable row level security;
revoke all on public.forecast_documents from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.forecast_documents to service_role;
drop policy if exists owner_only on public.forecast_documents;
create policy owner_only on public.forecast_documents for all to authenticated
  using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, delete on public.forecast_documents to authenticated;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
