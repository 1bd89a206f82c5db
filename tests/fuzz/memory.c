// SPDX-License-Identifier: GPL-2.0
/*
 * memory: one process rewrites all that a region shares with user space, the
 * indices of both rings, entries, control page and data, by chance and with values
 * that hurt, while another sends commands, receives streams and has stages attached,
 * and ends in any way.  The kernel may answer with errors; afterwards device and NIC
 * are free, and the next pipeline works.
 *
 * Usage: memory [OPTION...] NODE fuzz.bpf.o IF QUEUE IP PORT PEER_NETNS [NODE2]
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "../conformance/device.h"
#include "../conformance/request.h"
#include "../conformance/tap.h"
#include "fuzz.h"

#define BATCH		64	/* entries queued at once */
#define STEPS		2000	/* of the owner, at most */
#define KINDS		7	/* of memory, see rewrite_one() */
#define EPISODE_S	60	/* one that lasts longer hangs */

/* What processes tell each other */
struct shared {
	__u64	ops;		/* calls and entries of the owner's */
	__u64	requests;	/* of these, IORING_OP_UNIFIED */
	__u64	good;		/* of these, those without an error */
	__u64	stores;		/* to the shared memory */
	__u64	received;	/* bytes */
	__u64	commands;	/* that went to the device */
};

/* What a region is like */
struct shape {
	bool		ifq;		/* the other layout */
	bool		user;		/* memory of our own */
	bool		poll;
	bool		nic;
	unsigned int	entries;
	bool		stage;
	unsigned int	what;		/* is rewritten, a bit for each kind */
};

static volatile struct shared *shared;
static const char *second;
static struct device dev;

/* --- the region ---------------------------------------------------------- */

static size_t pages(size_t n)
{
	return (n + 4095) & ~4095ul;
}

/* Memory in which neighbours are none to the device */
static char *own_memory(size_t size)
{
	char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_ANONYMOUS | MAP_SHARED, -1, 0);

	if (mem == MAP_FAILED)
		bail_out("mmap: %s", strerror(errno));
	return mem;
}

static int open_ifq(struct setup *s, const struct shape *sh)
{
	struct io_uring_region_desc rd = { };
	struct io_unified_reg reg = {
		.region_ptr		= (uintptr_t)&rd,
		.nvme_dev_path		= (uintptr_t)node,
		.sq_entries		= sh->entries,
		.cq_entries		= sh->entries,
		.buffer_entries		= NIC_MEM / 4096,
		.buffer_entry_size	= 4096,
		.flags			= sh->poll ? IO_UNIFIED_REG_POLL : 0,
		.net_ifindex		= sh->nic ? if_nametoindex(ifname) : 0,
		.net_rxq		= sh->nic ? queue : 0,
	};
	int ret;

	s->r.size = 2 * 4096 + pages(sh->entries * 128) + pages(sh->entries * 64) + NIC_MEM;
	s->r.base = own_memory(s->r.size);
	rd.user_addr = (uintptr_t)s->r.base;
	rd.size = s->r.size;
	ret = ring_register(s->ring.ring_fd, IORING_REGISTER_UNIFIED_IFQ, &reg, 1);
	if (ret)
		return ret;
	s->r.sq = (void *)(s->r.base + reg.offsets.sq_ring);
	s->r.cq = (void *)(s->r.base + reg.offsets.cq_ring);
	s->r.stats = (void *)s->r.cq + IO_UNIFIED_STATS_OFFSET;
	s->r.sqes = (void *)(s->r.base + reg.offsets.sq_entries);
	s->r.cqes = (void *)(s->r.base + reg.offsets.cq_entries);
	s->r.data = s->r.base + reg.offsets.buffers;
	s->r.data_size = NIC_MEM;
	return 0;
}

static int open_region(struct setup *s, const struct shape *sh)
{
	struct io_uring_region_desc rd = { };
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= sh->entries,
		.cq_entries	= sh->entries,
		.region_size	= 4096 + pages(sh->entries * 128) +
				  pages(sh->entries * 64) + NIC_MEM + OWN_MEM,
		.nvme_fd	= s->dev,
		.flags		= sh->poll ? IO_UNIFIED_REG_POLL : 0,
		.net_ifindex	= sh->nic ? if_nametoindex(ifname) : 0,
		.net_rxq	= sh->nic ? queue : 0,
		.user_bufs	= sh->nic ? OWN_MEM / 4096 : 0,
	};
	int ret;

	s->r.size = reg.region_size;
	if (sh->user) {
		s->r.base = own_memory(s->r.size);
		rd.user_addr = (uintptr_t)s->r.base;
		rd.size = s->r.size;
		rd.flags = IORING_MEM_REGION_TYPE_USER;
		reg.region_uptr = (uintptr_t)&rd;
	}
	ret = ring_register(s->ring.ring_fd, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	if (ret)
		return ret;
	if (!sh->user)
		s->r.base = mmap(NULL, s->r.size, PROT_READ | PROT_WRITE, MAP_SHARED,
				 s->ring.ring_fd, IORING_MAP_OFF_UNIFIED_REGION);
	s->ctrl = (void *)s->r.base;
	s->r.sq = &s->ctrl->sq;
	s->r.cq = &s->ctrl->cq;
	s->r.stats = &s->ctrl->stats;
	s->r.sqes = (void *)(s->r.base + reg.offsets.sq_entries);
	s->r.cqes = (void *)(s->r.base + reg.offsets.cq_entries);
	s->r.data = s->r.base + reg.offsets.data;
	s->r.data_size = NIC_MEM + OWN_MEM;
	return 0;
}

static struct shape any_shape(void)
{
	struct shape sh = {
		.ifq		= one_in(3),
		.user		= one_in(2),
		.poll		= one_in(3),
		.nic		= !one_in(3),
		.entries	= 1u << below(9),
		.stage		= !one_in(4),
		.what		= rnd() % (1 << KINDS),
	};

	/*
	 * Who rewrites all of it gets little to happen: a CQ that seems full stops
	 * everything.
	 */
	if (!sh.what)
		sh.what = 1 << below(KINDS);

	return sh;
}

/* --- the process that rewrites ------------------------------------------- */

static uint32_t target(uint32_t other, uint32_t entries)
{
	switch (below(8)) {
	case 0:
		return other;
	case 1:
		return other + entries;
	case 2:
		return other + entries + 1;
	case 3:
		return other - 1;
	case 4:
		return other + below(entries + 1);
	case 5:
		return other + 0x80000000u;
	case 6:
		return odd_value(other, rnd());
	}
	return rnd();
}

/* What the kernel reads of the rings */
static void rewrite_indices(struct setup *s, uint32_t entries, bool sq)
{
	volatile struct io_unified_ring *ring = sq ? s->r.sq : s->r.cq;

	if (sq)
		ring->producer = target(ring->consumer, entries);
	else
		ring->consumer = target(ring->producer, entries);
}

/* What it might believe */
static void rewrite_ring(struct setup *s, uint32_t entries)
{
	volatile struct io_unified_ring *ring = one_in(2) ? s->r.sq : s->r.cq;

	switch (below(4)) {
	case 0:
		s->r.sq->consumer = target(s->r.sq->consumer, entries);
		s->r.cq->producer = target(s->r.cq->producer, entries);
		break;
	case 1:
		ring->flags = rnd();
		break;
	case 2:
		ring->cached_producer = rnd();
		ring->cached_consumer = rnd();
		break;
	case 3:
		ring->ring_entries = odd_value(entries, rnd());
		ring->ring_mask = odd_value(entries - 1, rnd());
		ring->ring_size = odd_value(entries * 64, rnd());
		break;
	}
}

/* One field of an entry that may be read just now */
static void rewrite_sqe(struct setup *s, uint32_t entries)
{
	volatile struct io_unified_sqe *sqe = &s->r.sqes[below(entries)];
	volatile struct nvme_uring_cmd *cmd = &sqe->nvme_cmd;

	switch (below(13)) {
	case 0:
		cmd->opcode = harmless(rnd());
		break;
	case 1:
		cmd->nsid = odd_value(dev.nsid, rnd());
		break;
	case 2:
		cmd->data_len = odd_value(cmd->data_len, rnd());
		break;
	case 3:
		cmd->metadata_len = odd_value(0, rnd());
		break;
	case 4:
		cmd->cdw10 = odd_value(cmd->cdw10, rnd());
		break;
	case 5:
		cmd->cdw11 = odd_value(0, rnd());
		break;
	case 6:
		cmd->cdw12 = odd_value(cmd->cdw12, rnd());
		break;
	case 7:
		sqe->buf_offset = odd_value(sqe->buf_offset, rnd());
		break;
	case 8:
		sqe->meta_offset = odd_value(s->r.data_size, rnd());
		break;
	case 9:
		sqe->dev = odd_value(0, rnd());
		break;
	case 10:
		sqe->flags = rnd() & 3;
		break;
	case 11:
		/* not a timeout of nothing, which resets the controller each time */
		((volatile uint32_t *)sqe)[1 + below(15)] = rnd();
		break;
	case 12:
		((volatile uint64_t *)sqe)[9 + below(7)] = odd_value(0, rnd());
		break;
	}
}

static void rewrite_data(struct setup *s)
{
	uint32_t nr = s->r.data_size / 4096;
	char *page = s->r.data + below(nr) * 4096ul;

	if (one_in(64))
		memset(page, rnd(), 4096);
	else
		*(volatile uint64_t *)(page + below(512) * 8) = rnd();
}

/* @sh->what: a bit for each kind of memory that is rewritten */
static void rewrite_one(struct setup *s, const struct shape *sh)
{
	uint32_t kind = below(KINDS);

	while (!(sh->what & 1 << kind))
		kind = below(KINDS);
	switch (kind) {
	case 0:
	case 1:
		rewrite_indices(s, sh->entries, !kind);
		break;
	case 2:
		rewrite_ring(s, sh->entries);
		break;
	case 3:
		rewrite_sqe(s, sh->entries);
		break;
	case 4:
		((volatile uint32_t *)s->r.cqes)[below(sh->entries * 16)] = rnd();
		break;
	case 5:
		/* both pages of the one layout, the control page of the other */
		((volatile uint32_t *)s->r.base)[below(sh->ifq ? 2048 : 1024)] =
			odd_value(4096, rnd());
		break;
	case 6:
		rewrite_data(s);
		break;
	}
}

static pid_t start_rewriting(struct setup *s, const struct shape *sh)
{
	uint64_t seed = rnd();
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rnd_seed(seed);
	for (;;) {
		int i, nr = 1 << below(10);

		for (i = 0; i < nr; i++)
			rewrite_one(s, sh);
		__atomic_fetch_add(&shared->stores, nr, __ATOMIC_RELAXED);
		if (one_in(8))
			sched_yield();
	}
}

/* --- the owner ------------------------------------------------------------ */

/* A command that would be all right, if nobody rewrote it */
static struct io_unified_sqe any_command(struct setup *s)
{
	static const uint8_t opcodes[] = {
		NVME_READ, NVME_READ, NVME_WRITE, NVME_WRITE, NVME_COMPARE, NVME_FLUSH,
		NVME_WRITE_ZEROES, NVME_VERIFY, NVME_DSM,
	};
	unsigned int opcode = opcodes[below(sizeof(opcodes))];
	unsigned int nr = 1 + below(16);
	uint64_t off = s->own_off + below((s->r.data_size - s->own_off) / 512 - nr) * 512ull;

	switch (opcode) {
	case NVME_FLUSH:
		return cmd_bare(&dev, opcode);
	case NVME_DSM:
		return cmd_data(&dev, opcode, off, 512);
	case NVME_WRITE_ZEROES:
	case NVME_VERIFY: {
		struct io_unified_sqe sqe = cmd_io(&dev, opcode, below(4096), nr, off);

		sqe.nvme_cmd.data_len = 0;
		return sqe;
	}
	}
	return cmd_io(&dev, opcode, below(4096), nr, off);
}

static void count(unsigned int nr)
{
	shared->ops += nr;
}

static void enter(struct setup *s, unsigned int entries)
{
	uint32_t before = s->r.sq->consumer, done;

	ring_enter(s->ring.ring_fd);
	done = *(volatile uint32_t *)&s->r.sq->consumer - before;
	/* or somebody has written to it */
	count(1 + (done <= entries ? done : 0));
}

static void send_commands(struct setup *s, unsigned int entries)
{
	unsigned int i, nr = 1 + below(entries < BATCH ? entries : BATCH);
	uint32_t tail = s->r.sq->producer;

	for (i = 0; i < nr; i++)
		s->r.sqes[(tail + i) & (entries - 1)] = any_command(s);
	__atomic_store_n(&s->r.sq->producer, tail + nr, __ATOMIC_RELEASE);
	enter(s, entries);
}

/* What came, or what somebody says has come; records are given back */
static void take_completions(struct setup *s, unsigned int entries)
{
	uint32_t head = s->r.cq->consumer, tail = s->r.cq->producer;
	uint32_t sq = s->r.sq->producer, i, given = 0;

	for (i = head; i != tail && i - head < entries; i++) {
		struct io_unified_cqe cqe = s->r.cqes[i & (entries - 1)];

		if (cqe.flags & IO_UNIFIED_CQE_F_RECORD && given < entries)
			s->r.sqes[(sq + given++) & (entries - 1)] = (struct io_unified_sqe) {
				.flags = IO_UNIFIED_SQE_RETURN,
				.buf_offset = cqe.dma_addr,
			};
	}
	__atomic_store_n(&s->r.cq->consumer, tail, __ATOMIC_RELEASE);
	__atomic_store_n(&s->r.sq->producer, sq + given, __ATOMIC_RELEASE);
	enter(s, entries);
}

static void take_results(struct setup *s)
{
	struct io_uring_cqe *cqe;
	unsigned int head, nr = 0;

	io_uring_get_events(&s->ring);
	io_uring_for_each_cqe(&s->ring, head, cqe) {
		nr++;
		shared->good += cqe->res >= 0;
	}
	io_uring_cq_advance(&s->ring, nr);
	count(1);
}

static void send_request(struct setup *s, struct conn *c)
{
	struct io_uring_sqe *sqe = NULL;
	unsigned int len = LBA << below(8);
	struct op op = {
		.mask	= 1 + below(7),
		.off	= s->own_off + below(64) * LBA,
		.len	= len,
		.fd	= c->near,
	};

	if (io_uring_sq_space_left(&s->ring) < 2)
		return;
	if (op.mask & NET && !one_in(4)) {
		/* a stream, from here on */
		op.off = 0;
		op.len = one_in(4) ? 0 : len;
		op.ioprio = op.len && one_in(4) ? 0 : IORING_RECV_MULTISHOT;
		op.sock = op.mask & BPF ? below(3) : 0;
	} else if (op.mask & NET) {
		op.flags = IORING_UNIFIED_F_SEND;
	} else if (op.mask & NVME && one_in(2)) {
		op.flags = IORING_UNIFIED_F_WRITE;
	}
	if (op.mask & NVME) {
		op.lba = below(4096);
		if (op.flags & IORING_UNIFIED_F_WRITE && one_in(8))
			op.flags |= IORING_UNIFIED_F_FLUSH;
	}
	if (one_in(8))
		op.sqe_flags = IOSQE_ASYNC;
	sqe = queue_op(s, op);
	if (one_in(16))
		sqe->off = odd_value(sqe->off, rnd());
	io_uring_submit(&s->ring);
	shared->requests++;
	count(1);
}

static void feed(struct conn *c)
{
	static char buf[65536];
	ssize_t n;
	int i;

	for (i = 0; i < (int)sizeof(buf); i += 8)
		*(uint64_t *)(buf + i) = rnd();
	n = send(c->far, buf, 1 + below(sizeof(buf)), MSG_NOSIGNAL);
	if (n > 0)
		shared->received += n;
	while (recv(c->far, buf, sizeof(buf), 0) > 0)
		;
}

static void change_sockets(struct setup *s, struct conn *c)
{
	struct io_unified_sock_reg reg = { .fd = c->near };

	if (one_in(2)) {
		reg.flags = IO_UNIFIED_SOCK_REMOVE;
		reg.sock = below(4);
	}
	ring_register(s->ring.ring_fd, IORING_REGISTER_UNIFIED_SOCK, &reg, 1);
	count(1);
}

static void change_stage(struct setup *s, const struct shape *sh)
{
	if (!sh->stage)
		return;
	if (s->link) {
		bpf_link__destroy(s->link);
		s->link = NULL;
	} else {
		s->link = fuzz_attach_stage();
	}
	count(1);
}

static void change_conn(struct conn *c)
{
	if (one_in(2)) {
		shutdown(one_in(2) ? c->near : c->far, SHUT_WR);
		return;
	}
	conn_close(c);
	conn_open(c);
}

/* The region is gone: there is nothing more to do */
static bool unregister(struct setup *s)
{
	count(1);
	return !ring_register(s->ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
}

static bool step(struct setup *s, const struct shape *sh, struct conn *c)
{
	switch (below(32)) {
	case 0 ... 9:
		send_commands(s, sh->entries);
		break;
	case 10 ... 14:
		take_completions(s, sh->entries);
		break;
	case 15 ... 18:
		take_results(s);
		break;
	case 19 ... 23:
		send_request(s, c);
		break;
	case 24 ... 27:
		feed(c);
		break;
	case 28:
		change_sockets(s, c);
		break;
	case 29:
		change_stage(s, sh);
		break;
	case 30:
		if (one_in(8))
			change_conn(c);
		break;
	case 31:
		return !one_in(8) || !unregister(s);
	}
	return true;
}

/* In a process of its own, which does not always get to the end */
static void own(const struct shape *sh)
{
	unsigned int flags = sh->nic ? NET_FLAGS : one_in(2) ? NET_FLAGS : 0;
	struct setup s = { };
	unsigned int i, steps = 1 + below(STEPS);
	pid_t pid = 0;
	struct conn c;
	int ret;

	if (sh->ifq)
		flags = NET_FLAGS | IORING_SETUP_SQE128;
	ret = io_uring_queue_init(32, &s.ring, flags);
	if (ret)
		bail_out("io_uring: %s", strerror(-ret));
	s.dev = open(node, O_RDWR);
	ret = sh->ifq ? open_ifq(&s, sh) : open_region(&s, sh);
	if (ret)
		bail_out("register: %s", strerror(-ret));
	s.own_off = sh->nic && !sh->ifq ? NIC_MEM : 0;
	dup2(s.ring.ring_fd, FUZZ_RING_FD);
	if (second && one_in(2))
		region_add_dev(&s.r, open(second, O_RDWR), NULL);
	conn_open(&c);
	change_stage(&s, sh);
	if (!one_in(16))
		pid = start_rewriting(&s, sh);
	for (i = 0; i < steps && step(&s, sh, &c); i++)
		;
	shared->commands += s.r.stats->nvme_cmds < 1 << 20 ? s.r.stats->nvme_cmds : 0;

	/* with or without the other, orderly or not at all */
	if (pid && one_in(2))
		kill(pid, SIGKILL);
	switch (below(4)) {
	case 0:
		bpf_link__destroy(s.link);
		unregister(&s);
		io_uring_queue_exit(&s.ring);
		break;
	case 1:
		io_uring_queue_exit(&s.ring);
		break;
	case 2:
		munmap(s.r.base, s.r.size);
		break;
	case 3:
		kill(getpid(), SIGKILL);
	}
	_exit(0);
}

/* How the owner ended, or 124 << 8: not in time */
static int await(pid_t pid)
{
	uint64_t begin = now_ms();
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now_ms() - begin > EPISODE_S * 1000)
			return 124 << 8;
		be_patient(begin);
	}
	return status;
}

static bool episode(__u64 nr)
{
	uint64_t seed = rnd();
	struct shape sh = any_shape();
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rnd_seed(seed);
		own(&sh);
	}
	status = await(pid);
	if ((!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) && status) {
		note("episode %llu: the owner ended by %#x", nr, status);
		return false;
	}
	return all_free(true);
}

int main(int argc, char **argv)
{
	bool good = true;
	__u64 nr = 0;

	argv += fuzz_args(argc, argv);
	if (!request_args(argv + 1))
		bail_out("no NIC");
	second = argv[8];
	signal(SIGPIPE, SIG_IGN);
	device_open(&dev, node, O_RDWR);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	fuzz_load_stage();
	while (good && fuzz_goes_on()) {
		good = episode(nr++);
		fuzz.ops = shared->ops;
		fuzz_progress("episodes", nr);
	}
	note("%llu episodes, %llu operations", nr, shared->ops);
	note("requests %llu, without an error %llu; commands to the device %llu; bytes to streams %llu",
	     shared->requests, shared->good, shared->commands, shared->received);
	note("stores to the shared memory %llu", shared->stores);
	note("stages: asked %llu times, about commands %llu, made %llu buffers, ended %llu times",
	     fuzz_stage->asked, fuzz_stage->routed, fuzz_stage->made, fuzz_stage->ended);
	ok(good, "after each episode all is free and works");
	ok(shared->stores && shared->commands && shared->good && fuzz_stage->asked &&
	   fuzz_stage->routed && fuzz_stage->made && fuzz_stage->ended,
	   "commands, streams and stages were there while memory was rewritten");
	return tap_end();
}
