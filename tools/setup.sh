# shellcheck shell=bash
# Shared by ./run and ./test: installs what is missing, builds, links bin/polytask. Sourced, with $root set.
# Everything a step prints goes to $log; the terminal gets one line a step.

say() { printf '%s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; [ -z "${log:-}" ] || printf '       the log: %s\n' "$log" >&2; exit 1; }

start_log() {
  mkdir -p "${root:?}/.run" || fail "the folder $root/.run cannot be made; check its permissions"
  log="$root/.run/$1.log"
  : >"$log" || fail "$log cannot be written; check its permissions"
}

# Which package list fits this machine.
release_list() {
  local id version
  [ -r /etc/os-release ] || fail "this is not Debian or Ubuntu (no /etc/os-release); Debian 12 or 13 is needed"
  id=$(. /etc/os-release && printf '%s' "$ID")
  version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
  case "$id-$version" in
    debian-12 | debian-13) printf '%s' "$root/tools/packages/debian-$version.txt" ;;
    ubuntu-*)
      say "note: Ubuntu is untested; its package names are prepared" >&2
      printf '%s' "$root/tools/packages/ubuntu.txt" ;;
    *) fail "this is ${id:-unknown} ${version:-}; Debian 12 or 13 is needed (docs/guides/installing.md says how to build elsewhere)" ;;
  esac
}

# install_packages LIST...: installs what is missing of the lists' packages.
install_packages() {
  local wanted missing package sudo=""
  [ -n "$1" ] || exit 1  # release_list has said why there is no list
  wanted=$(grep -hv '^#' "$@" | sort -u)
  missing=""
  for package in $wanted; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "these packages are missing and neither root nor sudo is here:$missing"
    sudo="sudo"
  fi
  say "installing $(echo "$missing" | wc -w) packages with apt-get (once)"
  $sudo apt-get update >>"$log" 2>&1 || fail "apt-get update did not succeed; check the network and /etc/apt"
  # shellcheck disable=SC2086 # a list of words is meant
  DEBIAN_FRONTEND=noninteractive $sudo ${sudo:+DEBIAN_FRONTEND=noninteractive} apt-get install -y --no-install-recommends $missing >>"$log" 2>&1 ||
    fail "apt-get could not install:$missing"
}

# build FOLDER TESTS: configures where needed and builds what has changed.
build() {
  local folder=$1 tests=$2
  [ -f "$folder/build.ninja" ] || say "configuring"
  cmake -G Ninja -S "$root" -B "$folder" -DCMAKE_BUILD_TYPE=Release -DPOLYTASK_TESTS="$tests" >>"$log" 2>&1 ||
    fail "cmake could not configure the build"
  say "building (the first time takes some minutes)"
  # A file that includes LibTorch needs about 1.5 GiB to compile.
  local memory_jobs jobs
  memory_jobs=$(awk '/MemAvailable/ {n = int($2 / 1600000); print n < 1 ? 1 : n}' /proc/meminfo)
  jobs=$(nproc)
  [ "$jobs" -le "$memory_jobs" ] || jobs=$memory_jobs
  ninja -C "$folder" -j "$jobs" >>"$log" 2>&1 || fail "the build failed: $(grep -m1 -E 'error:|FAILED' "$log")"
  if [ -x "$folder/bin/polytask" ]; then
    mkdir -p "$root/bin"
    ln -sfn "$folder/bin/polytask" "$root/bin/polytask"
  fi
}
