#!/usr/bin/env bash
# Makes the machine and the tree ready: Debian packages (scripts/debian-packages.txt) and a Python environment
# in .venv with the packages pinned in requirements.txt. Does nothing, quickly, where all is there already.
# As root on Debian it installs; otherwise it says what is missing and stops.
#
#   scripts/setup.sh [GROUP...]     GROUP: models, long (see debian-packages.txt); bench: the rivals in .venv-bench
#   TAUTO_PACKAGES=present          the packages come from elsewhere (not Debian): do not look for them
#   TAUTO_PYTHON3=/path/to/python3   the interpreter to make .venv with (3.11 or newer, with its headers)
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# --- Debian packages -------------------------------------------------------------------------------------------
wanted_packages() {  # the names in the list that the given groups need, without those another source provides
  local name option skip
  while read -r name options; do
    case "$name" in '' | '#'*) continue ;; esac
    skip=
    for option in $options; do
      case "$option" in
        unless=*) if command -v "${option#unless=}" >/dev/null 2>&1; then skip=1; fi ;;
        for=*) case " $* " in *" ${option#for=} "*) ;; *) skip=1 ;; esac ;;
        *) stop "scripts/debian-packages.txt: package \"$name\": unknown option \"$option\"" ;;
      esac
    done
    if [ -z "$skip" ]; then echo "$name"; fi
  done < scripts/debian-packages.txt
}

installed_packages() { dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii *//p'; }

if [ "${TAUTO_PACKAGES:-}" != present ]; then
  wanted=$(wanted_packages "$@" | sort -u)
  if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    stop "this is not Debian; required: what these Debian 12 packages hold:" $wanted \
         "(then run again with TAUTO_PACKAGES=present)"
  fi
  missing=$(comm -23 <(echo "$wanted") <(installed_packages | sort -u))
  if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
      stop "not root; required: these Debian packages:" $missing "(apt-get install" $missing")"
    fi
    say "installing" $missing
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o Acquire::Retries=3 update
    apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends $missing
  fi
fi

# --- what the report's page draws with ------------------------------------------------------------------------
# One small library, inlined into the pages (src/verify/page); a build without it makes pages without charts.
uplot=1.6.32
if [ ! -f ".npm/node_modules/uplot/dist/uPlot.iife.min.js" ] && command -v npm >/dev/null 2>&1; then
  say "fetching uplot $uplot"
  npm install --silent --no-audit --no-fund --prefix .npm --no-save "uplot@$uplot" >/dev/null ||
    say "uplot cannot be fetched: reports will have no charts"
fi

# --- Python environment ----------------------------------------------------------------------------------------
usable_python() {  # 3.11 or newer (the pinned numpy), with venv and the C headers
  "$1" -c '
import ensurepip, os, sys, sysconfig, venv
ok = sys.version_info >= (3, 11) and os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
sys.exit(not ok)' >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in ${TAUTO_PYTHON3:-python3 /usr/bin/python3 python3.11 python3.12 python3.13}; do
    if usable_python "$candidate"; then command -v "$candidate"; return; fi
  done
  stop "no python3 >= 3.11 with venv and headers found; set TAUTO_PYTHON3 to one"
}

make_environment() {  # FOLDER REQUIREMENTS
  if "$1/bin/python" -c '' 2>/dev/null && cmp -s "$2" "$1/installed.txt"; then return; fi
  local python
  python=$(find_python)
  say "making $1 with $python"
  rm -rf "$1"
  "$python" -m venv "$1"
  "$1/bin/python" -m pip --quiet --disable-pip-version-check install --requirement "$2"
  cp "$2" "$1/installed.txt"
}

make_environment .venv requirements.txt
case " $* " in *" bench "*) make_environment .venv-bench bench/requirements.txt ;; esac
