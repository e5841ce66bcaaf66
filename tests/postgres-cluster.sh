#!/usr/bin/env bash
# A PostgreSQL cluster for tests only: fast, forgetful, on the loopback address and a socket in its own folder.
#
#   tests/postgres-cluster.sh start DIR PORT            makes the cluster in DIR unless it is there, starts it, and
#                                                       prints its URL; PORT 0 takes a free one
#   tests/postgres-cluster.sh stop DIR [fast|immediate] stops it and keeps DIR; `immediate` is as good as a crash
#
# A stopped cluster starts again with its data. PostgreSQL refuses to run as root: there it runs as the user `postgres`,
# made if absent. TEST_POSTGRES_FSYNC=on makes it durable, for tests that kill it.

set -euo pipefail

usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

die() {
  echo "postgres-cluster: $*" >&2
  exit 1
}

# The folder of initdb and pg_ctl, which Debian keeps out of PATH; the newest version wins.
server_programs() {
  local newest
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  if [ -x "$newest" ]; then
    dirname "$newest"
  elif command -v initdb >/dev/null && command -v pg_ctl >/dev/null; then
    dirname "$(command -v initdb)"
  else
    die "no PostgreSQL server programs (initdb, pg_ctl) found; on Debian: apt-get install postgresql"
  fi
}

# Runs a command as the user that owns the cluster, from a folder which that user may enter.
as_owner() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

prepare_folder() {
  if [ "$(id -u)" -eq 0 ] && ! id postgres >/dev/null 2>&1; then
    useradd --system --no-create-home --shell /usr/sbin/nologin postgres
  fi
  mkdir -p "$dir"
  chmod 700 "$dir"
  if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$dir"
  fi
  as_owner test -w "$dir" || die "the user postgres cannot reach $dir: choose one whose parents it may enter, as in /tmp"
  # A socket's path is at most 107 bytes.
  [ "${#dir}" -le 80 ] || die "$dir is too long a path for a socket: at most 80 characters"
}

make_cluster() {
  # The password keeps other users of the machine out. MD5 because SCRAM costs milliseconds for each of the thousands
  # of connections that the tests open.
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | as_owner tee "$dir/password" >/dev/null
  as_owner "$programs/initdb" --pgdata="$dir/data" --username=postgres --pwfile="$dir/password" --auth=md5 \
    --locale=C --encoding=UTF8 --no-sync >"$dir/initdb.log" 2>&1 || die "initdb failed: $(cat "$dir/initdb.log")"
}

configure() {
  local fsync=${TEST_POSTGRES_FSYNC:-off}
  as_owner tee "$dir/data/tests.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
max_connections = 300
fsync = $fsync
synchronous_commit = $fsync
full_page_writes = $fsync
lc_messages = 'C'
timezone = 'UTC'
CONF
  as_owner grep -q "^include 'tests.conf'" "$dir/data/postgresql.conf" ||
    echo "include 'tests.conf'" | as_owner tee -a "$dir/data/postgresql.conf" >/dev/null
}

running() {
  as_owner "$programs/pg_ctl" status --pgdata="$dir/data" >/dev/null 2>&1
}

in_use() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

try_start() {
  as_owner "$programs/pg_ctl" start --pgdata="$dir/data" --wait --timeout=60 --silent \
    --log="$dir/server.log" --options="-p $1" >"$dir/pg_ctl.log" 2>&1 </dev/null
}

start() {
  programs=$(server_programs)
  prepare_folder
  [ -e "$dir/data/PG_VERSION" ] || make_cluster
  ! running || die "the cluster in $dir is running already"
  configure
  local tries=1 port=$1
  [ "$1" -ne 0 ] || tries=20
  while [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    # Below the range from which the kernel gives ports to outgoing connections.
    [ "$1" -ne 0 ] || port=$((20000 + RANDOM % 12000))
    if ! in_use "$port" && try_start "$port"; then
      echo "postgres://postgres:$(cat "$dir/password")@127.0.0.1:$port/postgres"
      return
    fi
  done
  ! in_use "$port" || die "port $port is taken"
  die "PostgreSQL did not start on port $port; the end of $dir/server.log: $(tail -n 20 "$dir/server.log" 2>/dev/null)"
}

stop() {
  programs=$(server_programs)
  running || return 0
  as_owner "$programs/pg_ctl" stop --pgdata="$dir/data" --mode="$1" --wait --timeout=60 --silent
}

case "${1:-}" in
  start)
    [[ $# -eq 3 && $3 =~ ^[0-9]+$ ]] || { usage >&2; exit 2; }
    dir=$(realpath -m "$2")
    start "$3"
    ;;
  stop)
    [[ ($# -eq 2 || $# -eq 3) && ${3:-fast} =~ ^(fast|immediate)$ ]] || { usage >&2; exit 2; }
    dir=$(realpath -m "$2")
    stop "${3:-fast}"
    ;;
  --help | -h) usage ;;
  *) usage >&2; exit 2 ;;
esac
