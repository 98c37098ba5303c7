#!/bin/sh
# Write .env from .env.example with fresh secrets; an .env that is there stays as it is.
#   deploy/make-env.sh            rows and bytes in the volume `data`
#   deploy/make-env.sh supabase   in the profile `supabase`, with a fresh JWT secret and its keys (needs openssl)
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then echo ".env is there already; it stays as it is"; exit 0; fi
umask 077

fresh() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
url64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
key() {  # a key of the project: a JWT for ten years that names a role
  head=$(printf '{"alg":"HS256","typ":"JWT"}' | url64)
  now=$(date +%s)
  body=$(printf '{"role":"%s","iss":"supabase","iat":%s,"exp":%s}' "$1" "$now" "$((now + 315360000))" | url64)
  printf '%s.%s.%s' "$head" "$body" "$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -hmac "$secret" -binary | url64)"
}

secret= service= anon= url=
if [ "${1:-}" = supabase ]; then
  secret=$(fresh) url=http://supabase:8000
  service=$(key service_role) anon=$(key anon)
fi
while IFS= read -r line; do
  case $line in
    *=change-me) printf '%ss%s\n' "${line%change-me}" "$(fresh)" ;;
    TRAINYARD_SUPABASE_URL=) printf '%s%s\n' "$line" "$url" ;;
    TRAINYARD_SUPABASE_KEY=) printf '%s%s\n' "$line" "$service" ;;
    TRAINYARD_SUPABASE_PUBLISHABLE_KEY=) printf '%s%s\n' "$line" "$anon" ;;
    TRAINYARD_GATEWAY_JWT_SECRET=) printf '%s%s\n' "$line" "$secret" ;;
    COMPOSE_PROFILES=) printf '%s%s\n' "$line" "${1:-}" ;;
    *) printf '%s\n' "$line" ;;
  esac
done < .env.example > .env
echo ".env written; docker compose up --build"
