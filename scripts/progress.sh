#!/bin/bash
# progress.sh WHAT CMD...: says what is being done, then how long it took. The command's own output
# is shown as it comes.
set -euo pipefail

what=$1
shift
echo "· $what"
"$@"
echo "  done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
