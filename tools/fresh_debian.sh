#!/usr/bin/env bash
# Proves that a bare Debian 12 needs nothing but the two commands of the README: makes one with debootstrap in a
# temporary folder, clones HEAD into it, and there, in process and mount namespaces of their own,
#   1. runs `tools/bazel run //:server` until it answers HTTP, sends SIGTERM, and wants exit status 0;
#   2. runs `tools/bazel test //...`.
# Prints what each step took; exit 0 only if all went well.  Leaves nothing behind.  Needs root and the network of apt.
#
#   tools/fresh_debian.sh [--as-user] [--run=TARGET] [--arguments="ARG..."] [--port=N] [--path=/live] [--test=PATTERN]
#
#   --as-user    builds as a user who may use sudo, instead of root
#   --run        what to run instead of //:server; --arguments are its own, --port where it listens (8080),
#   --path       the path that has to answer 200
#   --test       what to test instead of //...
set -eu

fail() { echo "fresh_debian: $*" >&2; exit 1; }

as=root run=//:server arguments='' port=8080 path=/live tests=//...
for option; do
  case $option in
    --as-user) as=builder ;;
    --run=*) run=${option#*=} ;;
    --arguments=*) arguments=${option#*=} ;;
    --port=*) port=${option#*=} ;;
    --path=*) path=${option#*=} ;;
    --test=*) tests=${option#*=} ;;
    *) fail "unknown option $option" ;;
  esac
done

top=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
[ "$(id -u)" = 0 ] || fail "debootstrap and its mounts need root"
"$top/tools/install_packages" fresh_debian
# The namespaces below do not hold the network: apt needs it.
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then fail "something listens on port $port already"; fi

work=$(mktemp -d "${TMPDIR:-/var/tmp}/fluxor-fresh.XXXXXX")
root=$work/root
inside=
clean_up() {
  # Its death takes all processes of the namespace along, and theirs the mounts.
  if [ -n "$inside" ]; then
    kill -KILL "$inside" 2>/dev/null || :
    wait "$inside" 2>/dev/null || :
  fi
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The same archives as this machine: main, updates and security.
# shellcheck disable=SC2016  # apt expands it
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
  grep ' bookworm[^ ]* main$' | sort -u)
mirror=$(awk '$3 == "bookworm" { print $2; exit }' <<<"$sources")
[ -n "$mirror" ] || fail "apt knows no archive of bookworm here"

echo "A bare Debian 12 for $(git -C "$top" rev-parse --short HEAD), building as $as"
SECONDS=0
debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || {
  tail -n 20 "$work/debootstrap.log" >&2
  fail "debootstrap failed"
}
echo "$sources" >"$root/etc/apt/sources.list"
printf '127.0.0.1 localhost %s\n' "$(hostname)" >"$root/etc/hosts"
git clone --quiet --no-hardlinks "$top" "$root/fluxor"
echo "  debootstrap and clone: $SECONDS s"

cat >"$root/inside.sh" <<'INSIDE'
# Process 1 of the bare Debian: bash reaps what loses its parent, and when it ends, all else here ends too.
set -u
as=$1 run=$2 arguments=$3 port=$4 path=$5 tests=$6
log=/var/log/fluxor.log
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8

fail() {
  tail -n 40 $log
  echo "  FAILED: $*"
  exit 1
}

# Sets `head` to the first line of the answer to GET $path; false when there is none.
ask() {
  head=
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$path" >&3
  read -r -t 5 head <&3
  exec 3>&-
  [ -n "$head" ]
} 2>/dev/null

become=()
home=/root
if [ "$as" != root ]; then
  { apt-get -q update && apt-get -q -y install --no-install-recommends sudo; } >$log 2>&1 || fail "no sudo"
  useradd --create-home --shell /bin/bash "$as"
  echo "$as ALL=(ALL) NOPASSWD: ALL" >"/etc/sudoers.d/$as"
  chown -R "$as:" /fluxor
  become=(setpriv --reuid="$as" --regid="$as" --init-groups)
  home=/home/$as
fi
become+=(env -i PATH="$PATH" LANG=$LANG HOME="$home" USER="$as" LOGNAME="$as")
cd /fluxor || exit 1

SECONDS=0
# shellcheck disable=SC2086  # the arguments are words
"${become[@]}" tools/bazel run "$run" ${arguments:+-- $arguments} >$log 2>&1 </dev/null &
server=$!
until ask; do
  kill -0 $server 2>/dev/null || fail "tools/bazel run $run ended before it answered"
  [ $SECONDS -lt 1800 ] || fail "tools/bazel run $run did not answer on port $port within 30 minutes"
  sleep 0.2
done
case $head in *' 200 '*) ;; *) fail "GET $path answers $head" ;; esac
echo "  tools/bazel run $run answered GET $path after: $SECONDS s"

kill -TERM $server
# A watchdog, so that a server that does not end cannot hold this up.
(sleep 60; kill -KILL $server) 2>/dev/null &
watchdog=$!
wait $server
status=$?
kill $watchdog
[ $status = 0 ] || fail "SIGTERM ended it with status $status"
echo "  SIGTERM ended it with status 0"

SECONDS=0
"${become[@]}" tools/bazel test "$tests" >$log 2>&1 </dev/null || fail "tools/bazel test $tests: status $?"
grep -h '^Executed' $log | sed 's/^/  /'
echo "  tools/bazel test $tests passed after: $SECONDS s"

"${become[@]}" tools/bazel --check >$log 2>&1 || fail "tools/bazel --check finds something missing"
INSIDE

# shellcheck disable=SC2016  # expanded inside
unshare --mount --pid --fork --kill-child --propagation private bash -euc '
  root=$1; shift
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/dev/shm"
  exec chroot "$root" /bin/bash /inside.sh "$@"
' inside "$root" "$as" "$run" "$arguments" "$port" "$path" "$tests" </dev/null &
inside=$!
status=0
wait "$inside" || status=$?
inside=
[ $status = 0 ] || fail "failed"
echo "A bare Debian 12 needs nothing else"
