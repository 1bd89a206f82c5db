# SPDX-License-Identifier: GPL-2.0
#
# make            build the loader, the BPF programs and the examples here
# make demo       a TCP stream onto NVMe in a virtual machine, set-up included
# make check      all tests, set-up included
# make help       the rest
#
# BPF object -> skeleton -> loader.  Everything built is below $(BUILD), the
# skeletons in skel/ of it; see skel/README.md.

.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

BUILD	?= build/native
V	?=
Q	:= $(if $(V),,@)
say	= $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

CC	?= gcc
CXX	?= g++
CLANG	?= $(firstword $(shell command -v clang-19) clang)
BPFTOOL	?= bpftool
PKG_CONFIG ?= pkg-config
PREFIX	?= /usr/local
DESTDIR	?=
SBINDIR	?= $(PREFIX)/sbin
PCDIR	?= $(PREFIX)/share/pkgconfig
MANDIR	?= $(PREFIX)/share/man
INCDIR	?= $(PREFIX)/include
COMPDIR	?= $(PREFIX)/share/bash-completion/completions
EXDIR	?= $(PREFIX)/share/sluice/examples

.DEFAULT_GOAL := all
include tests/vm/vm.mk

# what is used, and how old it may be; the machine has its own
LIBS	:= libbpf >= 1.5, liburing >= 2.9, libxdp >= 1.5, blkid >= 2.30, json-c >= 0.15, libmnl >= 1.0, libcap >= 2.40, libsystemd >= 240, tomlplusplus >= 3.2
ifeq ($(filter clean uninstall help $(VM_TARGETS),$(or $(MAKECMDGOALS),all)),)
problem := $(shell $(PKG_CONFIG) --print-errors --errors-to-stdout --exists '$(LIBS)' 2>&1 | head -n 1)
ifneq ($(problem),)
$(error $(problem). Install newer libraries, or let 'make demo' build in a Debian 13 root of its own)
endif
endif

WARN	:= -Wall -Wextra -Wno-missing-field-initializers -Wmissing-prototypes -Wstrict-prototypes
CFLAGS	?= -O2 -g
ALL_CFLAGS = $(WARN) $(CFLAGS) -D_GNU_SOURCE -Iinclude -Ikernel/include/uapi -I$(BUILD)/skel -Iloader \
	$(shell $(PKG_CONFIG) --cflags libbpf liburing libxdp blkid json-c libmnl libcap libsystemd)
LDLIBS	= $(shell $(PKG_CONFIG) --libs libbpf liburing libxdp blkid json-c libmnl libcap libsystemd)
BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g -Wall -I. -Ibpf

# for tools that read the code as the compilers do
flags:
	@echo '$(filter-out $(WARN),$(ALL_CFLAGS))'
bpf-flags:
	@echo '$(BPF_CFLAGS)'

# a stage is what declares one; the others are the loader's own
STAGES	:= $(patsubst bpf/%.bpf.c,%,$(shell grep -lw '^UNIFIED_STAGE' bpf/*.bpf.c))
# those for users say what they are about
LISTED	:= $(patsubst bpf/%.bpf.c,%,$(shell grep -lw '^UNIFIED_ABOUT' bpf/*.bpf.c))
STAGEDIR ?= $(PREFIX)/lib/sluice/stages
HEADERS	:= $(wildcard include/sluice/*.h) bpf/unified.bpf.h vmlinux.h
BPF	:= $(patsubst bpf/%.bpf.c,%,$(wildcard bpf/*.bpf.c))
SKELS	:= $(BPF:%=$(BUILD)/skel/%.skel.h)
OBJS	:= $(patsubst loader/%,$(BUILD)/loader/%.o,$(basename $(wildcard loader/*.c loader/*.cc)))
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(filter-out %.bpf.c,$(wildcard examples/*.c)))

.PHONY: all install uninstall clean help vm-programs bench-programs flags bpf-flags
.SECONDARY:

all: $(BUILD)/sluice $(EXAMPLES)

# object
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) vmlinux.h
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

# skeleton
$(BUILD)/skel/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@

# all stages in one table
$(BUILD)/skel/stages.skel.h: $(STAGES:%=$(BUILD)/skel/%.skel.h)
	$(Q){ printf '#include "%s.skel.h"\n' $(STAGES); \
		echo '#define LISTED_STAGES \'; \
		printf '\tBUILT_IN(%s) \\\n' $(LISTED); echo; \
		echo '#define OWN_STAGES \'; \
		printf '\tBUILT_IN(%s) \\\n' $(filter-out $(LISTED),$(STAGES)); echo; } >$@

# what `sluice stage new` writes, as C strings
TEMPLATE := $(wildcard loader/template/*)
$(BUILD)/skel/stage_template.h: $(TEMPLATE)
	$(Q)mkdir -p $(@D)
	$(Q){ echo 'static const struct { const char *file, *text; } stage_template[] = {'; \
		for file in $(TEMPLATE); do \
			echo "{ \"$${file##*/}\","; \
			sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' "$$file"; echo '},'; \
		done; echo '};'; } >$@

# loader
$(BUILD)/loader/stage_cmd.o: $(BUILD)/skel/stage_template.h
$(BUILD)/loader/stage_object.o: ALL_CFLAGS += -DSTAGE_DIR='"$(STAGEDIR)"'
$(BUILD)/loader/%.o: loader/%.c | $(SKELS) $(BUILD)/skel/stages.skel.h \
		$(BUILD)/skel/stage_template.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# toml++ is headers and nothing else, as it is used here
# (and takes Latin letters for what cannot be, where that makes no difference)
$(BUILD)/loader/%.o: loader/%.cc
	$(call say,CXX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 -Wall -Wextra $(CFLAGS) -fno-sanitize=unreachable -fno-exceptions -fno-rtti -Iloader -MMD -MP -c $< -o $@

$(BUILD)/sluice: $(OBJS)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/examples/%: examples/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $< $(LDFLAGS) -luring -o $@

# the headers as they are installed, for stages out of the tree
$(BUILD)/include/sluice: $(HEADERS)
	$(Q)mkdir -p $@
	$(Q)cp $^ $@
	$(Q)touch $@

$(BUILD)/examples/stage-%.bpf.o: examples/stage-%/*.bpf.c $(BUILD)/include/sluice
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -I$(BUILD)/include -c $(filter %.c,$^) -o $@

# programs of the tests, for the virtual machine
TESTS_COMMON := $(addprefix tests/conformance/,region.c device.c request.c stage.c scenarios.c)
TEST_SRCS := $(filter-out %.bpf.c $(TESTS_COMMON),$(wildcard tests/guest/*.c tests/conformance/*.c))
TEST_BPF := $(wildcard tests/conformance/*.bpf.c tests/verifier/*.bpf.c)
FUZZERS := $(addprefix tests/fuzz/,memory calls)
vm-programs: $(TEST_SRCS:%.c=$(BUILD)/%) $(TEST_BPF:%.c=$(BUILD)/%.o) \
	$(FUZZERS:%=$(BUILD)/%) $(BUILD)/tests/fuzz/fuzz.bpf.o $(BUILD)/examples/stage-count.bpf.o \
	$(BUILD)/tests/conformance/layout-32

TESTS_COMMON_OBJS := $(TESTS_COMMON:%.c=$(BUILD)/%.o)

$(BUILD)/tests/%.o: tests/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/tests/conformance/%: tests/conformance/%.c $(TESTS_COMMON_OBJS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $< $(TESTS_COMMON_OBJS) $(LDFLAGS) -luring -lbpf -o $@

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/tests/fuzz/fuzz.o $(TESTS_COMMON_OBJS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $< $(BUILD)/tests/fuzz/fuzz.o $(TESTS_COMMON_OBJS) $(LDFLAGS) -luring -lbpf -o $@

$(BUILD)/tests/conformance/%-32: tests/conformance/%.c tests/conformance/region.c tests/conformance/device.c \
		$(wildcard tests/conformance/*.h) kernel/include/uapi/linux/io_uring/unified.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -m32 $(filter %.c,$^) -o $@

$(BUILD)/tests/guest/%: tests/guest/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $< $(LDFLAGS) -luring -o $@

# what the benchmarks compare with
BENCH_PEERS := $(filter-out %.bpf.c %/peer.c,$(wildcard tests/bench/peers/*.c))
BENCH_BPF := $(wildcard tests/bench/*.bpf.c tests/bench/peers/*.bpf.c)
bench-programs: $(BENCH_PEERS:%.c=$(BUILD)/%) $(BENCH_BPF:%.c=$(BUILD)/%.o) \
	$(BUILD)/tests/bench/count.so $(BUILD)/tests/bench/mark

# a plugin of QEMU's, not of the guest's
$(BUILD)/tests/bench/count.so: tests/bench/count.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O2 -Wall -fPIC -shared -fvisibility=hidden $< -o $@

$(BUILD)/tests/bench/mark: tests/bench/mark.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $< $(LDFLAGS) -o $@

$(BUILD)/tests/bench/peers/%: tests/bench/peers/%.c $(BUILD)/tests/bench/peers/peer.o
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP $< $(BUILD)/tests/bench/peers/peer.o $(LDFLAGS) -luring -lbpf -lxdp -o $@

$(BUILD)/tests/fuzz/fuzz.bpf.o: tests/fuzz/stage.h
$(BUILD)/tests/bench/peers/zcrx-bpf.bpf.o: tests/bench/peers/zcrx-bpf.h tests/bench/peers/gather.h
$(BUILD)/tests/%.bpf.o: tests/%.bpf.c bpf/unified.bpf.h vmlinux.h
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

-include $(OBJS:.o=.d) $(wildcard $(BUILD)/tests/*/*.d $(BUILD)/tests/*/*/*.d $(BUILD)/examples/*.d)

MAN	:= $(wildcard Documentation/*.[0-9])
VERSION	= $(shell sed -n 's/^.define SLUICE_VERSION.*"\(.*\)"/\1/p' loader/main.c)

install: all
	install -D -m 755 $(BUILD)/sluice $(DESTDIR)$(SBINDIR)/sluice
	install -d $(DESTDIR)$(INCDIR)/sluice $(DESTDIR)$(PCDIR)
	install -m 644 $(HEADERS) $(DESTDIR)$(INCDIR)/sluice
	install -D -m 644 kernel/include/uapi/linux/io_uring/unified.h \
		$(DESTDIR)$(INCDIR)/sluice/uapi/linux/io_uring/unified.h
	sed -e 's|@INCDIR@|$(INCDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@STAGEDIR@|$(STAGEDIR)|' include/sluice/sluice.pc.in \
		>$(DESTDIR)$(PCDIR)/sluice.pc
	install -D -m 644 loader/sluice.bash $(DESTDIR)$(COMPDIR)/sluice
	for file in $(wildcard examples/*.* examples/*/*); do \
		install -D -m 644 $$file $(DESTDIR)$(EXDIR)/$${file#examples/} || exit; \
	done
	for page in $(MAN); do \
		install -D -m 644 $$page \
			$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; \
	done

uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/sluice $(DESTDIR)$(PCDIR)/sluice.pc $(DESTDIR)$(COMPDIR)/sluice
	rm -rf $(DESTDIR)$(INCDIR)/sluice $(DESTDIR)$(EXDIR)
	rm -f $(foreach page,$(MAN),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))

clean:
	rm -rf build

help:
	@echo 'make                 build sluice and the examples here, in $$(BUILD)'
	@echo 'make install         to $$(DESTDIR)$$(PREFIX); make uninstall'
	@echo 'make demo            a TCP stream onto NVMe, in a virtual machine'
	@echo 'make check           all tests; TESTS="NAME..." for some of them'
	@echo 'make check-clang     the conformance tests on a kernel built by clang'
	@echo 'make check-debug     on kernels that find memory errors, leaks and races'
	@echo 'make fuzz            shared memory rewritten, calls gone wrong; SECONDS= SEED='
	@echo 'make check-liburing  liburing'"'"'s own tests, with and without the patches'
	@echo 'make bench           what it costs, beside what a user would pick instead'
	@echo 'make check-mutation  kernels with a check removed, which tests must notice'
	@echo 'make check-static    static checks of all code; TOOLS="NAME..." for some'
	@echo 'make powercut        recordings whose power is cut CUTS times (200)'
	@echo 'make soak            all pipelines at once for HOURS (2), with faults; SEED='
	@echo 'make torture         processes killed KILLS times (1000), devices taken away'
	@echo 'make shell           a shell in the virtual machine'
	@echo 'make kernel          build the patched kernel only'
	@echo 'make series          the kernel patches for git am, in build/series'
	@echo 'make refresh-patches the kernel patches from the edited source tree'
	@echo 'make upstream-lines  how much they change in existing files'
	@echo 'make checkpatch      checkpatch --strict on the kernel side'
	@echo 'make sparse          sparse on it'
	@echo 'make clean           remove build/'
	@echo 'make clean-cache     remove the toolchain root and the kernels, too'
	@echo 'V=1 shows the commands.'
