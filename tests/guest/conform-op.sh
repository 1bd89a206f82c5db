#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# IORING_OP_UNIFIED in the machine, with the pair of ports as network.
. /sluice/tests/guest/lib.sh
nic 1500 on
rx /sluice/build/vm/tests/conformance/op /dev/nvme0n1 /sluice/build/vm/tests/conformance/op.bpf.o \
	"$RX" $queue $rx_ip $port /run/netns/tx
