#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Files of options: the example, what counts if an option is given twice, and what
# sluice says of files that are wrong.
. "$(dirname "$0")/../lib.sh"
sanitized_sluice
tests/vm/enter env sluice=/sluice/build/asan/sluice unshare --net tests/unit/config.sh
