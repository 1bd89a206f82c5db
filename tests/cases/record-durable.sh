#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# With --durable each write of data has Force Unit Access, in both formats; without
# it, none has.
. "$(dirname "$0")/../lib.sh"
kernel=${KERNEL:-plain}
data 1000100
machine -- tests/guest/record-durable.sh
expect
done_with_images
