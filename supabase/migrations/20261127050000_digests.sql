-- Digests of everything that is read again: later rows, forecasts, and what is made of a model on request.
alter table public.training_series add column if not exists base_sha256 text collate "C";
alter table public.row_batches add column if not exists sha256 text collate "C";
alter table public.forecasts add column if not exists sha256 text collate "C";
alter table public.jobs add column if not exists made jsonb not null default '{}';

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
