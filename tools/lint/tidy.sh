#!/usr/bin/env bash
# Runs clang-tidy 19 (.clang-tidy) over C++ sources and the headers of ours that they include, as many at a time as there
# are cores.  It makes the compiler's flags itself: every include is a path from the workspace root or a Debian package's.
#
#   tools/lint/tidy.sh               all .cc files that git tracks
#   tools/lint/tidy.sh FILE.cc...    these
#
# Prints the findings; exit 1 if there are any.
set -eu -o pipefail
cd "${BASH_SOURCE[0]%/*}/../.."

command -v clang-tidy-19 >/dev/null || {
  echo "there is no clang-tidy-19 here: tools/install_packages ci" >&2
  exit 1
}
files() { if [ $# -gt 0 ]; then printf '%s\0' "$@"; else git ls-files -z -- '*.cc'; fi; }

# On standard error it only counts what it suppressed; findings and errors go to standard output.
# The last folder is that of libbacktrace's header.
# shellcheck disable=SC2016  # the inner shell's $1
tidy='output=$(clang-tidy-19 --quiet "$1" -- -std=c++20 -I. -idirafter /usr/lib/gcc/x86_64-linux-gnu/12/include \
  2>/dev/null) || { echo "$1:"; echo "$output"; exit 1; }'
files "$@" | xargs -0 -r -n 1 -P "$(nproc)" sh -c "$tidy" tidy || exit 1
