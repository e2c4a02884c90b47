#!/usr/bin/env bash
# Runs the server binary as a user would, over real sockets and signals.  One line for each check, which begins with
# PASSED or FAILED; exit 1 if one has failed.
#
#   tools/smoke/smoke.sh [SERVER]   SERVER: .out/bin/services/server/server, unless given
set -eu
top=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
server=${1:-$top/.out/bin/services/server/server}
[ -x "$server" ] || {
  echo "FAILED smoke: there is no $server; build it: tools/bazel build --config=opt //:server"
  exit 1
}
exec python3 "$top/tools/smoke/smoke.py" "$server"
