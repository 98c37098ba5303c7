#!/bin/sh
# Write .env from .env.example with fresh secrets; an .env that is there stays as it is.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then echo ".env is there already; it stays as it is"; exit 0; fi
umask 077
while IFS= read -r line; do
  case $line in
    *=change-me) printf '%ss%s\n' "${line%change-me}" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" ;;
    *) printf '%s\n' "$line" ;;
  esac
done < .env.example > .env
echo ".env written; docker compose up --build"
