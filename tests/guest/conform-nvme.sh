#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# I/O commands, several devices, and tools that know nothing of unified regions.
set -uo pipefail
. /sluice/tests/guest/nvme.sh

ng=$(node sluice0 1) && dev=$(block "$ng") || exit 1
other=("$(node sluice1 1)" "$(node sluice2 1)" "$(node sluice3 1)")

tap nvme-io "$ng"
tap nvme-io "$ng" poll
tap nvme-resv "$ng"
tap nvme-devs "$ng" "${other[@]}"

# what the rings write others read: 1 MiB at 64 MiB, for the host, too
ring() { "$programs/nvme-rw" "$@"; }
mib=1048576 lba=131072
head -c $mib /dev/urandom >/out/written
check "the rings write 1 MiB" ring write "$ng" $lba $mib </out/written
check "nvme read returns it" bash -c "
	for i in \$(seq 0 15); do
		nvme read $dev -s \$(($lba + i * 128)) -c 127 -z 65536 -d /tmp/part >&2 || exit
		cat /tmp/part
	done | cmp - /out/written"
head -c 65536 /out/written >/tmp/part
check "nvme compare finds it equal" \
	nvme compare "$dev" -s $lba -c 127 -z 65536 -d /tmp/part
check "nvme compare one block further does not" \
	bash -c "! nvme compare $dev -s $((lba + 1)) -c 127 -z 65536 -d /tmp/part"

check "nvme write" nvme write "$dev" -s 1000 -c 127 -z 65536 -d /tmp/part
ring read "$ng" 1000 65536 >/tmp/back
check "the rings read what it wrote" cmp /tmp/part /tmp/back

# fio, by passthrough with fixed buffers
fio=(fio --name=x "--filename=$ng" --ioengine=io_uring_cmd --cmd_type=nvme
	--fixedbufs=1 --registerfiles=1 --bs=16k --iodepth=8 --size=4m
	--verify=crc32c --verify_fatal=1)
check "fio writes 4 MiB by passthrough" \
	"${fio[@]}" --offset=128m --rw=randwrite --do_verify=0
ring read "$ng" 262144 4194304 >/tmp/fio
check "the rings read it" test -s /tmp/fio
check "the block device reads the same" \
	cmp -n 4194304 -i 134217728:0 "$dev" /tmp/fio
nvme write-zeroes "$dev" -s 262144 -c 8191 >/dev/null
check "when it is gone fio says so" bash -c "! ${fio[*]} --offset=128m --rw=randread --verify_only"
check "the rings write it back" ring write "$ng" 262144 4194304 </tmp/fio
check "fio verifies it by passthrough" \
	"${fio[@]}" --offset=128m --rw=randread --verify_only
exit $failed
