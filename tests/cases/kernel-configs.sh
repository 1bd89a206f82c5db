#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# io_uring and the NVMe host driver, as patched, compile without a warning with
# W=1: whole and without what the patch depends on, as modules, on 32 bits, and by
# clang.  What nvme-core wants from elsewhere when it is a module is exported.
. "$(dirname "$0")/../lib.sh"
. tests/vm/tree.sh
own_tree configs
failed=0

not_ok() {
	echo "not ok - $*"
	failed=$((failed + 1))
}

# compile NAME OPTIONS EXPECTED [MAKE_ARGUMENT...]: OPTIONS are changes to what the
# machine's kernel has, A=m or -A, and EXPECTED is what must come of the patch's own
# options, A=y or -A
compile() {
	local out=$work/$1 option start=$SECONDS

	echo "# $1"
	mkdir -p "$out"
	cp tests/vm/kernel.config "$out/wanted"
	for option in $2; do
		case $option in
		-*)
			sed -i "/^CONFIG_${option#-}=/d" "$out/wanted"
			echo "# CONFIG_${option#-} is not set" >>"$out/wanted" ;;
		*)
			sed -i "/^CONFIG_${option%=*}=/d" "$out/wanted"
			echo "CONFIG_$option" >>"$out/wanted" ;;
		esac
	done
	tests/vm/enter -k "$work/src" -b "$out:/tmp/build" bash -euc '
		cd /linux
		/sluice/tests/vm/configure /tmp/build "$@"
		make O=/tmp/build "$@" -j"$(nproc)" prepare
		make O=/tmp/build "$@" -j"$(nproc)" W=1e io_uring/ drivers/nvme/host/
		' bash "${@:4}" >"$out.log" 2>&1 || {
		grep -E 'error:|warning:|not taken' "$out.log" || tail "$out.log"
		not_ok "$1 does not build; see $out.log"
		return
	}
	for option in $3; do
		case $option in
		-*) ! grep "^CONFIG_${option#-}=" "$out/.config" ;;
		*) grep -qx "CONFIG_$option" "$out/.config" ;;
		esac || { not_ok "$1: $option was expected"; return; }
	done
	# an option that is there compiles something
	case $3 in
	-IO_URING_UNIFIED*) [ ! -e "$out/io_uring/unified.o" ] ;;
	*) [ -e "$out/io_uring/unified.o" ] && [ -e "$out/drivers/nvme/host/unified.o" ] ;;
	esac || { not_ok "$1: not the objects that were expected"; return; }
	echo "ok - $1, $((SECONDS - start)) s"
}

# exported NAME: what unified.o takes from outside of nvme-core is exported
exported() {
	tests/vm/enter -k "$work/src" -b "$work/$1:/tmp/build" bash -euc '
		cd /tmp/build/drivers/nvme/host
		nm -u nvme-core.o | awk "\$2 != \"__this_module\" { print \$2 }" | sort >/tmp/all
		nm -u unified.o | awk "{ print \$2 }" | sort | comm -12 - /tmp/all >/tmp/wanted
		grep -qx io_unified_register_driver /tmp/wanted
		cd /linux
		grep -rhoE --include="*.[chS]" "\bEXPORT_SYMBOL(_GPL)?\([A-Za-z_0-9]+\)" \
			arch/x86 block drivers/nvme io_uring kernel lib mm |
			sed "s/.*(//; s/)//" | sort -u | comm -23 /tmp/wanted - | tee /tmp/missing
		[ ! -s /tmp/missing ]' || { not_ok "$1: nvme-core wants what is not exported"; return; }
	echo "ok - what nvme-core wants is exported"
}

# as the patches are what makes that tree, there is nothing to make of it
[ -z "$(TREE=$work/src tests/vm/refresh-patches 2>&1)" ] || not_ok "refresh-patches changes something"

gcc=("CC=ccache gcc" "HOSTCC=ccache gcc")
no_bpf="-BPF_SYSCALL -BPF_JIT -BPF_JIT_ALWAYS_ON -BPF_EVENTS -CGROUP_BPF -XDP_SOCKETS -DEBUG_INFO_BTF"

compile whole "" "IO_URING_UNIFIED=y IO_URING_UNIFIED_BPF=y" "${gcc[@]}"
compile off "-IO_URING_UNIFIED" "-IO_URING_UNIFIED -IO_URING_UNIFIED_BPF" "${gcc[@]}"
compile no-zcrx "-IO_URING_ZCRX -IO_URING_UNIFIED" "-IO_URING_UNIFIED -IO_URING_UNIFIED_BPF" "${gcc[@]}"
compile no-bpf "$no_bpf" "IO_URING_UNIFIED=y -IO_URING_UNIFIED_BPF" "${gcc[@]}"
compile modules "MODULES=y MODULE_UNLOAD=y BLK_DEV_NVME=m NVME_TCP=m NVME_TARGET=m NVME_TARGET_TCP=m" \
	"IO_URING_UNIFIED=y NVME_CORE=m" "${gcc[@]}"
exported modules
compile i386 "-64BIT -IA32_EMULATION -NUMA $no_bpf" "IO_URING_UNIFIED=y" "${gcc[@]}" ARCH=i386
compile clang "" "IO_URING_UNIFIED=y IO_URING_UNIFIED_BPF=y" LLVM=1 "CC=ccache clang" "HOSTCC=ccache clang"
[ $failed = 0 ]
