#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each verb with arguments that are wrong, missing or hostile, and with standard
# descriptors that are closed or full: the right exit code, one line that says what
# is wrong, nothing left behind, and no complaint of AddressSanitizer or UBSan.
. "$(dirname "$0")/../lib.sh"
sanitized_sluice
tests/vm/enter env sluice=/sluice/build/asan/sluice unshare --net tests/unit/arguments.sh
# with sanitizers it is slow enough
kernel=${KERNEL:-plain}
machine -- tests/guest/arguments.sh
done_with_images
