-- Plans, subscriptions and the use of a month. Plans are the operator's, to be read by everybody who is signed in;
-- users read their own subscription and use, and only services write them.
create table if not exists public.subscription_plans (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      text collate "C" not null,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  name       text collate "C" not null check (char_length(name) between 1 and 100),
  can_use_training boolean not null default true,
  max_processing_jobs_per_month integer not null default -1 check (max_processing_jobs_per_month >= -1),
  max_training_runs_per_month integer not null default -1 check (max_training_runs_per_month >= -1)
);

create table if not exists public.user_subscriptions (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null references auth.users (id) on delete cascade,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  plan_id    text collate "C" not null references public.subscription_plans (id),
  status     text collate "C" not null default 'active',
  expires_at timestamptz
);
create index if not exists user_subscriptions_owner_idx on public.user_subscriptions (owner, created_at);

create table if not exists public.usage_tracking (
  id         text collate "C" primary key check (char_length(id) between 1 and 200),
  owner      uuid not null references auth.users (id) on delete cascade,
  revision   integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_write text,
  recent_writes text[] not null default '{}',
  period_start timestamptz not null,
  period_end timestamptz not null,
  processing_jobs_count integer not null default 0 check (processing_jobs_count >= 0),
  training_runs_count integer not null default 0 check (training_runs_count >= 0),
  units      jsonb not null default '[]'
);
create index if not exists usage_tracking_owner_idx on public.usage_tracking (owner, created_at);

do $$
declare one text;
begin
  foreach one in array array['subscription_plans', 'user_subscriptions', 'usage_tracking'] loop
    execute format('create or replace trigger count_change before insert or update on public.%I
                    for each row execute function private.count_change()', one);
    execute format('alter table public.%I enable row level security', one);
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', one);
    execute format('grant select, insert, update, delete on public.%I to service_role', one);
    execute format('grant select on public.%I to authenticated', one);
  end loop;
  foreach one in array array['user_subscriptions', 'usage_tracking'] loop
    execute format('drop policy if exists owner_only on public.%I', one);
    execute format('create policy owner_only on public.%I for select to authenticated
                    using (owner = (select auth.uid()))', one);
  end loop;
end $$;

drop policy if exists everybody_reads on public.subscription_plans;
create policy everybody_reads on public.subscription_plans for select to authenticated using (true);

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
