-- One private bucket. An object's name is Trainyard's key: sessions/<session id>/..., so the second
-- folder says whose it is. Users read all of their sessions; they write uploads and nothing else.
insert into storage.buckets (id, name, public) values ('trainyard', 'trainyard', false)
on conflict (id) do update set public = excluded.public;

-- security definer: the decision needs one row of the ledger, not the asker's right to read the ledger.
create or replace function private.owns_object(object_name text) returns boolean
language sql stable security definer set search_path = '' as $$
  select (storage.foldername(object_name))[1] = 'sessions' and exists (
    select from public.training_sessions s
    where s.id = (storage.foldername(object_name))[2] and s.owner = (select auth.uid()))
$$;
revoke all on function private.owns_object(text) from public, anon;
grant execute on function private.owns_object(text) to authenticated, service_role;

drop policy if exists trainyard_reads on storage.objects;
create policy trainyard_reads on storage.objects for select to authenticated
  using (bucket_id = 'trainyard' and private.owns_object(name));

drop policy if exists trainyard_uploads on storage.objects;
create policy trainyard_uploads on storage.objects for insert to authenticated
  with check (bucket_id = 'trainyard' and (storage.foldername(name))[3] = 'files' and private.owns_object(name));

drop policy if exists trainyard_replaces on storage.objects;
create policy trainyard_replaces on storage.objects for update to authenticated
  using (bucket_id = 'trainyard' and (storage.foldername(name))[3] = 'files' and private.owns_object(name))
  with check (bucket_id = 'trainyard' and (storage.foldername(name))[3] = 'files' and private.owns_object(name));

drop policy if exists trainyard_removes on storage.objects;
create policy trainyard_removes on storage.objects for delete to authenticated
  using (bucket_id = 'trainyard' and private.owns_object(name));
