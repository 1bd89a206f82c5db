// SPDX-License-Identifier: GPL-2.0
/*
 * op-rings: regions and IORING_OP_UNIFIED on rings of every kind: what
 * io_uring_setup() was told makes no difference to what is done, only, for some,
 * to what is possible.
 *
 * Usage: op-rings NODE STAGE.bpf.o BAD_NODE BAD_READ IF QUEUE IP PORT PEER_NETNS
 *
 * BAD_NODE is a namespace that cannot read the LBA BAD_READ.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "request.h"
#include "tap.h"

#define SINGLE	IORING_SETUP_SINGLE_ISSUER
#define DEFER	(SINGLE | IORING_SETUP_DEFER_TASKRUN)

static const char *bad_node;
static unsigned int bad_read;

struct cqe32 {
	struct io_uring_cqe	cqe;
	__u64			big[2];
};

static const struct kind {
	unsigned int	flags;
	const char	*name;
} kinds[] = {
	{ 0, "no flags" },
	{ IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_SQARRAY, "SUBMIT_ALL, NO_SQARRAY" },
	{ IORING_SETUP_NO_SQARRAY | IORING_SETUP_SQ_REWIND, "SQ_REWIND" },
	{ IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN" },
	{ IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, "COOP_TASKRUN, TASKRUN_FLAG" },
	{ SINGLE, "SINGLE_ISSUER" },
	{ DEFER, "DEFER_TASKRUN" },
	{ DEFER | IORING_SETUP_TASKRUN_FLAG, "DEFER_TASKRUN, TASKRUN_FLAG" },
	{ IORING_SETUP_SQPOLL, "SQPOLL" },
	{ IORING_SETUP_SQPOLL | SINGLE | IORING_SETUP_CQE32, "SQPOLL, SINGLE_ISSUER, CQE32" },
	{ IORING_SETUP_SQE128, "SQE128" },
	{ IORING_SETUP_SQE_MIXED, "SQE_MIXED" },
	{ IORING_SETUP_CQE32, "CQE32" },
	{ IORING_SETUP_CQE_MIXED, "CQE_MIXED" },
	{ DEFER | IORING_SETUP_SQE_MIXED | IORING_SETUP_CQE_MIXED,
	  "DEFER_TASKRUN, SQE_MIXED, CQE_MIXED" },
	{ DEFER | IORING_SETUP_SQE128 | IORING_SETUP_CQE32, "DEFER_TASKRUN, SQE128, CQE32" },
};

/* These complete requests by polling the device, which no region does */
static const struct kind polled[] = {
	{ IORING_SETUP_IOPOLL, "IOPOLL" },
	{ IORING_SETUP_IOPOLL | IORING_SETUP_HYBRID_IOPOLL, "IOPOLL, HYBRID_IOPOLL" },
	{ IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL, "IOPOLL, SQPOLL" },
	{ IORING_SETUP_IOPOLL | DEFER | IORING_SETUP_SQE128 | IORING_SETUP_CQE32,
	  "IOPOLL, DEFER_TASKRUN, SQE128, CQE32" },
};

#define NR(array)	(sizeof(array) / sizeof(*(array)))

static void add_bad_dev(struct setup *s)
{
	int fd = open(bad_node, O_RDWR);

	if (region_add_dev(&s->r, fd, NULL) != 1)
		bail_out("%s is no second device", bad_node);
	close(fd);
}

/* The region's own rings: a write */
static struct io_unified_cqe write_by_sq(struct setup *s, uint64_t lba)
{
	struct io_unified_sqe sqe = {
		.nvme_cmd = { .opcode = 1, .nsid = 1, .data_len = 4096,
			      .cdw10 = lba, .cdw12 = 7 },
		.user_data = 4711,
	};

	return region_run(&s->r, &sqe);
}

/* ... and it is there */
static bool by_sq(struct setup *s, uint64_t lba, unsigned int seed)
{
	struct io_unified_cqe cqe;

	fill(s->own, 4096, seed);
	cqe = write_by_sq(s, lba);
	return cqe.user_data == 4711 && !cqe.status && on_device(lba, s->own, 4096);
}

/* A request's res, and the 32 bytes of its CQE */
static int big_op(struct setup *s, struct op op, struct cqe32 *c)
{
	memset(c, 0xff, sizeof(*c));
	queue_op(s, op);
	return wait_op(s, &c->cqe);
}

static void test_device(struct setup *s, const struct kind *k)
{
	bool large = k->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED);
	struct cqe32 c;
	int res[2], i;

	fill(s->own, 8192, k->flags + 2);
	queue_op(s, (struct op) { .mask = NVME, .flags = IORING_UNIFIED_F_WRITE,
		 .len = 4096, .lba = 1000, .sqe_flags = IOSQE_IO_LINK });
	queue_op(s, (struct op) { .mask = NVME, .len = 4096, .off = 4096, .lba = 1000 });
	for (i = 0; i < 2; i++)
		res[i] = wait_op(s, NULL);
	ok(res[0] == 4096 && res[1] == 4096 && on_device(1000, s->own, 4096) &&
	   !memcmp(s->own, s->own + 4096, 4096), "%s: a write, and a read linked to it",
	   k->name);
	memset(s->own, 0, 4096);
	ok(do_op(s, (struct op) { .mask = NVME, .len = 4096, .lba = 1000,
		 .sqe_flags = IOSQE_ASYNC }) == 4096 && !memcmp(s->own, s->own + 4096, 4096),
	   "%s: IOSQE_ASYNC", k->name);
	i = big_op(s, (struct op) { .mask = NVME, .len = LBA, .lba = bad_read, .dev = 1 }, &c);
	if (!ok(i == -EIO && (!large || (c.big[0] & 0x7ff) == SC_READ_ERROR),
		"%s: a block that cannot be read", k->name))
		note("%d, %#llx", i, c.big[0]);
	i = big_op(s, (struct op) { .mask = NVME, .len = LBA }, &c);
	ok(i == LBA && (!(k->flags & IORING_SETUP_CQE32) || (!c.big[0] && !c.big[1])),
	   "%s: ... of which the next request says nothing", k->name);
}

static void test_stage(struct setup *s, const struct kind *k)
{
	attach_stage(s);
	s->own[0] = 'D';
	ok(do_op(s, (struct op) { .mask = BPF, .len = 512 }) == IO_UNIFIED_DROP,
	   "%s: a stage's verdict", k->name);
	s->own[0] = 'x';
	ok(do_op(s, (struct op) { .mask = BPF | NVME, .flags = IORING_UNIFIED_F_WRITE,
		 .len = 4096, .lba = 2000 }) == 4096 && !memcmp(s->own, "xDONE", 5) &&
	   on_device(2000, s->own, 4096), "%s: ... and what it wrote", k->name);
}

/* More than a socket takes at a time, so that each has to wait for room */
static void test_send(struct setup *s, const struct kind *k)
{
	size_t part = OWN_MEM / 2, parts = 8, i;
	struct sink sink = { .len = parts * part };
	unsigned int bad = 0;
	struct peer p;

	sink.want = malloc(sink.len);
	fill(sink.want, part, 7);
	for (i = 1; i < parts; i++)
		memcpy(sink.want + i * part, sink.want, part);
	memcpy(s->own, sink.want, part);
	if (do_op(s, (struct op) { .mask = NVME, .flags = IORING_UNIFIED_F_WRITE,
		  .len = part, .lba = 4000 }) != (int)part)
		bail_out("%s: no data to send", k->name);
	p = connect_peer(receive_all, &sink);
	for (i = 0; i < parts; i++)
		bad += do_op(s, (struct op) { .mask = NET | NVME, .fd = p.sock, .lba = 4000,
			     .off = part, .len = part,
			     .flags = IORING_UNIFIED_F_SEND }) != (int)part;
	ok(!bad && sent_well(&p), "%s: what is read goes to a socket", k->name);
	free(sink.want);
}

static void test_kind(const struct kind *k)
{
	struct setup s;

	set_up(&s, k->flags, true, false);
	add_bad_dev(&s);
	ok(by_sq(&s, 500, k->flags + 1), "%s: a command of the SQ", k->name);
	test_device(&s, k);
	test_stage(&s, k);
	test_send(&s, k);
	ok(balanced(s.r.stats) && !s.r.stats->in_flight.bufs, "%s: it all adds up", k->name);
	tear_down(&s);
}

static void test_polled(const struct kind *k)
{
	struct setup s;
	int res[2], i;

	set_up(&s, k->flags, true, false);
	ok(by_sq(&s, 600, k->flags + 3), "%s: a command of the SQ", k->name);
	ok(do_op(&s, (struct op) { .mask = NVME, .len = 512 }) == -EINVAL &&
	   do_op(&s, (struct op) { .mask = BPF, .len = 512 }) == -EINVAL &&
	   do_op(&s, (struct op) { .mask = NET, .len = 4096 }) == -EINVAL,
	   "%s: requests are EINVAL", k->name);
	queue_op(&s, (struct op) { .mask = NVME, .len = 512, .sqe_flags = IOSQE_IO_LINK });
	queue_op(&s, (struct op) { .mask = NVME, .len = 512, .sqe_flags = IOSQE_ASYNC });
	for (i = 0; i < 2; i++)
		res[i] = wait_op(&s, NULL);
	/* the one linked to it is not looked at */
	ok(res[0] == -EINVAL && (res[1] == -ECANCELED || res[1] == -EINVAL),
	   "%s: ... as those of a link", k->name);
	ok(by_sq(&s, 600, k->flags + 4), "%s: ... and the SQ goes on", k->name);
	tear_down(&s);
}

/* The kernel gives a namespace back some time after the ring has gone */
static bool is_given_back(void)
{
	uint64_t begin = now_ms();
	int fd;

	while ((fd = open(node, O_RDWR | O_EXCL)) < 0 && now_ms() - begin < 30000)
		be_patient(begin);
	close(fd);
	return fd >= 0;
}

/* The whole SQ is full of writes, and nobody looks for the CQEs */
static void kill_in_flight(const struct kind *k)
{
	struct io_unified_sqe sqe = {
		.nvme_cmd = { .opcode = 1, .nsid = 1, .data_len = 65536, .cdw12 = 127 } };
	int fds[2], pid, i;
	struct setup s;
	char c;

	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		set_up(&s, k->flags, true, false);
		for (i = 0; i < 60; i++) {
			sqe.nvme_cmd.cdw10 = i * 128;
			region_queue(&s.r, &sqe);
			queue_op(&s, (struct op) { .mask = NVME, .len = 65536 });
		}
		region_submit(&s.r);
		io_uring_submit(&s.ring);
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	i = read(fds[0], &c, 1) == 1;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fds[0]);
	ok(i && is_given_back(), "%s: a process that is killed gives the namespace back", k->name);
}

/* --- who may do what ------------------------------------------------------ */

static void *enter_from_thread(void *arg)
{
	return (void *)(long)ring_enter(*(int *)arg);
}

static void *unregister_from_thread(void *arg)
{
	return (void *)(long)ring_register(*(int *)arg, IORING_UNREGISTER_UNIFIED_REGION,
					   NULL, 0);
}

static long in_thread(void *(*run)(void *), int ring)
{
	pthread_t thread;
	void *ret;

	pthread_create(&thread, NULL, run, &ring);
	pthread_join(thread, &ret);
	return (long)ret;
}

static void queue_only(struct setup *s, const struct io_unified_sqe *sqe)
{
	region_queue(&s->r, sqe);
	__atomic_store_n(&s->r.sq->producer, s->r.sq->producer + 1, __ATOMIC_RELEASE);
	s->r.queued = 0;
}

static void test_sqpoll(void)
{
	struct io_unified_sqe sqe = { .nvme_cmd = { .nsid = 1 }, .user_data = 4 };
	struct io_unified_cqe cqe;
	struct setup s;

	set_up(&s, IORING_SETUP_SQPOLL, true, false);
	queue_only(&s, &sqe);
	ok(region_reap(&s.r, &cqe, 200) == -ETIME && s.r.sq->consumer != s.r.sq->producer,
	   "SQPOLL: its thread does not drain the SQ");
	ring_enter(s.r.ring);
	ok(!region_reap(&s.r, &cqe, 10000) && cqe.user_data == 4,
	   "SQPOLL: ... io_uring_enter() does");
	tear_down(&s);
}

/* A ring of one task: others drain its SQ, as it is io_uring_enter()'s, and no more */
static void test_single(void)
{
	struct io_unified_sqe sqe = { .nvme_cmd = { .nsid = 1 }, .user_data = 5 };
	struct io_unified_cqe cqe;
	struct setup s;

	set_up(&s, DEFER, true, false);
	queue_only(&s, &sqe);
	ok(!in_thread(enter_from_thread, s.r.ring) && !region_reap(&s.r, &cqe, 10000) &&
	   cqe.user_data == 5, "SINGLE_ISSUER: io_uring_enter() of another thread drains the SQ");
	check_res(in_thread(unregister_from_thread, s.r.ring), -EEXIST,
		  "SINGLE_ISSUER: another thread does not unregister");
	tear_down(&s);
}

static void test_disabled(void)
{
	struct io_unified_sqe sqe = { .nvme_cmd = { .nsid = 1 }, .user_data = 6 };
	struct io_unified_cqe cqe;
	struct setup s;

	set_up(&s, DEFER | IORING_SETUP_R_DISABLED, true, false);
	ok(true, "R_DISABLED: a region for a ring that is not enabled");
	region_queue(&s.r, &sqe);
	check_res(region_submit(&s.r), -EBADFD, "R_DISABLED: io_uring_enter()");
	ok(region_reap(&s.r, &cqe, 200) == -ETIME && s.r.sq->consumer != s.r.sq->producer,
	   "R_DISABLED: ... drains nothing");
	add_bad_dev(&s);
	attach_stage(&s);
	ok(true, "R_DISABLED: another device, and a stage");
	if (io_uring_enable_rings(&s.ring))
		bail_out("enable");
	check_res(ring_enter(s.r.ring), 0, "... and, when it is enabled, io_uring_enter()");
	ok(!region_reap(&s.r, &cqe, 10000) && cqe.user_data == 6, "... drains");
	try(&s, 512, "... and requests are run", .mask = NVME, .len = 512);
	tear_down(&s);

	set_up(&s, DEFER | IORING_SETUP_R_DISABLED, true, false);
	check_res(ring_register(s.r.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0), 0,
		  "R_DISABLED: a region goes before the ring is enabled");
	munmap(s.r.base, s.r.size);
	io_uring_queue_exit(&s.ring);
	close(s.dev);
}

/* A ring that may not unregister its region takes it along */
static void close_with_region(struct setup *s)
{
	munmap(s->r.base, s->r.size);
	io_uring_queue_exit(&s->ring);
	close(s->dev);
	if (!is_given_back())
		bail_out("the namespace is not given back");
}

/* What a ring is not allowed is not possible by these calls, requests and the SQ */
static void test_restricted(void)
{
	struct io_uring_restriction res[] = {
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
		  .register_op = IORING_REGISTER_ENABLE_RINGS },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
	};
	struct io_unified_cqe cqe;
	struct setup s;

	set_up(&s, IORING_SETUP_R_DISABLED, true, false);
	if (io_uring_register_restrictions(&s.ring, res, 2) || io_uring_enable_rings(&s.ring))
		bail_out("restrictions");
	check_res(ring_register(s.r.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0), -EACCES,
		  "a ring that is restricted: registration calls");
	try(&s, -EACCES, "a ring that is restricted: requests", .mask = NVME, .len = 512);
	fill(s.own, 4096, 9);
	cqe = write_by_sq(&s, 700);
	ok(cqe.status == IO_UNIFIED_STATUS_HOST && cqe.result == -EACCES &&
	   cqe.user_data == 4711 && !on_device(700, s.own, 4096),
	   "a ring that is restricted: commands of the SQ");
	close_with_region(&s);

	/* the region is made before */
	res[1].sqe_op = IORING_OP_UNIFIED;
	set_up(&s, IORING_SETUP_R_DISABLED, true, false);
	if (io_uring_register_restrictions(&s.ring, res, 2) || io_uring_enable_rings(&s.ring))
		bail_out("restrictions");
	ok(by_sq(&s, 700, 9), "... unless it may send the requests");
	close_with_region(&s);

	res[0].register_op = IORING_UNREGISTER_UNIFIED_REGION;
	memset(&s, 0, sizeof(s));
	if (io_uring_queue_init(8, &s.ring, IORING_SETUP_R_DISABLED) ||
	    io_uring_register_restrictions(&s.ring, res, 2) || io_uring_enable_rings(&s.ring))
		bail_out("restrictions");
	check_res(ring_register(s.ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0),
		  -ENXIO, "... unless they are what it is allowed");
	check_res(ring_register(s.ring.ring_fd, IORING_UNREGISTER_UNIFIED_IFQ, NULL, 0),
		  -EACCES, "... each by itself");
	try(&s, -ENXIO, "... which holds for the request, too", .mask = NVME, .len = 512);
	io_uring_queue_exit(&s.ring);
}

int main(int argc, char **argv)
{
	char *args[] = { argv[1], argv[2], argv[5], argv[6], argv[7], argv[8], argv[9], NULL };
	static const struct kind killed[] = {
		{ IORING_SETUP_SQPOLL, "SQPOLL" },
		{ IORING_SETUP_IOPOLL, "IOPOLL" },
		{ IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL, "IOPOLL, SQPOLL" },
		{ IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN" },
		{ IORING_SETUP_CQE_MIXED | DEFER, "DEFER_TASKRUN, CQE_MIXED" },
	};
	unsigned int i;

	if (argc != 10)
		bail_out("usage: op-rings NODE STAGE.bpf.o BAD_NODE BAD_READ IF QUEUE IP PORT PEER_NETNS");
	bad_node = argv[3];
	bad_read = atoi(argv[4]);
	request_args(args);
	for (i = 0; i < NR(kinds); i++)
		test_kind(&kinds[i]);
	for (i = 0; i < NR(polled); i++)
		test_polled(&polled[i]);
	for (i = 0; i < NR(killed); i++)
		kill_in_flight(&killed[i]);
	test_sqpoll();
	test_single();
	test_disabled();
	test_restricted();
	return tap_end();
}
