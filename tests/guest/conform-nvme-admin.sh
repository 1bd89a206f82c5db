#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Admin commands, and namespaces that come and go.
set -uo pipefail
. /sluice/tests/guest/nvme.sh
tap nvme-admin "$(node sluice0 1)" "$(node sluice0 2)" 3 "$(controller sluice0)"
exit $failed
