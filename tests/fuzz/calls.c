// SPDX-License-Identifier: GPL-2.0
/*
 * calls: a fuzzer of what regions are called with: both registration calls, those
 * for devices and sockets, and their counterparts; IORING_OP_UNIFIED; entries of the
 * region's SQ; mmap(); with stages, streams, and allocations that fail in between.
 *
 * A program is a string of bytes.  Each call takes from it what it needs: a byte
 * says whether a field is as it should be, which is likely, or wrong, and how.  So
 * any string is a program, and most of one works.  Programs are made from those in
 * the corpus; one that reaches code which none before has reached joins it, where
 * the kernel has KCOV.
 *
 * Usage: calls [OPTION...] NODE fuzz.bpf.o IF QUEUE IP PORT PEER_NETNS [NODE2]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcov.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "../conformance/device.h"
#include "../conformance/request.h"
#include "../conformance/tap.h"
#include "fuzz.h"

#define MAX_LEN		1024	/* of a program */
/* Below it, a byte is for a field as it should be: so that a call of many is, too */
#define GOOD		250
#define MAX_CORPUS	4096
#define COVER		(256 << 10)	/* entries of KCOV's buffer */
#define EDGES		(1 << 16)
/* Memory for regions and arguments, with as much around that an address near is ours */
#define OWN_SIZE	(8ul << 20)
#define ARGS_SIZE	(256ul << 10)
#define OWN_PART	(64 << 10)	/* of a data area that is the NIC's otherwise */
/* More would only take memory from the machine */
#define MAX_REGION	(64ull << 20)
#define SETTLE		200	/* tries until nothing is in flight */

struct program {
	uint8_t		data[MAX_LEN];
	unsigned int	len;
};

/* --- what a program is read by -------------------------------------------- */

static struct { const uint8_t *data; unsigned int len, pos; } in;

static uint8_t byte(void)
{
	return in.pos < in.len ? in.data[in.pos++] : 0;
}

static uint64_t bytes(unsigned int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | byte();
	return v;
}

/* @base, most of the time */
static uint64_t value(uint64_t base)
{
	uint8_t how;

	if (byte() < GOOD)
		return base;
	how = byte() & 15;
	return odd_value(base, how | bytes(how == 11 ? 8 : 2) << 4);
}

static uint8_t among(uint8_t n)
{
	return byte() % n;
}

/* --- what it works on ------------------------------------------------------ */

static struct device dev;
static const char *second;
static int files[8];
static struct io_uring ring;
static bool have_ring;
/* as far as we know it: sq is NULL without one that we can reach */
static struct region region;
static unsigned int sq_entries;
static char *all;		/* what is ours: OWN_SIZE before own, and behind it */
static char *own;
static char *args;
static char *mapped;		/* of the kernel's */
static size_t mapped_size;
static struct conn conn;
static bool have_conn;
static struct bpf_link *attached;
static uint64_t done[8];	/* calls that succeeded, by kind */

enum { REGISTERED, UNREGISTERED, ADDED, ATTACHED, SUBMITTED, COMPLETED };

/* The next call of the kernel is to fail at its so-manieth allocation or copy */
static unsigned int nth;

static void fail_nth(unsigned int nr)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/proc/thread-self/fail-nth", O_WRONLY);
	dprintf(fd, "%u", nr);
}

static void before_call(void)
{
	fuzz.ops++;
	if (nth)
		fail_nth(nth);
}

static void after_call(void)
{
	if (nth)
		fail_nth(0);
	nth = 0;
}

/* A copy of an argument, whose neighbourhood is ours, too */
static void *argument(const void *arg, size_t size, size_t off)
{
	return memcpy(args + ARGS_SIZE / 2 + off, arg, size);
}

static int reg(unsigned int op, void *arg, unsigned int nr)
{
	int ret;

	before_call();
	ret = ring_register(have_ring ? ring.ring_fd : -1, op, arg, nr);
	after_call();
	return ret;
}

static void enter(unsigned int flags)
{
	if (!have_ring)
		return;
	before_call();
	syscall(__NR_io_uring_enter, ring.ring_fd, 0, 0, flags, NULL, 0);
	after_call();
}

/* Completions of the ring itself, which nobody reads */
static unsigned int reap(void)
{
	struct io_uring_cqe *cqe;
	unsigned int head, nr = 0;

	io_uring_for_each_cqe(&ring, head, cqe)
		nr++;
	io_uring_cq_advance(&ring, nr);
	done[COMPLETED] += nr;
	return nr;
}

static void close_conn(void)
{
	if (have_conn)
		conn_close(&conn);
	have_conn = false;
}

static int near_sock(void)
{
	if (!have_conn)
		conn_open(&conn);
	have_conn = true;
	return conn.near;
}

static void forget_region(void)
{
	if (mapped)
		munmap(mapped, mapped_size);
	mapped = NULL;
	memset(&region, 0, sizeof(region));
}

/* Everything goes, and what is in flight is waited for, as far as one can */
static void settle(void)
{
	struct io_uring_sync_cancel_reg cancel = {
		.flags = IORING_ASYNC_CANCEL_ANY, .timeout = { 0, 1000000 }, .fd = -1,
	};
	uint64_t begin = now_ms();
	unsigned int i;

	nth = 0;
	bpf_link__destroy(attached);
	attached = NULL;
	close_conn();
	if (!have_ring)
		return;
	for (i = 1; i < SETTLE; i++) {
		if (reg(IORING_UNREGISTER_UNIFIED_REGION, NULL, 0) != -EBUSY)
			break;
		if (i % 8 == 0)
			reg(IORING_REGISTER_SYNC_CANCEL, &cancel, 1);
		if (region.sq)
			region.cq->consumer = region.cq->producer;
		enter(IORING_ENTER_GETEVENTS);
		reap();
		be_patient(begin);
	}
	forget_region();
	io_uring_queue_exit(&ring);
	close(FUZZ_RING_FD);
	have_ring = false;
}

/* --- the calls -------------------------------------------------------------- */

static void new_ring(void)
{
	static const unsigned int kinds[] = {
		NET_FLAGS, NET_FLAGS, NET_FLAGS | IORING_SETUP_SQE128,
		NET_FLAGS | IORING_SETUP_SQE128, 0, IORING_SETUP_CQE32,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			IORING_SETUP_CQE_MIXED,
		IORING_SETUP_SQPOLL | IORING_SETUP_CQE32,
	};
	unsigned int flags = kinds[among(8)];

	/* or nothing would become of what comes after it */
	if (have_ring && byte() < 200)
		return;
	settle();
	before_call();
	have_ring = !io_uring_queue_init(32, &ring, flags);
	after_call();
	if (have_ring)
		dup2(ring.ring_fd, FUZZ_RING_FD);
}

static size_t pages(size_t n)
{
	return (n + 4095) & ~4095ul;
}

static uint64_t limited(uint64_t size)
{
	return size < 1ull << 40 ? size % MAX_REGION : size;
}

/* Where its rings are, if that is where we may write */
static void learn(uint64_t base, size_t size, size_t sq, size_t cq, size_t sqes,
		  size_t cqes, size_t data)
{
	char *mem = (char *)(uintptr_t)base;

	memset(&region, 0, sizeof(region));
	if (mem != mapped && (mem < all || mem + size > all + 3 * OWN_SIZE))
		return;
	region.base = mem;
	region.size = size;
	region.sq = (void *)(mem + sq);
	region.cq = (void *)(mem + cq);
	region.sqes = (void *)(mem + sqes);
	region.cqes = (void *)(mem + cqes);
	region.data = mem + data;
	region.data_size = size - data;
}

static void register_ifq(void)
{
	static const char *const paths[] = { "/dev/null", "/dev/nowhere", "/", "" };
	unsigned int sq = 1u << among(9), cq = 1u << among(9), bufs = 1u << (4 + among(7));
	size_t size = 2 * 4096 + pages(sq * 128) + pages(cq * 64) + bufs * 4096l;
	struct io_unified_reg *arg;
	bool nic = byte() & 1;
	struct io_uring_region_desc rd = {
		.user_addr	= value((uintptr_t)own),
		.size		= value(size + (nic ? (256 - bufs) * 4096l : 0)),
		.flags		= value(IORING_MEM_REGION_TYPE_USER),
		.id		= value(0),
		.mmap_offset	= value(0),
	};
	struct io_unified_reg r = {
		.region_ptr		= value((uintptr_t)argument(&rd, sizeof(rd), 4096)),
		.nvme_dev_path		= value((uintptr_t)node),
		.sq_entries		= value(sq),
		.cq_entries		= value(cq),
		.buffer_entries		= value(nic ? 256 : bufs),
		.buffer_entry_size	= value(4096),
		.flags			= value(byte() & 7),
		.net_ifindex		= value(nic ? if_nametoindex(ifname) : 0),
		.net_rxq		= value(nic ? queue : 0),
	};
	uint8_t how = byte();

	r.sq_idle = value(r.flags & IO_UNIFIED_REG_POLL ? 10 : 0);
	if (how >= 248)
		r.nvme_dev_path = (uintptr_t)paths[how % 4];
	arg = argument(&r, sizeof(r), 0);
	if (reg(IORING_REGISTER_UNIFIED_IFQ, (void *)value((uintptr_t)arg), 1))
		return;
	done[REGISTERED]++;
	sq_entries = r.sq_entries;
	learn(rd.user_addr, rd.size, arg->offsets.sq_ring, arg->offsets.cq_ring,
	      arg->offsets.sq_entries, arg->offsets.cq_entries, arg->offsets.buffers);
}

static void register_region(void)
{
	unsigned int sq = 1u << among(9), cq = 1u << among(9), shape = byte();
	bool nic = shape & 1, user = shape & 2;
	size_t size = 4096 + pages(sq * 128) + pages(cq * 64) +
		      (nic ? 1 << 20 : 0) + OWN_PART;
	struct io_uring_region_desc rd = {
		.user_addr	= value(user ? (uintptr_t)own : 0),
		.size		= value(size),
		.flags		= value(user ? IORING_MEM_REGION_TYPE_USER : 0),
		.id		= value(0),
		.mmap_offset	= value(0),
	};
	struct io_uring_unified_region_reg r = {
		.sq_entries	= value(sq),
		.cq_entries	= value(cq),
		.region_size	= limited(value(size)),
		.nvme_fd	= value(files[shape & 4 ? 1 : 0]),
		.net_ifindex	= value(nic ? if_nametoindex(ifname) : 0),
		.net_rxq	= value(nic ? queue : 0),
		.flags		= value(byte() & 7),
		.region_uptr	= value(user || shape & 8 ? (uintptr_t)args +
						ARGS_SIZE / 2 + 4096 : 0),
		.buf_size	= value(shape & 16 ? 16384 : 0),
		.user_bufs	= value(nic ? OWN_PART / (shape & 16 ? 16384 : 4096) : 0),
		.numa_node	= value(0),
		.__resv		= { value(0), value(0) },
	};
	uint8_t how = byte();
	struct io_uring_unified_region_reg *arg;

	r.sq_idle = value(r.flags & IO_UNIFIED_REG_POLL ? 10 : 0);
	rd.size = limited(rd.size);
	if (how >= 248)
		r.nvme_fd = files[how % 8];
	argument(&rd, sizeof(rd), 4096);
	arg = argument(&r, sizeof(r), 0);
	if (reg(IORING_REGISTER_UNIFIED_REGION, (void *)value((uintptr_t)arg), 1))
		return;
	done[REGISTERED]++;
	sq_entries = r.sq_entries;
	if (!rd.user_addr || !r.region_uptr) {
		fuzz.ops++;
		mapped_size = r.region_size;
		mapped = mmap(NULL, mapped_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      ring.ring_fd, IORING_MAP_OFF_UNIFIED_REGION);
		if (mapped == MAP_FAILED) {
			mapped = NULL;
			return;
		}
	}
	learn(mapped ? (uintptr_t)mapped : rd.user_addr, r.region_size,
	      offsetof(struct io_unified_ctrl, sq), offsetof(struct io_unified_ctrl, cq),
	      arg->offsets.sq_entries, arg->offsets.cq_entries, arg->offsets.data);
}

static void unregister(void)
{
	unsigned int op = byte() & 1 ? IORING_UNREGISTER_UNIFIED_IFQ :
				       IORING_UNREGISTER_UNIFIED_REGION;

	if (reg(op, (void *)value(0), value(0)))
		return;
	done[UNREGISTERED]++;
	forget_region();
}

static void register_dev(void)
{
	struct io_unified_dev_reg r = {
		.fd	= value(files[among(8)]),
		.flags	= value(0),
		.__resv	= { value(0), value(0), value(0) },
	};

	if (!reg(IORING_REGISTER_UNIFIED_DEV,
		 (void *)value((uintptr_t)argument(&r, sizeof(r), 0)), value(1)))
		done[ADDED]++;
}

static void register_sock(void)
{
	bool remove = byte() & 1;
	struct io_unified_sock_reg r = {
		.fd	= value(remove ? 0 : near_sock()),
		.flags	= value(remove ? IO_UNIFIED_SOCK_REMOVE : 0),
		.sock	= value(remove ? among(4) : 0),
		.__resv	= { value(0), value(0) },
	};

	if (!reg(IORING_REGISTER_UNIFIED_SOCK,
		 (void *)value((uintptr_t)argument(&r, sizeof(r), 0)), value(1)))
		done[ADDED]++;
}

/* Any number, any argument; what that makes of the region, we do not know */
static void register_any(void)
{
	unsigned int i, op = 126 + among(10);
	uint64_t words[16];

	for (i = 0; i < 16; i++)
		words[i] = value(0);
	if (reg(op, (void *)value((uintptr_t)argument(words, sizeof(words), 0)), value(1)))
		return;
	if (op == IORING_UNREGISTER_UNIFIED_IFQ || op == IORING_UNREGISTER_UNIFIED_REGION)
		done[UNREGISTERED]++;
	forget_region();
}

static void request(void)
{
	unsigned int nr = 1 + among(4);

	if (!have_ring)
		return;
	while (nr-- && io_uring_sq_space_left(&ring) >= 2) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
		unsigned int mask = 1 + among(7), how = byte();
		bool receives = mask & NET && !(how & 1);

		memset(sqe, 0, ring.flags & IORING_SETUP_SQE128 ? 128 : 64);
		sqe->opcode = IORING_OP_UNIFIED;
		sqe->off = value(mask);
		sqe->fd = value(mask & NET ? near_sock() : 0);
		sqe->addr = value(receives ? 0 : among(64) * 512);
		sqe->len = value(receives && how & 2 ? 0 : LBA << among(6));
		sqe->addr3 = value(mask & NVME ? among(128) : 0);
		sqe->buf_index = value(0);
		sqe->ioprio = value(receives ? IORING_RECV_MULTISHOT : 0);
		sqe->file_index = value(receives && mask & BPF ? among(3) : 0);
		sqe->rw_flags = value(mask & NET ? (receives ? 0 : IORING_UNIFIED_F_SEND) :
				      mask & NVME && how & 4 ? IORING_UNIFIED_F_WRITE : 0);
		sqe->flags = value(how & 8 ? IOSQE_IO_LINK : 0);
		if (how >= 240)
			sqe->flags ^= 1 << (how & 7);
		sqe->__pad2[0] = value(0);
		sqe->user_data = 1;
		fuzz.ops++;
	}
	before_call();
	done[SUBMITTED] += io_uring_submit(&ring) > 0;
	after_call();
	if (byte() & 1)
		enter(IORING_ENTER_GETEVENTS);
	reap();
}

static struct io_unified_sqe any_entry(void)
{
	static const uint8_t io[] = {
		NVME_READ, NVME_WRITE, NVME_COMPARE, NVME_FLUSH, NVME_WRITE_ZEROES,
		NVME_VERIFY, NVME_DSM, NVME_RESV_REPORT, NVME_RESV_REGISTER,
		NVME_ZONE_SEND, NVME_ZONE_RECEIVE, NVME_ZONE_APPEND,
	};
	static const uint8_t admin[] = {
		NVME_IDENTIFY, NVME_GET_LOG, NVME_GET_FEATURES, NVME_SET_FEATURES,
	};
	uint8_t how = byte();
	bool is_admin = how % 8 == 7, returns = how % 8 == 6;
	unsigned int blocks = 1 + among(16);
	struct io_unified_sqe sqe = {
		.nvme_cmd = {
			.opcode	= value(is_admin ? admin[among(4)] : io[among(12)]),
			.flags	= value(0),
			.nsid	= value(dev.nsid),
			.cdw10	= value(is_admin ? 1 : among(64)),
			.cdw11	= value(0),
			.cdw12	= value(blocks - 1),
			.cdw13	= value(0),
			.data_len = value(is_admin ? 4096 : blocks * LBA),
			.metadata_len = value(0),
			.rsvd1	= value(0),
			.rsvd2	= value(0),
		},
		.buf_offset	= value(byte() & 1 ? among(64) * 512 :
					region.data_size - OWN_PART),
		.user_data	= 2,
		.flags		= value(is_admin ? IO_UNIFIED_SQE_ADMIN : 0),
		.__pad		= value(0),
		.meta_offset	= value(0),
		.dev		= value(0),
		.__resv0	= { value(0) },
		.__resv		= { value(0) },
	};

	if (returns) {
		memset(&sqe, 0, sizeof(sqe));
		sqe.flags = value(IO_UNIFIED_SQE_RETURN);
		sqe.buf_offset = value(region.cqes && region.sq ?
				       region.cqes[among(8)].dma_addr : 0);
	}
	if (sqe.flags & IO_UNIFIED_SQE_ADMIN && takes_ground_away(sqe.nvme_cmd.opcode))
		sqe.nvme_cmd.opcode = NVME_IDENTIFY;
	if (!(sqe.flags & IO_UNIFIED_SQE_ADMIN))
		sqe.nvme_cmd.opcode = harmless(sqe.nvme_cmd.opcode);
	return sqe;
}

static void commands(void)
{
	unsigned int i, nr = 1 + among(64), alike = 1 + among(16);
	struct io_unified_sqe sqe;
	uint32_t tail, before;

	if (!region.sq || !have_ring || sq_entries > 256)
		return;
	tail = region.sq->producer;
	for (i = 0; i < nr && i < sq_entries; i++) {
		if (i % alike == 0)
			sqe = any_entry();
		region.sqes[(tail + i) & (sq_entries - 1)] = sqe;
		sqe.nvme_cmd.cdw10++;
		sqe.buf_offset += LBA;
	}
	before = region.sq->consumer;
	__atomic_store_n(&region.sq->producer, (uint32_t)value(tail + i), __ATOMIC_RELEASE);
	enter(byte() & 1 ? IORING_ENTER_GETEVENTS : 0);
	nr = region.sq->consumer - before;
	fuzz.ops += nr <= sq_entries ? nr : 0;
	region.cq->consumer = value(region.cq->producer);
}

static void stage(void)
{
	fuzz.ops++;
	if (attached) {
		bpf_link__destroy(attached);
		attached = NULL;
		return;
	}
	attached = fuzz_attach_stage();
	if (attached)
		done[ATTACHED]++;
}

static void stream(void)
{
	static char buf[65536];
	unsigned int i, how = byte();

	near_sock();
	for (i = 0; i < sizeof(buf); i += 512)
		buf[i] = i + how;
	if (send(conn.far, buf, 1 + bytes(2), MSG_NOSIGNAL) < 0 && how & 1)
		close_conn();
	else if (how % 16 == 2)
		shutdown(how & 16 ? conn.near : conn.far, how & 32 ? SHUT_RD : SHUT_WR);
	else if (how % 16 == 4)
		close_conn();
	if (have_conn)
		while (recv(conn.far, buf, sizeof(buf), 0) > 0)
			;
	enter(IORING_ENTER_GETEVENTS);
	if (have_ring)
		reap();
}

static void map(void)
{
	size_t size = limited(value(region.size ?: 4096));
	char *mem;

	if (!have_ring)
		return;
	fuzz.ops++;
	mem = mmap(NULL, size ?: 4096, byte() & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
		   byte() & 1 ? MAP_SHARED : MAP_PRIVATE, ring.ring_fd,
		   value(IORING_MAP_OFF_UNIFIED_REGION) & ~4095ull);
	if (mem == MAP_FAILED)
		return;
	/* not past its end, where it is another's memory or none */
	*(volatile char *)mem;
	munmap(mem, size ?: 4096);
}

static void look(void)
{
	char path[64], buf[4096];
	int fd;

	if (!have_ring)
		return;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring.ring_fd);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	fuzz.ops++;
}

static void scribble(void)
{
	unsigned int i, nr = 1 + among(8);

	if (!region.sq)
		return;
	for (i = 0; i < nr; i++)
		((volatile uint32_t *)region.base)[bytes(2) % 2048] = value(4096);
}

static void allocation_fails(void)
{
	nth = 1 + among(64);
}

static void (*const calls[])(void) = {
	new_ring, register_ifq, register_region, register_region, unregister,
	register_dev, register_sock, register_any, request, request, commands, commands,
	commands, stage, stream, map, look, scribble, allocation_fails,
};

/* --- coverage ---------------------------------------------------------------- */

static unsigned long *cover;
static uint8_t seen[EDGES];
static unsigned int nr_seen;
static int kcov = -1;

static void cover_start(void)
{
	kcov = open("/sys/kernel/debug/kcov", O_RDWR);
	if (kcov < 0)
		return;
	if (ioctl(kcov, KCOV_INIT_TRACE, COVER))
		bail_out("KCOV_INIT_TRACE: %s", strerror(errno));
	cover = mmap(NULL, COVER * sizeof(*cover), PROT_READ | PROT_WRITE, MAP_SHARED,
		     kcov, 0);
	if (cover == MAP_FAILED || ioctl(kcov, KCOV_ENABLE, KCOV_TRACE_PC))
		bail_out("KCOV_ENABLE: %s", strerror(errno));
}

static void cover_reset(void)
{
	if (kcov >= 0)
		__atomic_store_n(&cover[0], 0, __ATOMIC_RELAXED);
}

/* From where to where: more than before? */
static bool cover_new(void)
{
	unsigned long i, n, last = 0;
	bool more = false;

	if (kcov < 0)
		return false;
	n = __atomic_load_n(&cover[0], __ATOMIC_RELAXED);
	for (i = 0; i < n && i + 1 < COVER; i++) {
		unsigned long pc = cover[i + 1];
		unsigned int edge = (pc * 0x9e3779b97f4a7c15ull >> 48) ^ (last >> 1 & 0xffff);

		last = pc * 0x9e3779b97f4a7c15ull >> 48;
		if (!seen[edge]) {
			seen[edge] = 1;
			nr_seen++;
			more = true;
		}
	}
	return more;
}

static void execute(const struct program *p)
{
	cover_reset();
	in.data = p->data;
	in.len = p->len;
	in.pos = 0;
	while (in.pos < in.len)
		calls[among(sizeof(calls) / sizeof(*calls))]();
	settle();
}

/* --- programs ----------------------------------------------------------------- */

static struct program corpus[MAX_CORPUS];
static unsigned int nr_corpus;

/* Where those who come after us find it */
static void save(const struct program *p)
{
	unsigned int i;
	FILE *f;

	if (!fuzz.found)
		return;
	f = fopen(fuzz.found, "a");
	if (!f)
		bail_out("%s: %s", fuzz.found, strerror(errno));
	for (i = 0; i < p->len; i++)
		fprintf(f, "%02x", p->data[i]);
	fprintf(f, "\n");
	fclose(f);
}

static void keep(const struct program *p)
{
	corpus[nr_corpus < MAX_CORPUS ? nr_corpus++ : below(MAX_CORPUS)] = *p;
	save(p);
}

/* A program a line, in hexadecimal */
static void load_corpus(void)
{
	char line[2 * MAX_LEN + 2];
	FILE *f;

	if (!fuzz.corpus)
		return;
	f = fopen(fuzz.corpus, "r");
	if (!f)
		bail_out("%s: %s", fuzz.corpus, strerror(errno));
	while (nr_corpus < MAX_CORPUS && fgets(line, sizeof(line), f)) {
		struct program *p = &corpus[nr_corpus];

		for (p->len = 0; sscanf(line + 2 * p->len, "%2hhx", &p->data[p->len]) == 1;)
			p->len++;
		nr_corpus += p->len > 0;
	}
	fclose(f);
}

static void insert(struct program *p, unsigned int at, const uint8_t *data, unsigned int len)
{
	if (len > MAX_LEN - p->len)
		len = MAX_LEN - p->len;
	memmove(p->data + at + len, p->data + at, p->len - at);
	memcpy(p->data + at, data, len);
	p->len += len;
}

static void mutate_once(struct program *p)
{
	const struct program *other = &corpus[below(nr_corpus ?: 1)];
	unsigned int at = below(p->len), len = 1 + below(32);
	uint8_t more[32];
	unsigned int i;

	switch (below(6)) {
	case 0:
		p->data[at] = rnd();
		break;
	case 1:
		p->data[at] ^= 1 << below(8);
		break;
	case 2:
		for (i = 0; i < sizeof(more); i++)
			more[i] = rnd();
		insert(p, at, more, len);
		break;
	case 3:
		if (len >= p->len - at)
			break;
		memmove(p->data + at, p->data + at + len, p->len - at - len);
		p->len -= len;
		break;
	case 4:
		if (!other->len)
			break;
		i = below(other->len);
		insert(p, at, other->data + i, below(other->len - i) + 1);
		break;
	case 5:
		/* as it should be */
		p->data[at] = below(GOOD);
		break;
	}
}

static struct program next_program(void)
{
	struct program p;
	unsigned int i;

	if (!nr_corpus || one_in(8)) {
		p.len = 16 + below(MAX_LEN - 16);
		for (i = 0; i < p.len; i++)
			p.data[i] = rnd();
		/* there is nothing without a ring */
		p.data[0] = 0;
		return p;
	}
	p = corpus[below(nr_corpus)];
	for (i = 1 + below(8); i; i--)
		mutate_once(&p);
	return p;
}

/* --- */

static void open_files(void)
{
	files[0] = dev.fd;
	files[1] = open(dev.block, O_RDWR);
	files[2] = open(dev.node, O_RDONLY);
	files[3] = second ? open(second, O_RDWR) : -1;
	files[4] = open("/dev/null", O_RDWR);
	files[5] = socket(AF_INET, SOCK_DGRAM, 0);
	files[6] = FUZZ_RING_FD;
	files[7] = open("/", O_RDONLY);
	all = mmap(NULL, 3 * OWN_SIZE + ARGS_SIZE, PROT_READ | PROT_WRITE,
		   MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	if (all == MAP_FAILED)
		bail_out("mmap: %s", strerror(errno));
	own = all + OWN_SIZE;
	args = all + 3 * OWN_SIZE;
}

static bool run_program(const struct program *p, uint64_t nr)
{
	execute(p);
	if (cover_new())
		keep(p);
	/* what a program leaves behind, the next one may not get */
	return nr % 64 || all_free(true);
}

int main(int argc, char **argv)
{
	unsigned int i, replayed;
	uint64_t nr = 0;
	bool good = true;

	argv += fuzz_args(argc, argv);
	if (!request_args(argv + 1))
		bail_out("no NIC");
	second = argv[8];
	signal(SIGPIPE, SIG_IGN);
	device_open(&dev, node, O_RDWR);
	open_files();
	fuzz_load_stage();
	load_corpus();
	cover_start();
	replayed = nr_corpus;
	for (i = 0; i < replayed && fuzz_goes_on(); i++) {
		execute(&corpus[i]);
		if (cover_new())
			save(&corpus[i]);
		fuzz_progress("programs of the corpus", i);
	}
	good = all_free(true);
	while (good && fuzz_goes_on()) {
		struct program p = next_program();

		good = run_program(&p, ++nr);
		fuzz_progress("programs", nr);
	}
	good = good && all_free(true);
	note("%u programs of the corpus, %llu others, %llu operations; %u edges, %u programs kept",
	     replayed, (unsigned long long)nr, (unsigned long long)fuzz.ops, nr_seen,
	     nr_corpus - replayed);
	note("regions registered %llu, unregistered %llu; sockets and devices added %llu; stages "
	     "attached %llu; requests submitted %llu, completed %llu",
	     (unsigned long long)done[REGISTERED], (unsigned long long)done[UNREGISTERED],
	     (unsigned long long)done[ADDED], (unsigned long long)done[ATTACHED],
	     (unsigned long long)done[SUBMITTED], (unsigned long long)done[COMPLETED]);
	ok(good, "after that all is free and works");
	ok(done[REGISTERED] && done[UNREGISTERED] && done[ADDED] && done[ATTACHED] &&
	   done[SUBMITTED] && done[COMPLETED], "some of each kind of call succeeded");
	return tap_end();
}
