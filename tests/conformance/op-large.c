// SPDX-License-Identifier: GPL-2.0
/*
 * op-large: buffers of 64 KiB, in which the NIC delivers more at a time than the
 * device takes.
 *
 * Usage: op-large NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS
 *
 * Five hugepages of 2 MiB have to be free: only there are buffers of 64 KiB sure to be
 * contiguous.
 *
 * NODE takes 16 KiB in a command.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "request.h"
#include "tap.h"

#define BUF	65536
#define BUFS	128	/* as few as may be */
#define STREAM	((2u << 20) + 1000)
#define HUGE	(2u << 20)
#define AHEAD	(4096 + 64 * 128 + 4096)	/* of the data area */

static char *mem;

static void set_up_large(struct setup *s)
{
	struct io_uring_region_desc rd = { .size = AHEAD + BUFS * BUF };
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= 64,
		.cq_entries	= 64,
		.region_size	= rd.size,
		.region_ptr	= &rd,
		.buf_size	= BUF,
		.net_ifindex	= if_nametoindex(ifname),
		.net_rxq	= queue,
	};
	int ret;

	/* the data area begins with a hugepage */
	memset(s, 0, sizeof(*s));
	mem = mmap(NULL, HUGE + BUFS * BUF, PROT_READ | PROT_WRITE,
		   MAP_ANONYMOUS | MAP_SHARED | MAP_HUGETLB, -1, 0);
	if (mem == MAP_FAILED)
		bail_out("no hugepages: %s", strerror(errno));
	s->r.base = mem + HUGE - AHEAD;
	rd.user_addr = (uintptr_t)s->r.base;
	ret = io_uring_queue_init(64, &s->ring, NET_FLAGS);
	if (ret)
		bail_out("io_uring: %s", strerror(-ret));
	s->dev = reg.nvme_fd = open(node, O_RDWR);
	ret = ring_register(s->ring.ring_fd, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	if (ret)
		bail_out("register: %s", strerror(-ret));
	s->r.size = reg.region_size;
	s->ctrl = (void *)s->r.base;
	s->r.stats = &s->ctrl->stats;
}

int main(int argc, char **argv)
{
	struct stream st = { .len = STREAM, .data = malloc(STREAM) };
	struct peer p;
	struct setup s;

	(void)argc;
	request_args(argv + 1);
	fill(st.data, st.len, 60);
	set_up_large(&s);
	p = connect_peer(send_stream, &st);
	try(&s, 0, "a stream as the NIC delivers it, to a device that takes less at a time",
	    .mask = NET | NVME, .fd = p.sock, .ioprio = IORING_RECV_MULTISHOT);
	end_peer(&p);
	ok(s.r.stats->rx.bufs && st.len / s.r.stats->rx.bufs > 8192,
	   "... which delivers more than two pages at a time");
	note("%llu records", s.r.stats->rx.bufs);
	ok(s.r.stats->written.bytes == st.len && !s.r.stats->nvme_errors &&
	   balanced(s.r.stats), "... all of it is written");
	ok(on_device(0, st.data, st.len / LBA * LBA), "... as it was sent");
	tear_down(&s);
	munmap(mem, HUGE + BUFS * BUF);
	free(st.data);
	return tap_end();
}
