-- The columns the system documents name, for whoever asks the tables directly. Most are another word for what a row
-- has, or follow from other rows, so they are computed: `select id, status from training_sessions` of PostgREST and
-- `select s.status from training_sessions s` of SQL find them like columns (they may be filtered and ordered by, too).
-- Functions run with the rights of whoever asks, so row-level security decides what they see.

-- A session's id as UUID text, whatever the embedded form; null for ids of another form.
create or replace function private.dashed(id text) returns uuid language sql immutable set search_path = '' as $$
  select case when id ~ '^[0-9a-f]{32}$' then id::uuid end
$$;

-- training_sessions ------------------------------------------------------------------------------------------
create or replace function public.session_id(public.training_sessions) returns text
language sql stable set search_path = '' as $$
  select coalesce($1.metadata ->> 'client_id', private.dashed($1.id)::text, $1.id)
$$;
create or replace function public.user_id(public.training_sessions) returns uuid
language sql stable set search_path = '' as $$ select $1.owner $$;
create or replace function public.configuration(public.training_sessions) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object('time_info', $1.time_info, 'time_steps', $1.time_steps)
$$;
-- The five words: uploading, configuring, processing, completed, failed; as GET /list-sessions tells them.
create or replace function public.status(public.training_sessions) returns text
language sql stable set search_path = '' as $$
  select case
    when exists (select from public.runs r where r.session_id = $1.id and r.status in ('waiting', 'running'))
      then 'processing'
    when exists (select from public.runs r where r.session_id = $1.id and r.backtest_of is null and r.status = 'completed')
      then 'completed'
    when exists (select from public.runs r where r.session_id = $1.id and r.backtest_of is null)
      then case when (select r.status from public.runs r where r.session_id = $1.id and r.backtest_of is null
                      order by r.created_at desc, r.id desc limit 1) = 'failed' then 'failed' else 'configuring' end
    when exists (select from public.training_files f where f.session_id = $1.id and f.status = 'rejected') then 'failed'
    when exists (select from public.training_files f where f.session_id = $1.id)
      and not exists (select from public.training_files f where f.session_id = $1.id and f.status <> 'ready')
      then 'configuring'
    else 'uploading'
  end
$$;
-- Windows of the newest data set; before there is one, the rows of all files.
create or replace function public.n_dat(public.training_sessions) returns integer
language sql stable set search_path = '' as $$
  select case
    when exists (select from public.datasets d where d.session_id = $1.id and d.status = 'ready')
      then (select (d.report ->> 'n_windows')::integer from public.datasets d
            where d.session_id = $1.id and d.status = 'ready' order by d.created_at desc, d.id desc limit 1)
    else (select sum(n)::integer from (select max((s.statistics ->> 'n')::integer) as n
          from public.training_series s where s.session_id = $1.id group by s.file_id) files)
  end
$$;
create or replace function public.file_count(public.training_sessions) returns integer
language sql stable set search_path = '' as $$
  select count(*)::integer from public.training_files f where f.session_id = $1.id
$$;

-- The view ``sessions``: what it lacks of the documents' words, from the row it shows.
create or replace function public.id(public.sessions) returns uuid
language sql stable set search_path = '' as $$ select private.dashed($1.session_id) $$;
create or replace function public.session_name(public.sessions) returns text
language sql stable set search_path = '' as $$ select $1.name $$;
create or replace function public.status(public.sessions) returns text
language sql stable set search_path = '' as $$
  select public.status(s) from public.training_sessions s where s.id = $1.session_id
$$;
create or replace function public.n_dat(public.sessions) returns integer
language sql stable set search_path = '' as $$
  select public.n_dat(s) from public.training_sessions s where s.id = $1.session_id
$$;
create or replace function public.file_count(public.sessions) returns integer
language sql stable set search_path = '' as $$
  select public.file_count(s) from public.training_sessions s where s.id = $1.session_id
$$;

-- training_files ---------------------------------------------------------------------------------------------
create or replace function public.file_type(public.training_files) returns text
language sql stable set search_path = '' as $$ select $1.role $$;
create or replace function public.file_size(public.training_files) returns bigint
language sql stable set search_path = '' as $$ select $1.size_bytes $$;
-- The file's bytes where they are kept: its chunks lie below this path, in their order.
create or replace function public.storage_path(public.training_files) returns text
language sql stable set search_path = '' as $$
  select 'sessions/' || $1.session_id || '/files/' || $1.id || '/chunks'
$$;
create or replace function public.uploaded_at(public.training_files) returns timestamptz
language sql stable set search_path = '' as $$ select $1.created_at $$;

-- training_results: one row per model of a run ----------------------------------------------------------------
create or replace function public.evaluation_metrics(public.training_results) returns jsonb
language sql stable set search_path = '' as $$ select $1.headline $$;
create or replace function public.status(public.training_results) returns text
language sql stable set search_path = '' as $$ select r.status from public.runs r where r.id = $1.run_id $$;
create or replace function public.completed_at(public.training_results) returns timestamptz
language sql stable set search_path = '' as $$ select r.finished_at from public.runs r where r.id = $1.run_id $$;
create or replace function public.model_performance(public.training_results) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_object_agg(j.label, jsonb_build_object('model', j.kind, 'status', j.status, 'seconds', j.seconds,
                                                      'metrics', o.headline))
  from public.jobs j left join public.training_results o on o.id = j.id where j.run_id = $1.run_id
$$;
create or replace function public.best_model(public.training_results) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object('job_id', j.id, 'label', j.label, 'kind', j.kind, 'metrics', o.headline)
  from public.runs r join public.jobs j on j.id = r.best_job_id left join public.training_results o on o.id = j.id
  where r.id = $1.run_id
$$;
create or replace function public.summary(public.training_results) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'n_models', (select count(*) from public.jobs j where j.run_id = r.id),
    'n_finished', (select count(*) from public.jobs j where j.run_id = r.id and j.status = 'finished'),
    'n_failed', (select count(*) from public.jobs j where j.run_id = r.id and j.status = 'failed'),
    'n_cancelled', (select count(*) from public.jobs j where j.run_id = r.id and j.status = 'cancelled'),
    'metric', r.metric, 'started_at', r.started_at, 'completed_at', r.finished_at)
  from public.runs r where r.id = $1.run_id
$$;

-- training_visualizations --------------------------------------------------------------------------------------
create or replace function public.plot_name(public.training_visualizations) returns text
language sql stable set search_path = '' as $$ select $1.name $$;
create or replace function public.plot_type(public.training_visualizations) returns text
language sql stable set search_path = '' as $$
  select case when $1.kind like '%violin%' then 'violin_plot' else $1.kind end
$$;
create or replace function public.metadata(public.training_visualizations) returns jsonb
language sql stable set search_path = '' as $$ select $1.settings $$;

-- training_logs: which of the seven phases a line is about, as GET /logs tells it ---------------------------------
create or replace function private.phase_of(event text) returns table (number integer, name text, percent integer)
language sql immutable set search_path = '' as $$
  select v.number, v.name, v.percent from (values
    ('upload.completed', 1, 'Data Loading & Configuration', 0),
    ('file.ready', 1, 'Data Loading & Configuration', 0),
    ('file.rejected', 1, 'Data Loading & Configuration', 0),
    ('dataset.requested', 3, 'Dataset Creation - Time Features', 10),
    ('dataset.ready', 4, 'Data Preparation - Scaling & Splitting', 20),
    ('dataset.failed', 3, 'Dataset Creation - Time Features', 10),
    ('training.requested', 4, 'Data Preparation - Scaling & Splitting', 20),
    ('run.planned', 5, 'Model Training', 25),
    ('model.progress', 5, 'Model Training', 25),
    ('model.done', 6, 'Model Testing - Predictions', 90),
    ('model.evaluated', 7, 'Re-scaling & Comprehensive Evaluation', 95),
    ('run.finished', 7, 'Re-scaling & Comprehensive Evaluation', 95),
    ('run.reported', 7, 'Re-scaling & Comprehensive Evaluation', 95)
  ) as v (event, number, name, percent) where v.event = $1
$$;
create or replace function public.step_number(public.training_logs) returns integer
language sql stable set search_path = '' as $$ select number from private.phase_of($1.details ->> 'event') $$;
create or replace function public.step_name(public.training_logs) returns text
language sql stable set search_path = '' as $$ select name from private.phase_of($1.details ->> 'event') $$;
create or replace function public.progress_percentage(public.training_logs) returns integer
language sql stable set search_path = '' as $$ select percent from private.phase_of($1.details ->> 'event') $$;

-- evaluation_tables ----------------------------------------------------------------------------------------------
create or replace function public.df_eval(public.evaluation_tables) returns jsonb
language sql stable set search_path = '' as $$ select $1.content -> 'df_eval' $$;
create or replace function public.df_eval_ts(public.evaluation_tables) returns jsonb
language sql stable set search_path = '' as $$ select $1.content -> 'df_eval_ts' $$;
create or replace function public.model_type(public.evaluation_tables) returns text
language sql stable set search_path = '' as $$ select $1.content ->> 'model_type' $$;

do $$
declare one regprocedure;
begin
  for one in
    select p.oid::regprocedure from pg_catalog.pg_proc p
    join pg_catalog.pg_type t on t.oid = p.proargtypes[0]
    join pg_catalog.pg_class c on c.oid = t.typrelid
    where p.pronamespace = 'public'::regnamespace and p.pronargs = 1 and c.relnamespace = 'public'::regnamespace
  loop
    execute format('revoke all on function %s from public, anon', one);
    execute format('grant execute on function %s to authenticated, service_role', one);
  end loop;
end $$;
revoke all on function private.dashed(text), private.phase_of(text) from public, anon;
grant execute on function private.dashed(text), private.phase_of(text) to authenticated, service_role;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
