#!/bin/sh
# Apply supabase/migrations in order; every file may be applied again.
set -eu
for file in /migrations/*.sql; do
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --single-transaction --file "$file"
  echo "applied $(basename "$file")"
done
psql --quiet --no-psqlrc --command "notify pgrst, 'reload schema'"
