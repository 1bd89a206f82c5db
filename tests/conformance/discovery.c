// SPDX-License-Identifier: GPL-2.0
/*
 * discovery: what a program can ask before it relies on something, and what can
 * be seen of a region from outside.
 *
 * Usage: discovery NODE [work]
 *
 * With work, something to be traced: a write of 4096 bytes to LBA 0x78 with
 * user_data 0x1267, and more flushes than the CQ has room for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sluice/sluice.h>

#include "region.h"
#include "tap.h"

/* linux/io_uring/query.h, which is newer than the headers */
struct query_hdr {
	__u64	next_entry;
	__u64	query_data;
	__u32	query_op;
	__u32	size;
	__s32	result;
	__u32	__resv[3];
};

static void test_probe(void)
{
	struct { struct io_uring_probe p; struct io_uring_probe_op ops[256]; } p = { };
	int ring = ring_create(8, 0);

	ok(!ring_register(ring, IORING_REGISTER_PROBE, &p, 256) &&
	   p.p.last_op >= IORING_OP_UNIFIED &&
	   p.ops[IORING_OP_UNIFIED].flags & IO_URING_OP_SUPPORTED,
	   "IORING_REGISTER_PROBE: the opcode is supported");
	ok(!(p.ops[IORING_OP_UNIFIED - 1].flags & IO_URING_OP_SUPPORTED),
	   "... and those before it, which are nobody's yet, are not");
	close(ring);
}

static void test_query(void)
{
	struct io_uring_query_unified q, half;
	struct { __u32 ops, regs; __u64 rest[6]; } ops = { };
	struct query_hdr hdr[2] = {
		{ .query_op = 0, .size = sizeof(ops) },
		{ .query_op = IO_URING_QUERY_UNIFIED, .size = 16 },
	};

	ok(!sluice_query(&q), "IO_URING_QUERY_UNIFIED needs no ring");
	ok(q.reg_flags == (IO_UNIFIED_REG_POLL | IO_UNIFIED_REG_ADMIN |
			  IO_UNIFIED_REG_SHARE) &&
	   q.op_mask == 7 && q.op_flags == 7 && q.sqe_flags == 3,
	   "... and tells all flags and operations that there are");
	ok(q.max_entries == 32768 && q.max_devs == IO_UNIFIED_MAX_DEVS &&
	   q.max_stages == 16 && q.max_record == 65536 && q.driver == 1 && q.max_socks == 64,
	   "... and the limits");

	memset(&half, 0xff, sizeof(half));
	hdr[0].query_data = (uintptr_t)&ops;
	hdr[0].next_entry = (uintptr_t)&hdr[1];
	hdr[1].query_data = (uintptr_t)&half;
	ok(!ring_register(-1, 35, hdr, 0) && !hdr[0].result && !hdr[1].result &&
	   ops.ops > IORING_OP_UNIFIED && ops.regs > IORING_REGISTER_UNIFIED_DEV &&
	   half.op_mask == 7 && half.op_flags == ~0ull,
	   "it can follow another query, and asks for as much as it wants");
	hdr[0] = (struct query_hdr) { .query_op = IO_URING_QUERY_UNIFIED - 1,
				      .size = 16, .query_data = (uintptr_t)&half };
	ok(!ring_register(-1, 35, hdr, 0) && hdr[0].result == -EOPNOTSUPP,
	   "a query that does not exist: EOPNOTSUPP");
}

static bool fdinfo_has(int ring, const char *want)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		found |= !strncmp(line, want, strlen(want));
	if (f)
		fclose(f);
	return found;
}

static void test_fdinfo(const char *node)
{
	int fd = open(node, O_RDWR), plain = ring_create(8, 0);
	struct io_unified_sqe sqe = { .nvme_cmd = { .nsid = 1 } };
	char want[128];
	struct region r;

	ok(!fdinfo_has(plain, "Unified"), "fdinfo of a ring without a region has none");
	close(plain);
	if (fd < 0 || region_open(&r, fd, 65536, IO_UNIFIED_REG_POLL, 0))
		bail_out("no region on %s", node);
	region_run(&r, &sqe);
	ok(fdinfo_has(r.ring, "UnifiedRegion:\t81920\n"), "fdinfo: the region's size");
	ok(fdinfo_has(r.ring, "UnifiedSq:\t0/64\n") && fdinfo_has(r.ring, "UnifiedCq:\t0/64\n"),
	   "fdinfo: the rings, and what is in them");
	ok(fdinfo_has(r.ring, "UnifiedData:\t65536\n"), "fdinfo: the data area");
	ok(fdinfo_has(r.ring, "UnifiedInflight:\t0\n"), "fdinfo: commands in flight");
	ok(fdinfo_has(r.ring, "UnifiedPoller:\t"), "fdinfo: the poller");
	snprintf(want, sizeof(want), "UnifiedDev0:\t%s nsid:1\n", node);
	ok(fdinfo_has(r.ring, want), "fdinfo: the namespace");
	ok(r.stats->nvme_cmds == 1, "statistics are read without a system call");
	region_close(&r);
	close(fd);
}

static int work(const char *node)
{
	struct io_unified_sqe sqe = {
		.nvme_cmd = { .opcode = 1, .nsid = 1, .data_len = 4096,
			      .cdw10 = 0x78, .cdw12 = 7 },
		.user_data = 0x1267,
	};
	int fd = open(node, O_RDWR);
	unsigned int i;
	struct region r;

	if (fd < 0 || region_open(&r, fd, 65536, 0, 0))
		bail_out("no region on %s", node);
	region_run(&r, &sqe);
	sqe = (struct io_unified_sqe) { .nvme_cmd = { .nsid = 1 } };
	for (i = 0; i <= REGION_ENTRIES; i++) {
		region_queue(&r, &sqe);
		region_submit(&r);
	}
	while (r.stats->cq_overflows == 0)
		usleep(1000);
	while (ring_register(r.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0) == -EBUSY)
		usleep(1000);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[2], "work"))
		return work(argv[1]);
	if (argc != 2) {
		fprintf(stderr, "usage: discovery NODE [work]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_probe();
	test_query();
	test_fdinfo(argv[1]);
	return tap_end();
}
