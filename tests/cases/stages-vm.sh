#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each stage in a pipeline on the real kernel; what it leaves is compared with the
# image, what it has counted with a second implementation: tests/vm/stages.py.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
tests/vm/enter python3 tests/vm/stages.py make "$dir"
machine -- tests/guest/stages-vm.sh
tests/vm/enter python3 tests/vm/stages.py check "$dir"
rm -f "$dir"/disk.img "$dir"/sent.*
