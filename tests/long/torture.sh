#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Processes with a region are killed at any moment, and what they use is taken away from
# them: tests/conformance/torture.c
#
#   KILLS=N   so many (10; make torture: 1000)
#   MATRIX=N  so many of the 91 events and pairs of them (5; make torture: all)
#   SEED=N    which of them, and what is going on then (1)
. "$(dirname "$0")/../lib.sh"
for nr in 0 1; do truncate -s 256M "$dir/disk$nr.img"; done
vm --device nvme-subsys,id=s --disk "$dir/disk0.img" --ctrl subsys=s --disk "$dir/disk1.img" \
	--timeout "${TEST_TIMEOUT:-900}" \
	-- tests/guest/torture.sh "${KILLS:-10}" "${MATRIX:-5}" "${SEED:-1}"
done_with_images
