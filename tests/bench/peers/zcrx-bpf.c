// SPDX-License-Identifier: GPL-2.0
/*
 * zcrx-bpf: zcrx-cmd with its loop in the kernel, by the BPF loop of Linux 7.3
 * (struct io_uring_bpf_ops): one system call for the whole stream. The tuning and the
 * gathering are zcrx-cmd's.
 *
 * That interface was made for a ring's SQ and CQ, and for parameters in a region of
 * memory; it has no kfunc for zcrx buffers. But the zcrx area, the refill ring, the
 * fixed buffer and that region (IORING_REGISTER_MEM_REGION) can be the same user
 * memory, pinned once for each, and then bpf_io_uring_get_region() gives a program
 * all of it. So here a program filters where the NIC has put the data, makes the
 * SQEs, hands buffers back and reaps.
 *
 * For what it cannot do, the loop stops, io_uring_enter() returns and user space goes
 * on, as all state is in the region: a fragment of which something has to be copied
 * (a program would have to do that word by word); a refill ring that is full
 * (ZCRX_CTRL_FLUSH_RQ is a system call); the end of the stream.
 *
 * What it is not: safe. The program needs to know the layout of the rings and of all
 * that is in the region, nothing checks more than that it stays inside, and user
 * space can change any of it at any time. There is one program for a ring, so a second
 * filter is a change of this one, and none of this works with memory that the kernel
 * cannot read (dma-buf).
 */
#include "zcrx-bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { SOCK, NVME };			/* registered files */

static struct io_uring ring;
static struct peer_zcrx z;
static struct peer_ns ns;
static struct bpf_state *s;

static size_t pages(size_t len)
{
	return (len + 4095) & ~4095UL;
}

/* the program is in a file beside this one */
static struct bpf_object *open_program(void)
{
	static char self[PATH_MAX], path[PATH_MAX + 32];
	struct bpf_object *obj;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("/proc/self/exe: %m");
	snprintf(path, sizeof(path), "%s/zcrx-bpf.bpf.o", dirname(self));
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		die("cannot open %s: %m", path);
	return obj;
}

static void attach(const struct bpf_config *cfg)
{
	struct bpf_object *obj = open_program();
	struct bpf_map *rodata = bpf_object__find_map_by_name(obj, ".rodata");
	struct bpf_map *ops = bpf_object__find_map_by_name(obj, "loop");
	struct { void *loop_step; __u32 ring_fd; } *loop;
	struct bpf_config *to;
	size_t size;

	to = rodata ? bpf_map__initial_value(rodata, &size) : NULL;
	if (!to || size < sizeof(*to) || !ops)
		die("zcrx-bpf.bpf.o is not of this program; make bench-programs");
	*to = *cfg;
	loop = bpf_map__initial_value(ops, &size);
	loop->ring_fd = ring.ring_fd;
	if (bpf_object__load(obj))
		die("the kernel does not load the program: %m");
	if (!bpf_map__attach_struct_ops(ops))
		die("the ring does not take the program: %m; it needs Linux 7.3");
}

int main(int argc, char **argv)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE |
			 IORING_SETUP_NO_SQARRAY,
	};
	size_t rq_off, state_off, size;
	struct io_uring_mem_region_reg reg = {};
	struct io_uring_region_desc region = {};
	struct io_uring_sqe sqe[2];
	struct bpf_config cfg = {};
	struct peer_sums sums;
	struct peer_opts o;
	struct iovec iov;
	struct gather *g;
	char *mem;
	int sock, ret;

	peer_options(argc, argv, &o);
	o.buffers &= ~4095UL;
	peer_ns_open(o.nvme, O_RDWR, &ns);
	p.cq_entries = 2 * (o.buffers >> 12) + o.depth;
	ret = io_uring_queue_init_params(o.depth + 1, &ring, &p);
	if (ret)
		die("no io_uring: %s", strerror(-ret));

	rq_off = gather_mem(o.buffers);
	state_off = rq_off + pages(peer_zcrx_rq_bytes(o.buffers));
	size = state_off + pages(sizeof(*s));
	mem = peer_alloc(size);
	s = (void *)(mem + state_off);
	g = &s->g;
	gather_init(g, &o, &ns, mem);
	iov = (struct iovec) { mem, rq_off };
	ret = io_uring_register_buffers(&ring, &iov, 1);
	if (ret)
		die("cannot register %zu bytes: %s", rq_off, strerror(-ret));
	region.user_addr = (uintptr_t)mem;
	region.size = size;
	region.flags = IORING_MEM_REGION_TYPE_USER;
	reg.region_uptr = (uintptr_t)&region;
	ret = io_uring_register_region(&ring, &reg);
	if (ret)
		die("cannot register a region of %zu bytes: %s", size, strerror(-ret));
	peer_zcrx_register(&ring, &o, mem, o.buffers, mem + rq_off, &z);

	cfg.mem_size = size;
	cfg.cq_size = pages(p.cq_off.cqes + p.cq_entries * 32);
	cfg.sq_size = pages(p.sq_entries * 128);
	cfg.area_size = o.buffers;
	cfg.state = state_off;
	cfg.rq_head = (char *)z.rq.khead - mem;
	cfg.rq_tail = (char *)z.rq.ktail - mem;
	cfg.rq_entries = (char *)z.rq.rqes - mem;
	cfg.rq_mask = z.rq.ring_entries - 1;
	cfg.cqes = p.cq_off.cqes;
	cfg.cq_head = p.cq_off.head;
	cfg.cq_tail = p.cq_off.tail;
	cfg.cq_mask = p.cq_entries - 1;
	cfg.sq_tail = p.sq_off.tail;
	cfg.sq_mask = p.sq_entries - 1;
	cfg.niovs = g->niovs;
	cfg.align = g->align;
	cfg.block = g->block;
	cfg.max_bytes = g->max_bytes;
	cfg.max_segs = g->max_segs;
	cfg.record = g->record;
	cfg.drop_len = g->drop_len;
	cfg.depth = o.depth;
	cfg.budget = g->niovs / 4 * 1024;
	cfg.op_plain = NVME_URING_CMD_IO;
	cfg.op_vec = NVME_URING_CMD_IO_VEC;
	cfg.token = z.token;
	cfg.base = (uintptr_t)mem;
	memset(sqe, 0, sizeof(sqe));
	peer_zcrx_arm(sqe, &z, SOCK, cfg.budget);
	sqe->user_data = RECV_DATA;
	memcpy(cfg.recv, sqe, sizeof(cfg.recv));
	peer_nvme(sqe, &ns, 1, 0, mem, 0);
	sqe->fd = NVME;
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	memcpy(cfg.write, sqe, sizeof(cfg.write));
	attach(&cfg);

	sock = peer_zcrx_lowat(peer_accept(&o), &o);
	ret = io_uring_register_files(&ring, (int [2]) { [SOCK] = sock, [NVME] = ns.fd }, 2);
	if (ret)
		die("cannot register files: %s", strerror(-ret));
	do {
		ret = io_uring_enter(ring.ring_fd, 0, 0, 0, NULL);
		if (ret == -EINTR)
			continue;
		if (ret)
			die("the loop: %s", strerror(-ret));
		z.rq.rq_tail = s->rq_next;
		switch (s->stop) {
		case STOP_SLOW:
			gather_records(g, &z);
			gather_put(g, &z, s->frag_page);
			break;
		case STOP_FULL:
			peer_zcrx_flush(&z);
			break;
		case STOP_END:
			gather_end(g, &z);
			s->ended = 1;
			break;
		case STOP_DONE:
			break;
		case STOP_RECV_ERROR:
			die("zero-copy receive: %s", strerror(-s->error));
		case STOP_NVME_ERROR:
			die("NVMe write: %s %#x",
			    s->error < 0 ? strerror(-s->error) : "status", s->error);
		default:
			die("the loop has stopped: %u, error %d", s->stop, s->error);
		}
		peer_zcrx_publish(&z);
		s->rq_next = z.rq.rq_tail;
		s->stops++;
	} while (s->stop != STOP_DONE);
	sums = (struct peer_sums) {
		.received = g->received, .dropped = g->dropped, .written = g->kept,
		.copied = g->copied, .commands = g->commands,
	};
	fprintf(stderr, "%u system calls\n", s->stops);
	peer_report(&sums);
	return 0;
}
