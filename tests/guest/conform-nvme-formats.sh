#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Namespaces that are not plain blocks: zones, metadata, protection information.
set -uo pipefail
. /sluice/tests/guest/nvme.sh

zns=$(node sluice0 1) || exit 1
tap nvme-zns "$zns" 2097152 3 5
# what the rings have appended in the last zone but one, as others see it
start=$(((3072 - 2) * 2097152))
nvme zns report-zones "$(block "$zns")" -s $start -d 1 -o json >/out/zone.json
check "nvme zns report-zones has its write pointer" \
	grep -q "\"wp\" *: *$((start + 128))" /out/zone.json
"$programs/nvme-rw" read "$zns" $start 65536 >/out/appended
check "nvme zns zone-append appends to it" \
	nvme zns zone-append "$(block "$zns")" -s $start -z 4096 -d /out/appended
"$programs/nvme-rw" read "$zns" $((start + 128)) 4096 >/tmp/part
check "the rings read what it appended" cmp -n 4096 /tmp/part /out/appended

tap nvme-pi "$(node sluice1 1)"
tap nvme-pi "$(node sluice2 1)"
tap nvme-pi "$(node sluice3 1)"
tap nvme-pi "$(node sluice4 1)"
tap nvme-pi "$(node sluice5 1)"
tap nvme-pi "$(node sluice6 1)" 64
exit $failed
