-- Trials of a search are jobs of its run; the model waits for them in a state of its own.
alter table public.jobs add column if not exists trial jsonb;
alter table public.jobs drop constraint if exists jobs_status_check;
alter table public.jobs add constraint jobs_status_check
  check (status in ('searching', 'queued', 'running', 'finished', 'failed', 'cancelled'));

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
