-- Backtests are runs of another run's models, fold by fold.
alter table public.runs add column if not exists backtest_of text collate "C";
alter table public.runs add column if not exists backtest jsonb;
alter table public.jobs add column if not exists backtest jsonb;
create index if not exists runs_session_kind_idx on public.runs (session_id, backtest_of, created_at);

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
