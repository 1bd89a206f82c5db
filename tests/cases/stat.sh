#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sluice stat: numbers that are known, as JSON lines, as a table in a terminal and
# without one, and as OpenMetrics.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
data 6144000
tests/vm/enter clang -target bpf -mcpu=v3 -O2 -g -I. -c tests/guest/latency.bpf.c -o "$dir/latency.bpf.o"
machine -- tests/guest/stat.sh
expect --drop DROP
done_with_images
