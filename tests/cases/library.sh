#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# libsluice without a kernel, tests/unit/library.c, and with it,
# tests/guest/library.c
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
tests/vm/enter tests/unit/library.sh
# many times what the NIC has buffers for
data 20000001
machine -- tests/guest/library.sh
cmp "$dir/sent" "$dir/received"
done_with_images
rm "$dir/received"
