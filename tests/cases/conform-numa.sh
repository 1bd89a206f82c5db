#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# On which NUMA node a region's memory is: tests/conformance/numa.c
. "$(dirname "$0")/../lib.sh"
truncate -s 64M "$dir/far.img"
machine --numa --ctrl bus=pci.0 --disk "$dir/far.img" --ctrl bus=far -- bash -euc '
	for dir in /sys/block/nvme*; do
		node=$(cat "$dir/device/numa_node")
		echo "# ${dir##*/} is on node $node"
		[ "$node" = 1 ] && far=/dev/${dir##*/} || near=/dev/${dir##*/}
	done
	build/vm/tests/conformance/numa "$near" "$far"'
rm -f "$dir/far.img"
done_with_images
