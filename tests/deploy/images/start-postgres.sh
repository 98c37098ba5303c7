#!/bin/sh
# What the official image does on its first start: a cluster, the platform's roles and schemas, the mounted scripts.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  umask 077; echo "$POSTGRES_PASSWORD" > /tmp/password
  initdb -U postgres --auth-local=trust --auth-host=scram-sha-256 --pwfile=/tmp/password > /dev/null
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  pg_ctl -w start -o "-c listen_addresses= -k /tmp" > /dev/null
  export PGHOST=/tmp PGUSER=postgres
  psql -q -v ON_ERROR_STOP=1 -f /platform.sql
  psql -q -v ON_ERROR_STOP=1 -c "create role supabase_auth_admin login; create role supabase_storage_admin login superuser"
  for script in /docker-entrypoint-initdb.d/init-scripts/*.sql; do psql -q -v ON_ERROR_STOP=1 -f "$script"; done
  pg_ctl -w stop > /dev/null
fi
exec postgres -k /tmp -c "listen_addresses=*"
