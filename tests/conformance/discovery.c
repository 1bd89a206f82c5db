// SPDX-License-Identifier: GPL-2.0
/*
 * discovery: what a program can ask before it relies on something, and what can
 * be seen of a region from outside.
 *
 * Usage: discovery NODE SLOW_NODE IF QUEUE IP PORT PEER_NETNS
 *	  discovery NODE work
 *
 * SLOW_NODE is a namespace whose writes take 100 ms or more, its first 512 KiB are
 * overwritten.  With work, something to be traced: a write of 4096 bytes to LBA
 * 0x78 with user_data 0x1267, and more flushes than the CQ has room for.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sluice/sluice.h>

#include "request.h"
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
	   q.op_mask == 7 && q.op_flags == 15 && q.sqe_flags == 3,
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

/* One look; false: the kernel says nothing of a ring while that is in use */
static bool fdinfo_look(int ring, const char *name, char *value)
{
	char path[64], line[256];
	size_t len = strlen(name);
	bool said = false;
	FILE *f;

	*value = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		said |= !strncmp(line, "SqMask:", 7);
		if (strncmp(line, name, len) || strncmp(line + len, ":\t", 2))
			continue;
		line[strcspn(line, "\n")] = 0;
		strcpy(value, line + len + 2);
	}
	if (f)
		fclose(f);
	return said;
}

/* What fdinfo of the ring says after the name and a tab, or "" */
static const char *fdinfo(int ring, const char *name)
{
	static char value[256];

	while (!fdinfo_look(ring, name, value))
		sched_yield();
	return value;
}

static bool fdinfo_is(int ring, const char *name, const char *want)
{
	return !strcmp(fdinfo(ring, name), want);
}

static void test_fdinfo(void)
{
	int fd = open(node, O_RDWR), plain = ring_create(8, 0);
	struct io_unified_sqe sqe = { .nvme_cmd = { .nsid = 1 } };
	struct io_unified_cqe cqe;
	char want[128];
	struct region r;

	ok(!*fdinfo(plain, "UnifiedRegion"), "fdinfo of a ring without a region has none");
	close(plain);
	if (fd < 0 || region_open(&r, fd, 65536, IO_UNIFIED_REG_POLL, 0))
		bail_out("no region on %s", node);
	region_run(&r, &sqe);
	ok(fdinfo_is(r.ring, "UnifiedRegion", "81920"), "fdinfo: the region's size");
	ok(fdinfo_is(r.ring, "UnifiedSq", "0/64") && fdinfo_is(r.ring, "UnifiedCq", "0/64"),
	   "fdinfo: the rings, with nothing in them");
	ok(fdinfo_is(r.ring, "UnifiedData", "65536"), "fdinfo: the data area");
	ok(fdinfo_is(r.ring, "UnifiedInflight", "0"), "fdinfo: no command in flight");
	snprintf(want, sizeof(want), "/proc/%d/comm", atoi(fdinfo(r.ring, "UnifiedPoller")));
	ok(!access(want, R_OK), "fdinfo: the poller, a thread that there is");
	snprintf(want, sizeof(want), "%s nsid:1", node);
	ok(fdinfo_is(r.ring, "UnifiedDev0", want), "fdinfo: the namespace");
	ok(!*fdinfo(r.ring, "UnifiedDev1"), "... which is the only one");
	ok(!*fdinfo(r.ring, "UnifiedNicBufs"), "fdinfo: nothing of a NIC that is not there");
	ok(r.stats->nvme_cmds == 1, "statistics are read without a system call");
	region_close(&r);

	if (region_open(&r, fd, 65536, 0, 0))
		bail_out("no region on %s", node);
	ok(!*fdinfo(r.ring, "UnifiedPoller"), "fdinfo: no poller where there is none");
	region_queue(&r, &sqe);
	region_queue(&r, &sqe);
	__atomic_store_n(&r.sq->producer, r.sq->producer + 2, __ATOMIC_RELEASE);
	r.queued = 0;
	ok(fdinfo_is(r.ring, "UnifiedSq", "2/64") && fdinfo_is(r.ring, "UnifiedCq", "0/64"),
	   "fdinfo: what waits in the SQ");
	ring_enter(r.ring);
	while (r.cq->producer - r.cq->consumer != 2)
		usleep(1000);
	ok(fdinfo_is(r.ring, "UnifiedSq", "0/64") && fdinfo_is(r.ring, "UnifiedCq", "2/64"),
	   "fdinfo: what waits in the CQ");
	region_reap(&r, &cqe, 0);
	ok(fdinfo_is(r.ring, "UnifiedCq", "1/64"), "... until it is consumed");
	region_close(&r);
	close(fd);
}

/* Commands that take their time */
static void test_inflight(const char *slow)
{
	struct io_unified_sqe sqe = { .nvme_cmd = {
		.opcode = 1, .nsid = 1, .data_len = 65536, .cdw12 = 127 } };
	int fd = open(node, O_RDWR), slow_fd = open(slow, O_RDWR);
	struct io_unified_cqe cqe;
	unsigned int i, bad = 0;
	char want[128];
	struct region r;

	if (fd < 0 || region_open(&r, fd, 65536, 0, 0))
		bail_out("no region on %s", node);
	if (region_add_dev(&r, slow_fd, NULL) != 1)
		bail_out("%s is no second device", slow);
	snprintf(want, sizeof(want), "%s nsid:1", slow);
	ok(fdinfo_is(r.ring, "UnifiedDev1", want), "fdinfo: a second namespace");
	sqe.dev = 1;
	for (i = 0; i < 8; i++) {
		sqe.nvme_cmd.cdw10 = i * 128;
		region_queue(&r, &sqe);
	}
	region_submit(&r);
	i = atoi(fdinfo(r.ring, "UnifiedInflight"));
	note("%u in flight", i);
	ok(i > 0 && i <= 8, "fdinfo: commands in flight");
	for (i = 0; i < 8; i++)
		bad += region_reap(&r, &cqe, 60000) || cqe.status;
	ok(!bad && fdinfo_is(r.ring, "UnifiedInflight", "0"), "... until they have ended");
	region_close(&r);
	close(slow_fd);
	close(fd);
}

/* "NR held:HELD app:APP", of the NIC's buffers */
static bool nic_bufs_are(struct setup *s, unsigned int held, unsigned int app)
{
	const char *is = fdinfo(s->ring.ring_fd, "UnifiedNicBufs");
	char want[64];

	snprintf(want, sizeof(want), "%d held:%u app:%u", NIC_MEM / 4096, held, app);
	if (strcmp(is, want))
		note("'%s', not '%s'", is, want);
	return !strcmp(is, want);
}

/* A NIC queue, and a record that is first its own, then the application's */
static void test_nic_bufs(void)
{
	char data[REC];
	struct stream st = { .data = data, .len = sizeof(data) };
	uint64_t pieces[64];
	struct io_unified_cqe cqe;
	unsigned int nr = 0, i;
	struct setup s;
	struct peer p;

	fill(data, sizeof(data), 1);
	set_up(&s, NET_FLAGS, false, true);
	ok(nic_bufs_are(&s, 0, 0), "fdinfo: the NIC's buffers, of which none is in use");
	ok(!*fdinfo(s.ring.ring_fd, "UnifiedDev0"), "fdinfo: no namespace where there is none");
	p = connect_peer(send_stream, &st);
	try(&s, REC, "a record is received", .mask = NET, .fd = p.sock, .len = REC);
	while (nr < 64 && !region_reap(&s.r, &cqe, 0))
		pieces[nr++] = cqe.dma_addr;
	if (nr < 2)
		bail_out("a record in %u pieces", nr);
	ok(nic_bufs_are(&s, nr, nr), "fdinfo: its pieces are held, by the application");
	give_back(&s, pieces[0]);
	region_submit(&s.r);
	ok(nic_bufs_are(&s, nr - 1, nr - 1), "... which has one less when it has returned one");
	for (i = 1; i < nr; i++)
		give_back(&s, pieces[i]);
	region_submit(&s.r);
	ok(nic_bufs_are(&s, 0, 0), "... and none when it has returned all");
	end_peer(&p);
	tear_down(&s);
}

static int work(void)
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
	/* no stage */
	char *args[] = { argv[1], NULL, argv[3], argv[4], argv[5], argv[6], argv[7], NULL };

	if (argc == 3 && !strcmp(argv[2], "work")) {
		node = argv[1];
		return work();
	}
	if (argc != 8) {
		fprintf(stderr, "usage: discovery NODE SLOW_NODE IF QUEUE IP PORT PEER_NETNS\n"
				"       discovery NODE work\n");
		return 2;
	}
	request_args(args);
	test_probe();
	test_query();
	test_fdinfo();
	test_inflight(argv[2]);
	test_nic_bufs();
	return tap_end();
}
