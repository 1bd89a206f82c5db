#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Admin commands through the rings, namespace management with them:
# tests/guest/conform-nvme-admin.sh
. "$(dirname "$0")/../lib.sh"
for nr in 1 2 3; do truncate -s 64M "$dir/disk$nr.img"; done
vm --device nvme-subsys,id=s --disk "$dir/disk1.img" --ctrl subsys=s \
	--more "$dir/disk2.img" --more "$dir/disk3.img" --ns detached=on \
	-- tests/guest/conform-nvme-admin.sh
rm -f "$dir"/*.img
