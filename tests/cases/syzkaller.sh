#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The description of the ABI for syzkaller is that of the header.
. "$(dirname "$0")/../lib.sh"
tests/vm/enter python3 tests/unit/syzkaller.py tests/fuzz/syzkaller/*.txt
