#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# library.sh: the library's calls against the kernel, and a stream to the
# application, which gives back what it has read.
set -euo pipefail
. tests/guest/lib.sh
bin=build/vm/tests/guest/library

$bin rings /dev/nvme0n1 /dev/ng0n1

nic 1500 on
nsenter --net=/run/netns/rx $bin receive "$RX" $queue $port /out/received 2>/tmp/err &
until_true 20 grep -q listening /tmp/err || die "$(cat /tmp/err)"
send /out/sent
wait $! || die "$(cat /tmp/err)"
