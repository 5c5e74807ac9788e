#!/bin/bash
# version.sh: prints the version of what is here, as Cargo.toml has it.
set -euo pipefail
sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$(dirname "$0")/../Cargo.toml"
