#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A drive with media errors, and a slow one.
set -uo pipefail
. /sluice/tests/guest/nvme.sh
tap nvme-errors "$(node sluice0 1)" 2048 4096
tap nvme-slow "$(node sluice1 1)" "$(node sluice0 1)"
tap nvme-gone "$(node sluice1 1)" "$(controller sluice1)"
exit $failed
