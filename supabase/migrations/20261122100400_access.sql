-- Who may do what. New tables get no grants by themselves; these are all there are.
-- Rows: row-level security on every table, one policy: yours are yours. Columns: users may write what
-- they are asked for; statuses, leases and results are written by services alone.
do $$
declare one text;
begin
  foreach one in array array['training_sessions', 'training_files', 'file_chunks', 'training_series', 'datasets',
                             'runs', 'jobs', 'training_results', 'training_visualizations', 'training_logs', 'scalers',
                             'evaluation_tables', 'leases', 'dead_letters', 'idempotency', 'api_keys'] loop
    execute format('alter table public.%I enable row level security', one);
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', one);
    execute format('grant select, insert, update, delete on public.%I to service_role', one);
    execute format('drop policy if exists owner_only on public.%I', one);
  end loop;

  foreach one in array array['training_sessions', 'training_files', 'file_chunks', 'training_series', 'datasets',
                             'runs', 'jobs', 'training_results', 'training_visualizations', 'training_logs', 'scalers',
                             'evaluation_tables', 'idempotency'] loop
    -- (select auth.uid()) is computed once for the statement, not once for each row.
    execute format('create policy owner_only on public.%I for all to authenticated
                    using (owner = (select auth.uid())) with check (owner = (select auth.uid()))', one);
    execute format('grant select, delete on public.%I to authenticated', one);
  end loop;
end $$;

grant insert on public.training_sessions, public.training_files, public.file_chunks, public.datasets,
  public.runs, public.idempotency, public.evaluation_tables to authenticated;
grant update (name, finalized, metadata, time_info, time_steps, last_write) on public.training_sessions to authenticated;
grant update (role, file_name, generation, total_chunks, size_bytes, sha256, status, settings, options, problem,
  last_write) on public.training_files to authenticated;
grant update (settings, last_write) on public.training_series to authenticated;
grant update (name, last_write) on public.datasets to authenticated;
grant update (cancel_requested, last_write) on public.runs to authenticated;
grant update (cancel_requested, last_write) on public.jobs to authenticated;
grant update (status, answer, last_write) on public.idempotency to authenticated;
grant update (name, content, last_write) on public.evaluation_tables to authenticated;

revoke all on public.sessions from public, anon, authenticated, service_role;
grant select on public.sessions to authenticated, service_role;

revoke all on all functions in schema private from public, anon;
grant execute on all functions in schema private to authenticated, service_role;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
