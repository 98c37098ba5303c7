-- Chunks are told apart by a fingerprint instead of a SHA-256; those that came before have none.
alter table public.file_chunks add column if not exists fingerprint text collate "C" not null default '';
alter table public.file_chunks drop column if exists sha256;

-- PostgREST reads the schema once; tell it that there is more.
notify pgrst, 'reload schema';
