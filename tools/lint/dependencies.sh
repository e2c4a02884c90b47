#!/usr/bin/env bash
# Checks with Bazel that dependencies only point down.  One line for each check, which begins with PASSED, FAILED or
# SKIPPED; exit 1 if one has failed.
#
#   tools/lint/dependencies.sh [BAZEL OPTION...]   (startup options, before the command)
set -u
cd "${BASH_SOURCE[0]%/*}/../.." || exit 1
startup=("$@")
failed=0

passed() { echo "PASSED $1"; }
failed() { echo "FAILED $1: $2"; failed=1; }
skipped() { echo "SKIPPED $1: $2"; }

bazel() { local command=$1; shift; tools/bazel "${startup[@]}" "$command" --noshow_progress "$@"; }

# has_targets MODULE: whether there is anything to ask about.
has_targets() { [ -d "$1" ] && [ -n "$(find "$1" -name BUILD -print -quit)" ]; }

# expect_none NAME QUERY: the query works, and nothing answers it.
expect_none() {
  local output errors
  errors=$(mktemp)
  if ! output=$(bazel query "$2" 2>"$errors"); then
    failed "$1" "bazel query '$2' says: $(grep -m 1 ERROR "$errors")"
  elif [ -n "$output" ]; then
    failed "$1" "$(tr '\n' ' ' <<<"$output")"
  else
    passed "$1"
  fi
  rm -f "$errors"
}

# An upward dependency does not build, and the reason is its visibility.
for room in eventbus web observability; do
  sample=//runtime/floors_sample:upward_to_$room
  name="a dependency of runtime on $room does not build"
  if output=$(bazel build "$sample" 2>&1); then
    failed "$name" "$sample was built"
  elif ! grep -q 'is not visible from' <<<"$output"; then
    failed "$name" "$sample failed without \"not visible\": $(grep -m 1 ERROR <<<"$output")"
  else
    passed "$name"
  fi
done

# What each room must not reach: neither does it today, nor would a target of it be let in.
while read -r room above; do
  targets="//$room/..."
  # The bridges are a floor of their own, above the bus.
  if [ "$room" = eventbus ] && has_targets eventbus/bridge; then targets+=" - //eventbus/bridge/..."; fi
  for upper in $above; do
    name="$room does not depend on $upper"
    if ! has_targets "$room"; then
      skipped "$name" "there is no target in $room yet"
    elif ! has_targets "$upper"; then
      echo "$upper has no target yet: nothing that $room could depend on"
    else
      expect_none "$name" "deps($targets) intersect //$upper/..."
      expect_none "$upper is not visible to $room" "visible(some($targets), kind(rule, //$upper/...))"
    fi
  done
done <<'ROOMS'
runtime eventbus web observability services
eventbus eventbus/bridge web observability services
web eventbus observability services
observability services
ROOMS

for room in eventbus web; do
  for upper in eventbus web observability; do
    if [ "$room" = "$upper" ]; then continue; fi
    if has_targets "$room"; then
      expect_none "the visibility group of $upper leaves $room out" "visible(some(//$room/...), //tools/lint:of_$upper)"
    else
      skipped "the visibility group of $upper leaves $room out" "there is no target in $room yet"
    fi
  done
done

# Each of these modules builds where these libraries are not installed.
for room in runtime eventbus web; do
  name="$room needs no gRPC, protobuf or Prometheus"
  if ! has_targets "$room"; then
    skipped "$name" "there is no target in $room yet"
    continue
  fi
  targets="//$room/..."
  if [ "$room" = eventbus ] && has_targets eventbus/bridge; then targets+=" - //eventbus/bridge/..."; fi
  expect_none "$name" \
    "filter('(grpc|protobuf|prometheus)', deps($targets)) except filter('^@bazel_tools', deps($targets))"
done

exit $failed
