-- Jobs wait in the ledger for their turn in the work queue; plans say how heavy a user is beside others.

alter table public.jobs add column if not exists released_at timestamptz;
create index if not exists jobs_owner_status_idx on public.jobs (owner, status);

alter table public.subscription_plans add column if not exists weight double precision not null default 1
  check (weight > 0);

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
