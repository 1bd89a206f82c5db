// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz: what the fuzzers have in common.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../conformance/device.h"
#include "../conformance/request.h"
#include "../conformance/tap.h"
#include "fuzz.h"

#define FREE_MS		30000	/* until what a ring had is free */
#define PROGRESS_MS	10000

struct fuzz fuzz;
static uint64_t state, begun, told;

uint64_t rnd(void)
{
	/* splitmix64 */
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void rnd_seed(uint64_t seed)
{
	state = seed;
}

uint32_t below(uint32_t n)
{
	return (rnd() >> 32) * n >> 32;
}

uint64_t odd_value(uint64_t base, uint64_t r)
{
	uint64_t arg = r >> 4;

	switch (r & 15) {
	case 0:
		return 0;
	case 1:
		return base + 1;
	case 2:
		return base - 1;
	case 3:
		return ~0ull;
	case 4:
		return 1ull << arg % 64;
	case 5:
		return (1ull << arg % 64) - 1;
	case 6:
		return base + (1ull << arg % 17);
	case 7:
		return base - (1ull << arg % 17);
	case 8:
		return arg & 0xff;
	case 9:
		return arg & 0xffff;
	case 10:
		return -(arg & 0xff);
	case 11:
		return arg;
	case 12:
		return base ^ 1ull << arg % 64;
	case 13:
		return base * 2;
	case 14:
		return (arg & 0xff) * 4096 + (arg >> 8 & 3) - 1;
	}
	return ~base;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

int fuzz_args(int argc, char **argv)
{
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	begun = told = now_ms();
	fuzz.seed = time(NULL) ^ (uint64_t)getpid() << 32;
	for (i = 1; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		const char *arg = argv[i + 1];

		if (!strcmp(argv[i], "--seed"))
			fuzz.seed = strtoull(arg, NULL, 0);
		else if (!strcmp(argv[i], "--ops"))
			fuzz.max_ops = strtoull(arg, NULL, 0);
		else if (!strcmp(argv[i], "--seconds"))
			fuzz.end = begun + strtoull(arg, NULL, 0) * 1000;
		else if (!strcmp(argv[i], "--corpus"))
			fuzz.corpus = arg;
		else if (!strcmp(argv[i], "--found"))
			fuzz.found = arg;
		else
			bail_out("unknown option %s", argv[i]);
	}
	if (!fuzz.max_ops && !fuzz.end)
		fuzz.max_ops = 100000;
	/* a stage that cannot be attached is nothing to talk about here */
	libbpf_set_print(quiet);
	note("seed %llu", (unsigned long long)fuzz.seed);
	rnd_seed(fuzz.seed);
	return i - 1;
}

bool fuzz_goes_on(void)
{
	if (fuzz.max_ops && fuzz.ops >= fuzz.max_ops)
		return false;
	return !fuzz.end || now_ms() < fuzz.end;
}

void fuzz_progress(const char *what, uint64_t nr)
{
	uint64_t now = now_ms();

	if (now - told < PROGRESS_MS)
		return;
	told = now;
	note("%llu s: %llu operations, %llu %s", (unsigned long long)(now - begun) / 1000,
	     (unsigned long long)fuzz.ops, (unsigned long long)nr, what);
}

volatile struct fuzz_stage *fuzz_stage;
static struct bpf_map *stage_ops;

void fuzz_load_stage(void)
{
	struct bpf_object *obj = bpf_object__open(stage_path);
	struct bpf_map *bss;
	size_t size;

	if (!obj)
		bail_out("%s: %s", stage_path, strerror(errno));
	stage_ops = bpf_object__find_map_by_name(obj, "fuzz");
	*(int *)stage_member(obj, stage_ops, "ring_fd") = FUZZ_RING_FD;
	if (bpf_object__load(obj))
		bail_out("%s: %s", stage_path, strerror(errno));
	bss = bpf_object__find_map_by_name(obj, ".bss");
	fuzz_stage = bpf_map__initial_value(bss, &size);
}

struct bpf_link *fuzz_attach_stage(void)
{
	fuzz_stage->seed = rnd();
	/* most of them stay for a while */
	fuzz_stage->bad_answers = one_in(4) ? 64 : 0;
	return bpf_map__attach_struct_ops(stage_ops);
}

static int peer_socket(void)
{
	static int here = -1, there;
	int sock;

	if (here < 0) {
		here = open("/proc/self/ns/net", O_RDONLY);
		there = open(peer_ns, O_RDONLY);
	}
	if (setns(there, CLONE_NEWNET))
		bail_out("%s: %s", peer_ns, strerror(errno));
	sock = socket(AF_INET, SOCK_STREAM, 0);
	if (sock < 0)
		bail_out("socket: %s", strerror(errno));
	if (setns(here, CLONE_NEWNET))
		bail_out("back to the namespace: %s", strerror(errno));
	return sock;
}

void conn_open(struct conn *c)
{
	static const int one = 1, small = NIC_MEM / 8;
	static int lfd = -1;

	if (lfd < 0) {
		lfd = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		setsockopt(lfd, SOL_SOCKET, SO_RCVBUFFORCE, &small, sizeof(small));
		if (lfd < 0 || bind(lfd, (void *)&listen_addr, sizeof(listen_addr)) ||
		    listen(lfd, 8))
			bail_out("listen: %s", strerror(errno));
	}
	c->far = peer_socket();
	if (connect(c->far, (void *)&listen_addr, sizeof(listen_addr)))
		bail_out("connect: %s", strerror(errno));
	c->near = accept(lfd, NULL, NULL);
	if (c->near < 0)
		bail_out("accept: %s", strerror(errno));
	setsockopt(c->far, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->far, F_SETFL, O_NONBLOCK);
	fcntl(c->near, F_SETFL, O_NONBLOCK);
}

void conn_close(struct conn *c)
{
	static const struct linger at_once = { .l_onoff = 1 };

	/* no TIME_WAIT: there are many of them */
	setsockopt(c->far, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(c->far);
	close(c->near);
}

bool takes_ground_away(unsigned int admin_opcode)
{
	switch (admin_opcode & 0xff) {
	case 0x00: case 0x01:	/* I/O submission queues */
	case 0x04: case 0x05:	/* I/O completion queues */
	case 0x0d: case 0x15:	/* namespaces, made and attached */
	case 0x10: case 0x11:	/* firmware */
	case 0x1c:		/* virtualization: secondary controllers go offline */
	case 0x7c:		/* doorbells elsewhere */
	case 0x80: case 0x84:	/* Format, Sanitize */
		return true;
	}
	return false;
}

uint8_t harmless(uint8_t opcode)
{
	return opcode == NVME_COPY ? NVME_READ : opcode;
}

/* Until the kernel lets go of what the last ring had */
static int patient_region(struct setup *s, bool nic)
{
	uint64_t begin = now_ms();
	int ret;

	while ((ret = try_region(s, true, nic)) && now_ms() - begin < FREE_MS)
		be_patient(begin);
	return ret;
}

/* what hangs ends by SIGALRM */
static bool block_works(struct setup *s)
{
	static char want[LBA * 8];
	struct op read = { .mask = NVME, .off = s->own_off, .len = sizeof(want) };
	struct op write = read;

	write.flags = IORING_UNIFIED_F_WRITE;
	fill(want, sizeof(want), rnd());
	memcpy(s->own, want, sizeof(want));
	if (do_op(s, write) != sizeof(want))
		return false;
	memset(s->own, 0, sizeof(want));
	return do_op(s, read) == sizeof(want) && !memcmp(s->own, want, sizeof(want));
}

static bool stream_works(struct setup *s)
{
	static char want[REC * 16];
	struct op op = { .mask = NET, .len = REC, .ioprio = IORING_RECV_MULTISHOT };
	bool same, records;
	struct conn c;
	int ret;

	fill(want, sizeof(want), rnd());
	conn_open(&c);
	/* the NIC takes it, who receives or not */
	fcntl(c.far, F_SETFL, 0);
	if (write(c.far, want, sizeof(want)) != sizeof(want))
		bail_out("a fresh socket does not take %zu bytes", sizeof(want));
	shutdown(c.far, SHUT_WR);
	op.fd = c.near;
	ret = receive(s, op, want, sizeof(want), REC, 4, &same, &records);
	conn_close(&c);
	return !ret && same && records;
}

bool all_free(bool nic)
{
	struct setup s = { };
	bool good = true;
	int ret;

	alarm(FREE_MS / 1000 * 4);
	ret = io_uring_queue_init(64, &s.ring, NET_FLAGS);
	if (ret)
		bail_out("io_uring: %s", strerror(-ret));
	s.dev = open(node, O_RDWR);
	if (s.dev < 0)
		bail_out("%s: %s", node, strerror(errno));
	ret = patient_region(&s, nic);
	if (ret) {
		note("no region after %d s: %s", FREE_MS / 1000, strerror(-ret));
		return false;
	}
	if (!block_works(&s)) {
		note("a block does not come back as it was written");
		good = false;
	}
	if (nic && !stream_works(&s)) {
		note("a stream does not arrive as it was sent");
		good = false;
	}
	tear_down(&s);
	alarm(0);
	return good;
}
