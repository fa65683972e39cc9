#!/usr/bin/env bash
# What has to hold before a commit, one line a step; tests apart.
#   tools/check.sh          format, architecture, shell scripts: seconds
#   tools/check.sh --tidy   and clang-tidy over the rooms without LibTorch: minutes
#   tools/check.sh --fix    formats the sources instead of checking them
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

tidy=no fix=no failed=0
for argument in "$@"; do
  case "$argument" in
    --tidy) tidy=yes ;;
    --fix) fix=yes ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) printf 'error: unknown option %s; expected --tidy or --fix\n' "$argument" >&2; exit 2 ;;
  esac
done

# step NAME COMMAND...: runs it silently, prints one line, and everything it said when it failed.
step() {
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then
    printf '%-14s ok\n' "$name"
  else
    printf '%-14s failed\n%s\n' "$name" "$said"
    failed=1
  fi
}

skip() { printf '%-14s skipped: %s\n' "$1" "$2"; }

# The first of the given programs that is installed.
first_of() {
  local program
  for program in "$@"; do command -v "$program" && return 0; done
  return 1
}

sources() { git ls-files -z --cached --others --exclude-standard -- 'src/*.h' 'src/*.cpp' 'tests/*.h' 'tests/*.cpp' cmake/torch_pch.cpp; }
scripts() { { git ls-files --cached --others --exclude-standard -- '*.sh'; git grep -lE '^#!.*\b(ba)?sh$' -- . ':!*.md'; } | sort -u; }

format() {
  local program=$1 mode=(--dry-run --Werror)
  [ "$fix" = no ] || mode=(-i)
  # Of what is wrong, the names of the files are enough; --fix does the rest.
  local said
  if said=$(sources | xargs -0 "$program" "${mode[@]}" 2>&1); then return 0; fi
  printf '%s\n' "$said" | sed -n 's/^\([^:]*\):.*error:.*/\1/p' | sort | uniq -c | sort -rn | awk '{print "  " $2 " (" $1 " places)"}'
  printf '  tools/check.sh --fix formats them\n'
  return 1
}

run_tidy() { cmake --preset tidy && cmake --build --preset tidy -- -k 0; }

# Other versions of clang-format lay out differently, so 14 alone decides.
if program=$(first_of clang-format-14); then
  step format format "$program"
else
  skip format "clang-format-14 is not installed"
fi

step architecture python3 tests/architecture/check_architecture.py

if command -v shellcheck >/dev/null; then
  mapfile -t shell_files < <(scripts)
  step shellcheck shellcheck --external-sources --severity=warning "${shell_files[@]}"
else
  skip shellcheck "shellcheck is not installed"
fi

if [ "$tidy" = no ]; then
  skip tidy "minutes; --tidy runs it"
elif command -v clang-tidy-14 >/dev/null; then
  step tidy run_tidy
else
  skip tidy "clang-tidy-14 is not installed"
fi
exit "$failed"
