#!/usr/bin/env bash
# Installs what a build needs, then runs `cargo xtask`: ./x demo, ./x test, ./x help. On a machine without a linker cargo cannot build the xtask first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v cargo >/dev/null && [[ -f ${CARGO_HOME:-$HOME/.cargo}/env ]]; then
  # shellcheck source=/dev/null
  source "${CARGO_HOME:-$HOME/.cargo}/env"
fi
if ! command -v cargo >/dev/null; then
  echo "x: Rust is missing: install version 1.95 or newer from https://rustup.rs" >&2
  exit 1
fi
xtask/prerequisites
exec cargo xtask "$@"
