#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# IORING_OP_UNIFIED in the machine, with the pair of ports as network.
set -uo pipefail
. /sluice/tests/guest/lib.sh
. /sluice/tests/guest/nvme.sh
nic 1500 on
# the port after it goes to a queue that is no region's
rx ethtool -N "$RX" flow-type tcp4 dst-port $((port + 1)) action 0 >/dev/null || exit
stage=$programs/op.bpf.o
net=("$RX" "$queue" "$rx_ip" "$port" /run/netns/tx)
good=$(block "$(node sluice0 1)")
within=(nsenter --net=/run/netns/rx)

tap op "$good" "$stage" "${net[@]}"
tap op-errors "$good" "$stage" "$(block "$(node sluice1 1)")" 2048 4096 "${net[@]}"
tap op-rings "$good" "$stage" "$(block "$(node sluice1 1)")" 2048 "${net[@]}"
tap op-streams "$good" "$stage" "${net[@]}"
tap op-limits "$good" "$stage" "${net[@]}"
tap op-route "$good" "$stage" "${net[@]}"
echo 5 >/proc/sys/vm/nr_hugepages
# a sender that is slow for lack of CPU is not to send in small pieces for that
tx sysctl -qw net.ipv4.tcp_min_tso_segs=44 || exit
tap op-large "$(block "$(node sluice2 1)")" "$stage" "${net[@]}"
echo 0 >/proc/sys/vm/nr_hugepages
tap op-kill "$good" "$stage" "${net[@]}"
tap op-gone "$(controller sluice3)" "$(block "$(node sluice3 1)")" "$stage" "${net[@]}"
exit $failed
