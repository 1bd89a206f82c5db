#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# While a pipeline runs, bpftool shows its programs, maps, links and struct_ops
# by name, and all of it is pinned in one folder; sluice show agrees; SIGINT
# writes what has been received and ends with 0.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
machine -- tests/guest/record-inspect.sh
tests/vm/enter sh -euc 'head -c "$(jq .received_bytes "$1/summary.json")" /dev/zero | tr "\0" x >"$1/sent"' sh "$dir"
expect
done_with_images
