// SPDX-License-Identifier: GPL-2.0
/*
 * loop-region: a ring's BPF loop that works on the region by itself, by
 * bpf_io_unified_get_region().
 *
 * Usage: loop-region BLOCK_NODE LOOP-REGION.bpf.o LOOP-WRONG.bpf.o
 *
 * The first 64 KiB of the namespace are overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "region.h"
#include "tap.h"

/* of loop-region.bpf.c */
#define NR	8
#define LBA	512
#define FIRST_LBA 64
struct layout {
	uint64_t	size, sq, cq, sqes, cqes, data;
};

struct seen {
	uint32_t	phase, found, larger, submitted, done, bad, differ;
	int32_t		status, result;
};

struct loop {
	struct bpf_object	*obj;
	struct bpf_link		*link;
	struct seen		*seen;
};

static const char *node;

static void *variables(struct bpf_object *obj, const char *name, size_t want)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	size_t size = 0;
	void *p = map ? bpf_map__initial_value(map, &size) : NULL;

	if (size < want)
		bail_out("%s has %zu bytes, not %zu", name, size, want);
	return p;
}

static void attach(struct loop *l, const char *path, int ring, struct layout layout)
{
	struct bpf_map *map;
	size_t size;

	l->obj = bpf_object__open(path);
	if (!l->obj)
		bail_out("%s: %s", path, strerror(errno));
	map = bpf_object__find_map_by_name(l->obj, "alone");
	/* behind the one function */
	*(int *)(bpf_map__initial_value(map, &size) + sizeof(void *)) = ring;
	*(struct layout *)variables(l->obj, ".rodata", sizeof(layout)) = layout;
	if (bpf_object__load(l->obj))
		bail_out("%s: %s", path, strerror(errno));
	l->link = bpf_map__attach_struct_ops(map);
	if (!l->link)
		bail_out("attach the loop: %s", strerror(errno));
	l->seen = variables(l->obj, ".bss", sizeof(*l->seen));
}

static void detach(struct loop *l)
{
	bpf_link__destroy(l->link);
	bpf_object__close(l->obj);
}

static bool on_device(const void *want)
{
	char *buf = aligned_alloc(4096, NR * LBA);
	int fd = open(node, O_RDONLY | O_DIRECT);
	bool same = pread(fd, buf, NR * LBA, FIRST_LBA * LBA) == NR * LBA &&
		    !memcmp(buf, want, NR * LBA);

	close(fd);
	free(buf);
	return same;
}

/* User space makes one system call, the program does the rest */
static void test_alone(struct region *r, int ret, const char *path, const char *how)
{
	struct io_unified_sqe sqe = { .nvme_cmd = { .nsid = 1 }, .user_data = 42 };
	uint32_t sq, cq;
	struct loop l;

	if (ret)
		bail_out("register on %s: %s", node, strerror(-ret));
	attach(&l, path, r->ring, (struct layout) {
		.size	= r->size,
		.sq	= (char *)r->sq - r->base,
		.cq	= (char *)r->cq - r->base,
		.sqes	= (char *)r->sqes - r->base,
		.cqes	= (char *)r->cqes - r->base,
		.data	= r->data - r->base,
	});
	sq = r->sq->producer;
	cq = r->cq->producer;
	ok(!ring_enter(r->ring), "%s: a loop that user space leaves alone", how);
	ok(l.seen->found, "%s: ... gets the region, all of it", how);
	ok(!l.seen->larger, "%s: ... and not a byte more", how);
	ok(l.seen->submitted == 2 * NR + 1 && r->sq->producer - sq == 2 * NR + 1 &&
	   r->sq->consumer == r->sq->producer, "%s: ... submits SQEs that it makes", how);
	ok(l.seen->done == 2 * NR + 1 && r->cq->producer - cq == 2 * NR + 1 &&
	   r->cq->consumer == r->cq->producer, "%s: ... and consumes CQEs", how);
	ok(*(uint64_t *)r->data == 0x5bd1e995 && on_device(r->data),
	   "%s: what it put into the data area is on the device", how);
	ok(!l.seen->differ && !memcmp(r->data, r->data + NR * LBA, NR * LBA),
	   "%s: what it read is what it wrote", how);
	/* the last one is bad */
	ok(l.seen->bad == 1 && l.seen->status == IO_UNIFIED_STATUS_HOST &&
	   l.seen->result == -EFAULT && r->stats->sq_invalid == 1,
	   "%s: an SQE of its own that is wrong is refused", how);
	if (!l.seen->found || l.seen->bad != 1)
		note("phase %u, submitted %u, done %u, bad %u, status %#x, result %d",
		     l.seen->phase, l.seen->submitted, l.seen->done, l.seen->bad,
		     l.seen->status, l.seen->result);
	detach(&l);
	ok(region_run(r, &sqe).user_data == 42,
	   "%s: user space goes on where the program was", how);
	region_close(r);
}

static void test_none(const char *path)
{
	int ring = ring_create(8, IORING_SETUP_DEFER_TASKRUN);
	struct loop l;

	attach(&l, path, ring, (struct layout) { .size = 65536, .sq = 64, .cq = 128,
	       .sqes = 4096, .cqes = 12288, .data = 16384 });
	ok(!ring_enter(ring) && !l.seen->found, "a ring without a region: NULL");
	detach(&l);
	close(ring);
}

static void test_smaller(int fd, const char *path)
{
	struct region r;
	struct loop l;

	if (region_open(&r, fd, 65536, 0, REGION_DEFER))
		bail_out("no region on %s", node);
	attach(&l, path, r.ring, (struct layout) { .size = r.size + 4096, .sq = 64,
	       .cq = 128, .sqes = 4096, .cqes = 12288, .data = 16384 });
	ok(!ring_enter(r.ring) && !l.seen->found, "a region that is smaller: NULL");
	detach(&l);
	region_close(&r);
}

/* What the verifier has to say */
static char verifier_log[1 << 20];

static int keep_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	size_t len = strlen(verifier_log);

	if (level == LIBBPF_WARN)
		vsnprintf(verifier_log + len, sizeof(verifier_log) - len, fmt, ap);
	return 0;
}

static void test_wrong(const char *path)
{
	static const struct { const char *name, *says, *text; } wrong[] = {
		{ "bounds", "invalid access to memory, mem_size=4096 off=4096 size=1",
		  "a byte behind what was asked for" },
		{ "offset", "unbounded memory access", "an index that may be anything" },
		{ "null", "invalid mem access 'mem_or_null'", "a region that may not be there" },
		{ "size", "is not a const", "a size that is no constant" },
		{ "kept", "invalid mem access 'scalar'", "a region of the last time" },
		{ "sleep", "program must be sleepable",
		  "bpf_io_unified_submit() of a program that may not sleep" },
		{ "forged", "is fp expected STRUCT iou_ctx",
		  "memory of the program's own for the ring" },
	};
	libbpf_print_fn_t old = libbpf_set_print(keep_log);

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct bpf_object *obj = bpf_object__open(path);
		struct bpf_map *map;
		int ret;

		if (!obj)
			bail_out("%s: %s", path, strerror(errno));
		bpf_object__for_each_map(map, obj)
			if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
				bpf_map__set_autocreate(map, !strcmp(bpf_map__name(map),
								     wrong[i].name));
		*verifier_log = 0;
		ret = bpf_object__load(obj);
		if (!ok(ret && strstr(verifier_log, wrong[i].says),
			"the verifier rejects %s", wrong[i].text)) {
			note("%d, and not '%s'", ret, wrong[i].says);
			fputs(verifier_log, stderr);
		}
		bpf_object__close(obj);
	}
	libbpf_set_print(old);
}

int main(int argc, char **argv)
{
	struct region r;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: loop-region BLOCK_NODE LOOP-REGION.bpf.o LOOP-WRONG.bpf.o\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	node = argv[1];
	fd = open(node, O_RDWR);
	if (fd < 0)
		bail_out("%s: %s", node, strerror(errno));
	test_alone(&r, region_open(&r, fd, 65536, 0, REGION_DEFER), argv[2],
		   "the kernel's memory");
	test_alone(&r, region_open(&r, fd, 65536, 0, REGION_DEFER | REGION_USER), argv[2],
		   "the user's memory");
	test_alone(&r, region_open_ifq(&r, node, 65536, 0), argv[2], "IFQ layout");
	test_none(argv[2]);
	test_smaller(fd, argv[2]);
	test_wrong(argv[3]);
	close(fd);
	return tap_end();
}
