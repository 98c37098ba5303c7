-- Whether the average of a run's models becomes one more of its rows.
alter table public.runs add column if not exists ensemble boolean not null default true;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
