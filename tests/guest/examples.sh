#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The documents' examples, as a reader of the documents would run them.
. /sluice/tests/guest/lib.sh
bin=/sluice/build/vm/examples
text="written by the first document"

[ "$($bin/doc-ifq /dev/nvme0n1 7 "$text")" = "$text" ] ||
	die "doc-ifq does not read what it wrote"
dd if=/dev/nvme0n1 bs=512 skip=7 count=1 iflag=direct status=none | grep -qa "^$text" ||
	die "... and neither does the block device"
$bin/doc-ifq /dev/null 7 "$text" 2>&1 | grep -q "/dev/null: No such device" ||
	die "doc-ifq does not tell about a wrong node"

tr -dc a-z </dev/urandom | head -c 4096 >/tmp/want
dd if=/tmp/want of=/dev/nvme0n1 bs=4096 oflag=direct status=none
$bin/doc-region /dev/nvme0n1 >/tmp/got || die "doc-region fails"
cmp /tmp/want /tmp/got || die "doc-region reads something else"
cp /tmp/want /out/want
