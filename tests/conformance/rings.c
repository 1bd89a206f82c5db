// SPDX-License-Identifier: GPL-2.0
/*
 * rings: the two rings, as the documents' loops use them, in both layouts and in
 * all three ways to drain the SQ; full rings, and garbage in them.
 *
 * Usage: rings BLOCK_NODE LOOP.bpf.o
 *
 * The first MiB of the namespace is overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "region.h"
#include "tap.h"

#define BUF	4096
#define DATA	(64 * BUF)
#define LBA	512
#define ROUNDS	400	/* indices start at -256 and wrap on the way */

typedef uint32_t u32;

static const char *node;

/* What the two documents leave to the reader */
static uint32_t load_acquire(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store_release(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* "Submitting Commands" of the first document, its barrier where it belongs */
static void doc_submit(struct region *r, unsigned int opcode, uint64_t lba,
		       uint64_t buffer_offset, unsigned int len,
		       uint64_t correlation_id)
{
	struct io_unified_ring *sq_ring = r->sq;
	struct io_unified_sqe *sq_entries = r->sqes;
	char *buffers = r->data;

	/* Get next SQ entry */
	u32 sq_tail = sq_ring->producer;
	struct io_unified_sqe *sqe = &sq_entries[sq_tail & sq_ring->ring_mask];

	/* Fill NVMe command */
	memset(sqe, 0, sizeof(*sqe));
	sqe->nvme_cmd.opcode = opcode;
	sqe->nvme_cmd.nsid = 1;
	sqe->nvme_cmd.addr = (uintptr_t)(buffers + buffer_offset);
	sqe->nvme_cmd.data_len = len;
	sqe->nvme_cmd.cdw10 = lba;
	sqe->nvme_cmd.cdw11 = lba >> 32;
	sqe->nvme_cmd.cdw12 = len ? len / LBA - 1 : 0;

	sqe->buf_offset = buffer_offset;
	sqe->user_data = correlation_id;

	/* Submit command */
	store_release(&sq_ring->producer, sq_tail + 1);
}

/* "Processing Completions"; false: there is none */
static bool doc_complete(struct region *r, struct io_unified_cqe *out)
{
	struct io_unified_ring *cq_ring = r->cq;
	struct io_unified_cqe *cq_entries = r->cqes;

	/* Check for completions */
	u32 cq_head = cq_ring->consumer;
	if (load_acquire(&cq_ring->producer) != cq_head) {
		struct io_unified_cqe *cqe = &cq_entries[cq_head & cq_ring->ring_mask];

		/* Process completion */
		*out = *cqe;

		/* Mark completion as consumed */
		store_release(&cq_ring->consumer, cq_head + 1);
		return true;
	}
	return false;
}

static bool doc_wait(struct region *r, struct io_unified_cqe *cqe)
{
	uint64_t end = now_ms() + 30000;

	while (!doc_complete(r, cqe)) {
		if (now_ms() > end)
			return false;
		sched_yield();
	}
	return true;
}

static bool on_device(uint64_t lba, const char *want)
{
	char *buf = aligned_alloc(4096, BUF);
	int fd = open(node, O_RDONLY | O_DIRECT);
	bool same = pread(fd, buf, BUF, lba * LBA) == BUF && !memcmp(buf, want, BUF);

	close(fd);
	free(buf);
	return same;
}

/* Write and read by the documents' loops; enter: who drains is io_uring_enter() */
static void test_loops(struct region *r, const char *how, bool enter)
{
	unsigned int i, bad = 0, start = r->sq->producer;
	struct io_unified_cqe cqe;

	for (i = 0; i < BUF; i++)
		r->data[i] = i * 7 + start;
	for (i = 0; i < ROUNDS && bad < 3; i++) {
		doc_submit(r, 1, i % 16 * 8, 0, BUF, i);
		if (enter)
			ring_enter(r->ring);
		if (!doc_wait(r, &cqe) || cqe.status || cqe.user_data != i ||
		    cqe.len != BUF || cqe.dma_addr)
			bad++;
	}
	ok(!bad, "%s: the documents' loops write", how);
	ok(start > r->sq->producer && start > r->cq->producer,
	   "%s: ... across the wrap of the indices", how);
	ok(on_device(15 * 8, r->data), "%s: ... and the block device reads it", how);
	doc_submit(r, 2, 15 * 8, BUF, BUF, 4711);
	if (enter)
		ring_enter(r->ring);
	ok(doc_wait(r, &cqe) && cqe.user_data == 4711 && cqe.dma_addr == BUF &&
	   !memcmp(r->data, r->data + cqe.dma_addr, BUF),
	   "%s: a read is at buffers + dma_addr", how);

	/* a batch, with the cached index as it is meant */
	r->sq->cached_producer = r->sq->producer;
	for (i = 0; i < 32; i++) {
		struct io_unified_sqe *sqe =
			&r->sqes[r->sq->cached_producer++ & r->sq->ring_mask];

		memset(sqe, 0, sizeof(*sqe));
		sqe->nvme_cmd.opcode = 2;
		sqe->nvme_cmd.nsid = 1;
		sqe->nvme_cmd.data_len = LBA;
		sqe->nvme_cmd.cdw10 = i;
		sqe->buf_offset = i * LBA;
		sqe->user_data = i;
	}
	store_release(&r->sq->producer, r->sq->cached_producer);
	if (enter)
		ring_enter(r->ring);
	for (i = 0, bad = 0; i < 32; i++)
		bad += !doc_wait(r, &cqe) || cqe.status || cqe.len != LBA;
	ok(!bad, "%s: a batch of 32", how);
}

/* Nobody has the namespace, or will within that time */
static bool is_free(unsigned int ms)
{
	uint64_t end = now_ms() + ms;
	int fd;

	while ((fd = open(node, O_RDWR | O_EXCL)) < 0) {
		if (now_ms() > end)
			return false;
		usleep(1000);
	}
	close(fd);
	return true;
}

static void open_or_bail(struct region *r, int ret)
{
	if (ret)
		bail_out("register on %s (ring %d): %s", node, r->ring, strerror(-ret));
}

static void test_enter(int fd)
{
	struct region r;

	open_or_bail(&r, region_open_ifq(&r, node, DATA, 0));
	test_loops(&r, "IFQ layout, io_uring_enter()", true);
	region_close(&r);
	open_or_bail(&r, region_open(&r, fd, DATA, 0, 0));
	test_loops(&r, "control page layout, io_uring_enter()", true);
	region_close(&r);
}

/* A field of /proc/PID/stat, counted from 1, after the name */
static unsigned long long proc_stat(int pid, int field, char *state)
{
	unsigned long long v[60] = { };
	char path[64], buf[1024], *p;
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f || !fgets(buf, sizeof(buf), f))
		bail_out("%s: %s", path, strerror(errno));
	fclose(f);
	p = strrchr(buf, ')') + 2;
	*state = *p;
	for (p = strtok(p, " "); p && n < 50; p = strtok(NULL, " "))
		v[3 + n++] = strtoull(p, NULL, 10);
	return v[field];
}

static int poller_pid(struct region *r)
{
	char path[64], line[256];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", r->ring);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "UnifiedPoller: %d", &pid);
	if (f)
		fclose(f);
	return pid;
}

static bool wait_flag(struct region *r, unsigned int flag, unsigned int ms)
{
	uint64_t end = now_ms() + ms;

	while ((__atomic_load_n(&r->sq->flags, __ATOMIC_ACQUIRE) &
		IO_UNIFIED_RING_NEED_WAKEUP) != flag)
		if (now_ms() > end)
			return false;
	return true;
}

/*
 * The loops of the documents and nothing else: the kernel has to come by itself.
 * They run in a process of their own that is stopped at each system call.
 */
static void test_silent(struct region *r, const char *how)
{
	struct { unsigned int done, bad; } *seen = mmap(NULL, 4096,
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct __ptrace_syscall_info info = { };
	struct io_unified_cqe cqe;
	unsigned long spins;
	unsigned int i;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		syscall(SYS_kill, getpid(), SIGSTOP);
		for (i = 0; i < 200 && seen->done == i; i++) {
			doc_submit(r, 2, i, 0, LBA, i);
			for (spins = 0; spins < 1000000000; spins++) {
				if (!doc_complete(r, &cqe))
					continue;
				seen->done++;
				seen->bad += cqe.status || cqe.user_data != i;
				break;
			}
		}
		syscall(SYS_getppid);	/* what is to be the first */
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (!WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD) ||
	    ptrace(PTRACE_SYSCALL, pid, NULL, NULL))
		bail_out("cannot trace a process");
	waitpid(pid, &status, 0);
	if (WIFSTOPPED(status))
		ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
	if (!ok(seen->done == 200 && !seen->bad &&
		info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_getppid,
		"%s: 200 commands without any system call", how))
		note("%u done, %u bad, status %#x, op %u, nr %llu", seen->done,
		     seen->bad, status, info.op, (unsigned long long)info.entry.nr);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	munmap(seen, 4096);
}

/* A poller that falls asleep again and again is woken each time it has to be */
static void test_wakeups(int fd)
{
	unsigned int i, awake = 0, woken = 0, seed = 1, lost = 0;
	struct io_unified_cqe cqe;
	struct region r;

	region_idle_ms = 1;
	open_or_bail(&r, region_open(&r, fd, DATA, IO_UNIFIED_REG_POLL, 0));
	for (i = 0; i < 400 && !lost; i++) {
		uint64_t end;

		seed = seed * 1103515245 + 12345;
		end = now_ms() + (seed >> 16) % 12;
		while (now_ms() < end)
			;
		doc_submit(&r, 2, i, 0, LBA, i);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (load_acquire(&r.sq->flags) & IO_UNIFIED_RING_NEED_WAKEUP) {
			ring_enter(r.ring);
			woken++;
		} else {
			awake++;
		}
		lost += !doc_wait(&r, &cqe) || cqe.user_data != i;
	}
	note("woken %u times, awake %u times", woken, awake);
	ok(!lost && woken && awake,
	   "a poller with a short sq_idle never sleeps through a command");
	region_close(&r);
	region_idle_ms = REGION_IDLE_MS;
}

static void test_poller(int fd)
{
	unsigned long long before;
	struct io_unified_cqe cqe;
	struct region r;
	char state;
	int pid;

	/* it does not go to sleep while we wait for the CPU */
	region_idle_ms = 30000;
	open_or_bail(&r, region_open_ifq(&r, node, DATA, IO_UNIFIED_REG_POLL));
	test_loops(&r, "IFQ layout, poller", false);
	test_silent(&r, "IFQ layout, poller");
	region_close(&r);
	open_or_bail(&r, region_open(&r, fd, DATA, IO_UNIFIED_REG_POLL, 0));
	test_loops(&r, "control page layout, poller", false);
	test_silent(&r, "control page layout, poller");
	region_close(&r);

	region_idle_ms = REGION_IDLE_MS;
	open_or_bail(&r, region_open(&r, fd, DATA, IO_UNIFIED_REG_POLL, 0));
	pid = poller_pid(&r);
	ok(pid > 0, "fdinfo has the poller's PID");
	ok(wait_flag(&r, IO_UNIFIED_RING_NEED_WAKEUP, 20000),
	   "the poller goes to sleep when idle, and says so");
	while (proc_stat(pid, 3, &state), state == 'R')
		sched_yield();
	before = proc_stat(pid, 15, &state);
	usleep(500000);
	ok(proc_stat(pid, 15, &state) == before && state == 'I',
	   "... and uses no CPU then");
	doc_submit(&r, 2, 0, 0, BUF, 1);
	ok(!doc_complete(&r, &cqe), "what is submitted then waits");
	ring_enter(r.ring);
	ok(doc_wait(&r, &cqe) && !cqe.status, "... until io_uring_enter() wakes it");
	ok(wait_flag(&r, IO_UNIFIED_RING_NEED_WAKEUP, 20000), "it goes to sleep again");
	ring_enter(r.ring);
	ok(r.sq->flags & IO_UNIFIED_RING_NEED_WAKEUP,
	   "io_uring_enter() for something else does not wake it");
	ok(!region_close(&r), "a region with a poller is unregistered");

	open_or_bail(&r, region_open(&r, fd, DATA, IO_UNIFIED_REG_POLL, REGION_USER));
	pid = poller_pid(&r);
	close(r.ring);
	while (!kill(pid, 0))
		sched_yield();
	ok(is_free(30000), "a ring that is closed takes its poller with it");
}

/* The documents' loops beside a thread that sits in the ring's BPF loop */
struct loop_bss {		/* of loop.bpf.c */
	uint32_t	stop, once;
	uint64_t	submitted;
	int32_t		error;
	uint32_t	running;
};

struct bpf_side {
	struct region	*r;
	struct loop_bss	*bss;
};

static void *bpf_user(void *arg)
{
	struct bpf_side *side = arg;

	/* or io_uring_enter() itself takes what is there before */
	while (!load_acquire(&side->bss->running))
		sched_yield();
	test_loops(side->r, "BPF", false);
	store_release(&side->bss->stop, 1);
	return NULL;
}

/* The loop, attached to a ring; what it shares with us is in *bss */
static struct bpf_link *attach_loop(const char *path, int ring,
				    struct bpf_object **obj, struct loop_bss **bss)
{
	struct bpf_link *link;
	struct bpf_map *map;
	size_t size;

	*obj = bpf_object__open(path);
	if (!*obj)
		bail_out("%s: %s", path, strerror(errno));
	map = bpf_object__find_map_by_name(*obj, "loop");
	/* behind the one function */
	*(int *)(bpf_map__initial_value(map, &size) + sizeof(void *)) = ring;
	if (bpf_object__load(*obj))
		bail_out("%s: %s", path, strerror(errno));
	link = bpf_map__attach_struct_ops(map);
	if (!link)
		bail_out("attach the loop: %s", strerror(errno));
	*bss = bpf_map__initial_value(bpf_object__find_map_by_name(*obj, ".bss"), &size);
	if (size < sizeof(**bss))
		bail_out("%s has %zu bytes of variables", path, size);
	return link;
}

static void test_bpf(int fd, const char *path)
{
	struct bpf_object *obj;
	struct loop_bss *bss;
	struct bpf_side side;
	struct bpf_link *link;
	struct region r;
	pthread_t thread;

	open_or_bail(&r, region_open(&r, fd, DATA, 0, REGION_DEFER));
	link = attach_loop(path, r.ring, &obj, &bss);
	side.r = &r;
	side.bss = bss;
	pthread_create(&thread, NULL, bpf_user, &side);
	ok(!ring_enter(r.ring), "the ring's BPF loop runs until it is told to stop");
	pthread_join(thread, NULL);
	ok(bss->submitted == ROUNDS + 1 + 32 && !bss->error,
	   "... and submitted all that there was");

	ring_register(r.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	bss->stop = 0;
	bss->once = 1;
	ok(!ring_enter(r.ring) && bss->error == -ENXIO,
	   "bpf_io_unified_submit() without a region: ENXIO");
	bpf_link__destroy(link);
	bpf_object__close(obj);
	munmap(r.base, r.size);
	close(r.ring);
}

/* A process that dies in its loop, with commands in flight */
static void test_bpf_killed(int fd, const char *path)
{
	struct loop_bss *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t end = now_ms() + 30000;
	unsigned int i;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct bpf_object *obj;
		struct loop_bss *bss;
		struct region r;

		open_or_bail(&r, region_open(&r, fd, DATA, 0, REGION_DEFER | REGION_USER));
		attach_loop(path, r.ring, &obj, &bss);
		if (!fork()) {
			while (!load_acquire(&bss->running))
				sched_yield();
			for (i = 0; i < REGION_ENTRIES / 2; i++)
				doc_submit(&r, 2, 0, 0, DATA, i);
			while (!load_acquire((uint32_t *)&bss->submitted))
				sched_yield();
			shared->once = 1;
			_exit(0);
		}
		_exit(ring_enter(r.ring) != -EINTR);
	}
	while (!load_acquire(&shared->once) && now_ms() < end)
		sched_yield();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ok(load_acquire(&shared->once) && is_free(30000),
	   "a process that is killed in its BPF loop gives the namespace back");
	munmap(shared, 4096);
}

/* --- rings that are full -------------------------------------------------- */

static void test_len(int fd)
{
	struct io_unified_sqe sqe = { .nvme_cmd = {
		.opcode = 2, .nsid = 1, .data_len = BUF } };
	struct io_unified_cqe cqe;
	struct region r;

	open_or_bail(&r, region_open(&r, fd, DATA, 0, 0));
	cqe = region_run(&r, &sqe);
	ok(!cqe.status && cqe.len == LBA,
	   "len is what was transferred, not the room that there was");
	region_close(&r);
}

static void test_full(int fd)
{
	unsigned int i, done = 0, again = 0, bad = 0;
	struct io_unified_cqe cqe;
	struct region r;
	uint64_t end;
	u32 cached;

	open_or_bail(&r, region_open(&r, fd, DATA, 0, 0));
	cached = r.sq->cached_consumer = r.cq->cached_consumer = 0xabcdef;
	for (i = 0; i < REGION_ENTRIES; i++)
		doc_submit(&r, 2, i, 0, LBA, i);
	ok(r.sq->producer - r.sq->consumer == REGION_ENTRIES, "an SQ can be filled");
	ring_enter(r.ring);
	ok(r.sq->producer == r.sq->consumer, "... and is drained at once");

	/* nobody consumes, twice as much as the CQ has room for */
	for (i = 0; i < REGION_ENTRIES; i++)
		doc_submit(&r, 2, i, 0, LBA, REGION_ENTRIES + i);
	ring_enter(r.ring);
	end = now_ms() + 30000;
	while (!(load_acquire(&r.cq->flags) & IO_UNIFIED_RING_CQ_OVERFLOW) &&
	       now_ms() < end)
		sched_yield();
	ok(load_acquire(&r.cq->producer) - r.cq->consumer == REGION_ENTRIES,
	   "a CQ that nobody consumes fills up, and says that there is more");
	for (i = 0; i < 4; i++)
		doc_submit(&r, 2, i, 0, LBA, 2 * REGION_ENTRIES + i);
	while (done < 2 * REGION_ENTRIES + 4 && again < 100000) {
		if (!doc_complete(&r, &cqe)) {
			ring_enter(r.ring);
			again++;
			continue;
		}
		bad += cqe.status || cqe.len != LBA;
		done++;
	}
	ok(done == 2 * REGION_ENTRIES + 4 && !bad, "nothing is lost when it is full");
	ring_enter(r.ring);
	ok(!r.cq->flags, "the flag is gone when all has arrived");
	ok(r.stats->cq_overflows, "... and how many waited is counted");
	ok(r.sq->cached_consumer == cached && r.cq->cached_consumer == cached,
	   "the kernel leaves cached_* alone");

	/* more than the SQ has: the entries are what they are, but never beyond */
	for (i = 0; i < REGION_ENTRIES; i++)
		memset(&r.sqes[i], 0xff, sizeof(r.sqes[i]));
	store_release(&r.sq->producer, r.sq->producer + 1000000);
	ring_enter(r.ring);
	for (i = 0; i < REGION_ENTRIES; i++)
		bad += !doc_wait(&r, &cqe) || cqe.status != IO_UNIFIED_STATUS_HOST;
	ok(!bad && !doc_complete(&r, &cqe) && r.stats->sq_invalid == REGION_ENTRIES,
	   "a producer that runs ahead submits the whole SQ, and once");
	region_close(&r);
}

/* An SQE that is refused at once, so that completions have an order */
static void refused(struct region *r, uint64_t user_data)
{
	doc_submit(r, 2, 0, 0, LBA, user_data);
	r->sqes[(r->sq->producer - 1) & r->sq->ring_mask].__pad = 1;
}

static void test_order(int fd)
{
	unsigned int i, n = 0, next = 0, bad = 0;
	struct io_unified_cqe cqe;
	struct region r;
	uint64_t end;

	open_or_bail(&r, region_open(&r, fd, DATA, 0, 0));
	/* until the kernel has no room for completions, and leaves the SQ alone */
	while (n < 100000) {
		while (r.sq->producer - load_acquire(&r.sq->consumer) < REGION_ENTRIES)
			refused(&r, n++);
		ring_enter(r.ring);
		if (r.sq->producer - load_acquire(&r.sq->consumer) == REGION_ENTRIES)
			break;
	}
	ok(n < 100000, "with nobody consuming, the kernel takes no SQE any more");
	note("after %u SQEs", n);
	ok(r.stats->cq_overflows == n - 2 * REGION_ENTRIES,
	   "... each completion that waits is counted once");
	end = now_ms() + 30000;
	while (next < n && now_ms() < end) {
		while (doc_complete(&r, &cqe))
			bad += cqe.user_data != next++ || cqe.result != -EINVAL ||
			       cqe.status != IO_UNIFIED_STATUS_HOST;
		ring_enter(r.ring);
	}
	ok(next == n && !bad && !doc_complete(&r, &cqe),
	   "... all completions arrive, in order, each once");
	ok(r.stats->sq_invalid == n && r.sq->consumer == r.sq->producer && !r.cq->flags,
	   "... and the rings are empty");

	/* 2000 times around */
	for (i = 0; i < 2000 && !bad; i++) {
		for (n = 0; n < REGION_ENTRIES; n++)
			refused(&r, (uint64_t)i << 32 | n);
		ring_enter(r.ring);
		for (n = 0; n < REGION_ENTRIES; n++)
			bad += !doc_complete(&r, &cqe) ||
			       cqe.user_data != ((uint64_t)i << 32 | n);
	}
	ok(!bad, "2000 times around the rings");

	/* one of the device's, when there is room again, and older ones wait for it */
	end = now_ms() + 60000;
	for (i = 0; i < 50 && !bad; i++) {
		for (n = 0; n < 2 * REGION_ENTRIES; n++) {
			refused(&r, n);
			if (n % REGION_ENTRIES == REGION_ENTRIES - 1)
				ring_enter(r.ring);
		}
		doc_submit(&r, 2, 0, 0, LBA, n);
		ring_enter(r.ring);
		for (next = 0; next <= n && now_ms() < end;) {
			if (doc_complete(&r, &cqe))
				bad += cqe.user_data != next++;
			else
				ring_enter(r.ring);
			if (next == REGION_ENTRIES / 2)
				usleep(2000);
		}
		bad += next != n + 1;
	}
	ok(!bad, "what waits in the kernel goes before what comes later");

	/* completions that wait are nobody's when the region goes */
	for (i = 0; i < 2; i++) {
		for (n = 0; n < REGION_ENTRIES; n++)
			refused(&r, n);
		ring_enter(r.ring);
	}
	ok(r.cq->flags & IO_UNIFIED_RING_CQ_OVERFLOW && !region_close(&r) && is_free(10000),
	   "a region is unregistered while completions wait for room");
}

/* Commands are in flight, and whoever sent them leaves */
static void test_leave(int fd)
{
	unsigned int i, round, busy = 0, how;
	struct region r;
	uint64_t end;
	int ret = 0;

	for (round = 0; round < 50 && !busy; round++) {
		open_or_bail(&r, region_open(&r, fd, DATA, 0, 0));
		for (i = 0; i < REGION_ENTRIES; i++)
			doc_submit(&r, 2, 0, 0, DATA, i);
		ring_enter(r.ring);
		end = now_ms() + 30000;
		while ((ret = ring_register(r.ring, IORING_UNREGISTER_UNIFIED_REGION,
					    NULL, 0)) == -EBUSY && now_ms() < end)
			busy++;
		munmap(r.base, r.size);
		close(r.ring);
	}
	ok(busy && !ret, "unregister is EBUSY while commands are in flight, and works then");

	for (how = 0; how < 4; how++) {
		static const char *const text[] = {
			"the kernel's memory", "the user's memory",
			"the kernel's memory, poller", "the user's memory, poller" };

		for (round = 0; round < 10; round++) {
			open_or_bail(&r, region_open(&r, fd, DATA,
						     how & 2 ? IO_UNIFIED_REG_POLL : 0,
						     how & 1 ? REGION_USER : 0));
			for (i = 0; i < REGION_ENTRIES; i++)
				doc_submit(&r, 2, 0, 0, DATA, i);
			ring_enter(r.ring);
			munmap(r.base, r.size);
			close(r.ring);
			if (!is_free(30000))
				break;
		}
		ok(round == 10, "%s: a ring that is closed with commands in flight "
		   "gives the namespace back", text[how]);
	}
}

/* Writes whatever it likes to rings and entries while the poller reads them */
struct scribbler {
	struct region	*r;
	volatile bool	stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	u32 seed = 4711;

	while (!s->stop) {
		u32 *to, n;

		seed = seed * 1103515245 + 12345;
		n = seed >> 8;
		if (n % 16 == 0)	/* indices, flags, masks */
			to = (u32 *)s->r->sq + n / 16 % 10;
		else if (n % 16 == 1)	/* not producer and consumer: nothing would move */
			to = (u32 *)s->r->cq + 2 + n / 16 % 8;
		else if (n % 16 == 2)
			to = (u32 *)s->r->cqes + n / 16 % (REGION_ENTRIES * 16);
		else
			to = (u32 *)s->r->sqes + n / 16 % (REGION_ENTRIES * 32);
		seed = seed * 1103515245 + 12345;
		*(volatile u32 *)to = seed & 0x10000 ? 0 : seed;
	}
	return NULL;
}

static void test_scribble(int fd, unsigned int flags, const char *how)
{
	uint64_t end = now_ms() + 1500, cmds;
	struct scribbler s = { };
	struct region r, again;
	u32 head, i;
	pthread_t thread;
	int ret;

	open_or_bail(&r, region_open(&r, fd, DATA, flags, REGION_USER));
	head = r.sq->producer;
	s.r = &r;
	pthread_create(&thread, NULL, scribble, &s);
	while (now_ms() < end) {
		for (i = 0; i < 8; i++) {
			struct io_unified_sqe *sqe = &r.sqes[head++ % REGION_ENTRIES];

			memset(sqe, 0, sizeof(*sqe));
			sqe->nvme_cmd.opcode = 2;
			sqe->nvme_cmd.nsid = 1;
			sqe->nvme_cmd.data_len = BUF;
		}
		store_release(&r.sq->producer, head);
		store_release(&r.cq->consumer, load_acquire(&r.cq->producer));
		ring_enter(r.ring);
	}
	s.stop = true;
	pthread_join(thread, NULL);
	cmds = r.stats->nvme_cmds;
	note("%s: %llu commands, %llu refused", how, (unsigned long long)cmds,
	     (unsigned long long)r.stats->sq_invalid);
	end = now_ms() + 30000;
	while ((ret = ring_register(r.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL,
				    0)) == -EBUSY && now_ms() < end)
		usleep(1000);
	munmap(r.base, r.size);
	close(r.ring);
	ok(!ret && cmds && is_free(30000),
	   "%s: memory that is written to meanwhile does no harm", how);
	open_or_bail(&again, region_open(&again, fd, DATA, flags, 0));
	test_loops(&again, how, !(flags & IO_UNIFIED_REG_POLL));
	region_close(&again);
}

static void test_hostile(int fd)
{
	struct io_unified_cqe cqe;
	unsigned int seed = 1, i, round;
	struct region r;
	u32 head;

	open_or_bail(&r, region_open(&r, fd, DATA, 0, 0));
	head = r.sq->consumer;
	r.sq->ring_mask = r.cq->ring_mask = ~0ull;
	r.sq->ring_entries = r.cq->ring_entries = 7;
	r.sq->ring_size = r.cq->ring_size = 1;
	memset(&r.sqes[head % REGION_ENTRIES], 0, sizeof(*r.sqes));
	r.sqes[head % REGION_ENTRIES].nvme_cmd.nsid = 1;
	r.sqes[head % REGION_ENTRIES].user_data = 42;
	store_release(&r.sq->producer, head + 1);
	ring_enter(r.ring);
	r.cq->ring_mask = REGION_ENTRIES - 1;
	ok(doc_wait(&r, &cqe) && cqe.user_data == 42 && !cqe.status,
	   "what user space writes to masks and sizes is not looked at");

	for (round = 0; round < 500; round++) {
		for (i = 0; i < 64; i++) {
			seed = seed * 1103515245 + 12345;
			((u32 *)r.sqes)[(seed >> 8) % (REGION_ENTRIES * 32)] = seed;
		}
		seed = seed * 1103515245 + 12345;
		r.sq->producer = seed;
		r.sq->consumer = r.cq->producer = r.cq->consumer = seed >> 3;
		ring_enter(r.ring);
	}
	ok(r.stats->sq_invalid, "garbage in the rings is refused, and counted");
	/* some of it may have been commands */
	for (i = 0; i < 10000; i++) {
		if (ring_register(r.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0) != -EBUSY)
			break;
		usleep(1000);
	}
	ok(i < 10000, "... and the region can still be unregistered");
	close(r.ring);
	open_or_bail(&r, region_open(&r, fd, DATA, 0, 0));
	region_close(&r);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: rings BLOCK_NODE LOOP.bpf.o\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	node = argv[1];
	fd = open(node, O_RDWR);
	if (fd < 0)
		bail_out("%s: %s", node, strerror(errno));
	test_enter(fd);
	test_poller(fd);
	test_wakeups(fd);
	test_bpf(fd, argv[2]);
	test_bpf_killed(fd, argv[2]);
	test_len(fd);
	test_full(fd);
	test_order(fd);
	test_leave(fd);
	test_hostile(fd);
	test_scribble(fd, 0, "io_uring_enter()");
	region_idle_ms = 30000;
	test_scribble(fd, IO_UNIFIED_REG_POLL, "poller");
	return tap_end();
}
