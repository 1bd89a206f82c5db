#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The NIC that all other tests stand on: netdevsim, patched, under the kernel
# tree's own zero-copy receiver, iou-zcrx, built as it stands.  What is checked
# is in tests/guest/netdevsim-zcrx.sh.
#
#   KERNEL=debug|plain|BZIMAGE   the kernel to boot (default: plain, since iou-zcrx gives
#                                up after five seconds, which a busy host may need with
#                                lock debugging; all other tests have this NIC there)
#   KERNEL_TREE=DIR              its source
set -euo pipefail
cd "$(dirname "$0")/../.."

kernel=${KERNEL:-plain}
case $kernel in
debug | plain) kernel=$(tests/vm/kernel "$kernel") ;;
esac
source=${KERNEL_TREE:-${kernel%/*}/src}
dir=build/tests/netdevsim-zcrx
mkdir -p "$dir"

tests/vm/enter -k "$source" sh -euc '
	gcc -O2 -o "$1/iou-zcrx" \
		/linux/tools/testing/selftests/drivers/net/hw/iou-zcrx.c -luring
	clang -O2 -g -Wall -Werror -target bpf -I/usr/include/x86_64-linux-gnu \
		-c tests/guest/netdevsim-zcrx.bpf.c -o "$1/netdevsim-zcrx.bpf.o"
' sh "$dir"
exec tests/vm/run --kernel "$kernel" --log "$dir/vm.log" \
	sh tests/guest/netdevsim-zcrx.sh "$dir"
