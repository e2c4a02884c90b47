#!/usr/bin/env bash
# Checks that every C++ file that git tracks is as clang-format 19 (.clang-format) would write it.
#
#   tools/lint/format.sh         prints what differs, exit 1 if anything does
#   tools/lint/format.sh --fix   rewrites the files
set -eu -o pipefail
cd "${BASH_SOURCE[0]%/*}/../.."

case ${1-} in
  '') mode=(--dry-run -Werror) ;;
  --fix) mode=(-i) ;;
  *) echo "usage: tools/lint/format.sh [--fix]" >&2; exit 1 ;;
esac
command -v clang-format-19 >/dev/null || {
  echo "there is no clang-format-19 here: tools/install_packages ci" >&2
  exit 1
}
git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cc' | sort -zu |
  while IFS= read -r -d '' file; do if [ -f "$file" ]; then printf '%s\0' "$file"; fi; done |
  xargs -0 -r -n 50 clang-format-19 "${mode[@]}" || exit 1
