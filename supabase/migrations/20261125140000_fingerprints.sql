-- Chunks are told apart by a fingerprint; the SHA-256 that earlier releases took is no longer written.
alter table public.file_chunks add column if not exists fingerprint text collate "C" not null default '';
alter table public.file_chunks alter column sha256 drop not null;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
