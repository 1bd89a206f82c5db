#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Media errors, timeouts, and the end of a process that has commands in flight:
# tests/guest/conform-nvme-errors.sh
. "$(dirname "$0")/../lib.sh"
for nr in 1 2; do truncate -s 64M "$dir/disk$nr.img"; done
vm --disk "$dir/disk1.img" --inject iotype=read,sector=2048 \
	--inject iotype=write,sector=4096 \
	--disk "$dir/disk2.img,throttling.iops-write=4" \
	-- tests/guest/conform-nvme-errors.sh
rm -f "$dir"/*.img
