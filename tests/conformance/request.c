// SPDX-License-Identifier: GPL-2.0
/*
 * request: IORING_OP_UNIFIED as a program uses it: a region on a ring, with a
 * namespace and perhaps a NIC, requests, and the peers of its streams.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "request.h"
#include "tap.h"

const char *node, *stage_path, *ifname, *peer_ns;
struct sockaddr_in listen_addr;
int queue;

bool request_args(char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	node = *argv++;
	stage_path = *argv++;
	if (!*argv)
		return false;
	ifname = *argv++;
	queue = atoi(*argv++);
	listen_addr.sin_family = AF_INET;
	inet_pton(AF_INET, *argv++, &listen_addr.sin_addr);
	listen_addr.sin_port = htons(atoi(*argv++));
	peer_ns = *argv;
	return true;
}

size_t nic_mem = NIC_MEM;

int try_region(struct setup *s, bool nvme, bool nic)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= 64,
		.cq_entries	= 64,
		.region_size	= 4096 + 64 * 128 + 4096 + OWN_MEM,
		.nvme_fd	= nvme ? s->dev : 0,
	};
	int ret;

	if (nic) {
		reg.region_size += nic_mem;
		reg.net_ifindex = if_nametoindex(ifname);
		reg.net_rxq = queue;
		reg.user_bufs = OWN_MEM / 4096;
	}
	ret = ring_register(s->ring.ring_fd, IORING_REGISTER_UNIFIED_REGION, &reg, 1);
	if (ret)
		return ret;
	s->r.size = reg.region_size;
	s->r.base = mmap(NULL, reg.region_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 s->ring.ring_fd, IORING_MAP_OFF_UNIFIED_REGION);
	if (s->r.base == MAP_FAILED)
		bail_out("mmap: %s", strerror(errno));
	s->ctrl = (void *)s->r.base;
	s->r.ring = s->ring.ring_fd;
	s->r.sq = &s->ctrl->sq;
	s->r.cq = &s->ctrl->cq;
	s->r.stats = &s->ctrl->stats;
	s->r.sqes = (void *)(s->r.base + reg.offsets.sq_entries);
	s->r.cqes = (void *)(s->r.base + reg.offsets.cq_entries);
	s->r.data = s->r.base + reg.offsets.data;
	s->r.data_size = s->ctrl->data_size;
	s->own_off = nic ? nic_mem : 0;
	s->own = s->r.data + s->own_off;
	return 0;
}

void set_up(struct setup *s, unsigned int flags, bool nvme, bool nic)
{
	int ret;

	memset(s, 0, sizeof(*s));
	ret = io_uring_queue_init(64, &s->ring, flags);
	if (ret)
		bail_out("io_uring: %s", strerror(-ret));
	s->dev = open(node, O_RDWR);
	if (s->dev < 0)
		bail_out("%s: %s", node, strerror(errno));
	ret = try_region(s, nvme, nic);
	if (ret)
		bail_out("register: %s", strerror(-ret));
}

/* A member of a stage's struct io_unified_ops, before it is loaded */
void *stage_member(struct bpf_object *obj, struct bpf_map *map, const char *name)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, "io_unified_ops", BTF_KIND_STRUCT);
	const struct btf_type *t = btf__type_by_id(btf, id);
	size_t size;

	for (int i = 0; i < btf_vlen(t); i++) {
		const char *member = btf__name_by_offset(btf, btf_members(t)[i].name_off);

		if (!strcmp(member, name))
			return bpf_map__initial_value(map, &size) +
			       btf_member_bit_offset(t, i) / 8;
	}
	bail_out("struct io_unified_ops has no %s", name);
}

void attach_stage(struct setup *s)
{
	struct bpf_map *map;
	int *ring_fd;

	s->obj = bpf_object__open(stage_path);
	if (!s->obj)
		bail_out("%s: %s", stage_path, strerror(errno));
	map = bpf_object__find_map_by_name(s->obj, "op");
	ring_fd = stage_member(s->obj, map, "ring_fd");
	*ring_fd = s->ring.ring_fd;
	if (bpf_object__load(s->obj))
		bail_out("%s: %s", stage_path, strerror(errno));
	s->link = bpf_map__attach_struct_ops(map);
	if (!s->link)
		bail_out("attach: %s", strerror(errno));
}

void detach_stage(struct setup *s)
{
	bpf_link__destroy(s->link);
	bpf_object__close(s->obj);
	s->link = NULL;
	s->obj = NULL;
}

void tear_down(struct setup *s)
{
	int ret;

	detach_stage(s);
	ret = ring_register(s->ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	if (ret)
		bail_out("unregister: %s", strerror(-ret));
	munmap(s->r.base, s->r.size);
	io_uring_queue_exit(&s->ring);
	close(s->dev);
}

struct io_uring_sqe *queue_op(struct setup *s, struct op op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	io_uring_prep_rw(IORING_OP_UNIFIED, sqe, op.fd, (void *)(uintptr_t)op.off,
			 op.len, op.mask);
	sqe->rw_flags = op.flags;
	sqe->addr3 = op.lba;
	sqe->buf_index = op.dev;
	sqe->file_index = op.sock;
	sqe->ioprio = op.ioprio;
	sqe->flags = op.sqe_flags;
	sqe->user_data = op.user_data;
	return sqe;
}

int wait_op(struct setup *s, struct io_uring_cqe *cqe_out)
{
	struct __kernel_timespec ts = { .tv_sec = 60 };
	struct io_uring_cqe *cqe;
	int ret;

	io_uring_submit(&s->ring);
	do {
		ret = io_uring_wait_cqe_timeout(&s->ring, &cqe, &ts);
	} while (ret == -EINTR);
	if (ret)
		bail_out("no CQE: %s", strerror(-ret));
	ret = cqe->res;
	if (cqe_out)
		memcpy(cqe_out, cqe, sizeof(*cqe) +
		       (s->ring.flags & IORING_SETUP_CQE32 ||
			cqe->flags & IORING_CQE_F_32 ? 16 : 0));
	io_uring_cqe_seen(&s->ring, cqe);
	return ret;
}

int do_op(struct setup *s, struct op op)
{
	queue_op(s, op);
	return wait_op(s, NULL);
}

int check_res(int got, int want, const char *what)
{
	int holds = ok(got == want, "%s", what);

	if (!holds)
		note("got %d (%s), not %d", got, got < 0 ? strerror(-got) : "", want);
	return holds;
}

void fill(char *buf, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		/* none of the letters that op.bpf.c knows */
		buf[i] = 'a' + (seed >> 16) % 16;
	}
}

bool on_device(uint64_t lba, const char *want, size_t len)
{
	void *buf = aligned_alloc(4096, len);
	int fd = open(node, O_RDONLY | O_DIRECT);
	bool same;

	same = fd >= 0 && pread(fd, buf, len, lba * LBA) == (ssize_t)len &&
	       !memcmp(buf, want, len);
	close(fd);
	free(buf);
	return same;
}

struct peer connect_peer_to(const struct sockaddr_in *addr, const char *netns,
			    void (*run)(int sock, void *arg), void *arg)
{
	static const int one = 1;
	struct peer p;
	int lfd, small = NIC_MEM / 8;

	lfd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(lfd, SOL_SOCKET, SO_RCVBUFFORCE, &small, sizeof(small));
	if (lfd < 0 || bind(lfd, (void *)addr, sizeof(*addr)) || listen(lfd, 1))
		bail_out("listen: %s", strerror(errno));
	fflush(stdout);
	p.pid = fork();
	if (!p.pid) {
		int sock, null = open("/dev/null", O_RDWR);

		if (null < 0)
			_exit(97);
		/* who reads what we print does not wait for one left behind */
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(lfd);
		if (netns && setns(open(netns, O_RDONLY), CLONE_NEWNET))
			_exit(99);
		sock = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (sock < 0 || connect(sock, (void *)addr, sizeof(*addr)))
			_exit(98);
		run(sock, arg);
		_exit(0);
	}
	p.sock = accept(lfd, NULL, NULL);
	if (p.sock < 0)
		bail_out("accept: %s", strerror(errno));
	close(lfd);
	return p;
}

struct peer connect_peer(void (*run)(int sock, void *arg), void *arg)
{
	return connect_peer_to(&listen_addr, peer_ns, run, arg);
}

int end_peer(struct peer *p)
{
	int status;

	close(p->sock);
	waitpid(p->pid, &status, 0);
	return status;
}

void write_all(int sock, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(sock, data, len);

		if (n <= 0)
			_exit(97);
		data += n;
		len -= n;
	}
}

void send_stream(int sock, void *arg)
{
	struct stream *st = arg;
	char c;

	write_all(sock, st->data, st->len);
	if (st->go > 0 && read(st->go, &c, 1) != 1)
		_exit(96);
}

void give_back(struct setup *s, uint64_t off)
{
	struct io_unified_sqe sqe = {
		.flags = IO_UNIFIED_SQE_RETURN, .buf_offset = off, .user_data = 4711,
	};

	region_queue(&s->r, &sqe);
}

bool balanced(const struct io_unified_stats *st)
{
	if (st->rx.bytes + st->made.bytes == st->dropped.bytes + st->written.bytes +
	    st->passed.bytes + st->sent.bytes + st->failed.bytes +
	    st->in_flight.bytes &&
	    st->rx.bufs + st->made.bufs == st->dropped.bufs + st->written.bufs +
	    st->passed.bufs + st->sent.bufs + st->failed.bufs +
	    st->in_flight.bufs)
		return true;
	note("rx %llu/%llu made %llu/%llu dropped %llu/%llu written %llu/%llu passed %llu/%llu "
	     "sent %llu/%llu failed %llu/%llu in flight %llu/%llu",
	     st->rx.bufs, st->rx.bytes, st->made.bufs, st->made.bytes, st->dropped.bufs, st->dropped.bytes,
	     st->written.bufs, st->written.bytes, st->passed.bufs, st->passed.bytes,
	     st->sent.bufs, st->sent.bytes, st->failed.bufs, st->failed.bytes,
	     st->in_flight.bufs, st->in_flight.bytes);
	return false;
}

int sock_reg(struct setup *s, int fd, unsigned int flags, unsigned int nr)
{
	struct io_unified_sock_reg reg = { .fd = fd, .flags = flags, .sock = nr };
	int ret = ring_register(s->ring.ring_fd, IORING_REGISTER_UNIFIED_SOCK, &reg, 1);

	return ret ?: (int)reg.sock;
}

int sock_add(struct setup *s, int fd)
{
	return sock_reg(s, fd, 0, 0);
}

int sock_remove(struct setup *s, unsigned int nr)
{
	int ret = sock_reg(s, 0, IO_UNIFIED_SOCK_REMOVE, nr);

	return ret < 0 ? ret : 0;
}

void wait_idle(struct setup *s)
{
	const volatile struct io_unified_stats *st = s->r.stats;
	uint64_t begin = now_ms();

	while (st->in_flight.bufs && now_ms() - begin < 60000)
		be_patient(begin);
}

bool all_gone(struct setup *s)
{
	wait_idle(s);
	return !s->r.stats->in_flight.bufs && balanced(s->r.stats);
}

static void give_all_back(struct setup *s, const uint64_t *kept, unsigned int *nr)
{
	while (*nr) {
		give_back(s, kept[--*nr]);
		/* no more fit into the SQ at a time */
		if (s->r.queued > s->r.sq->ring_mask)
			region_submit(&s->r);
	}
	region_submit(&s->r);
}

int receive(struct setup *s, struct op op, const char *want, size_t len,
	    size_t rec, unsigned int keep, bool *same, bool *records)
{
	struct io_uring_cqe *rcqe;
	struct io_unified_cqe cqe;
	uint64_t *kept = calloc(keep + 1, sizeof(*kept));
	uint64_t stalls = s->r.stats->rx_stalls;
	size_t got = 0, in_rec = 0;
	unsigned int nr = 0;
	bool done = false;
	int res = 0;

	*same = *records = true;
	queue_op(s, op);
	io_uring_submit(&s->ring);
	while (!done || got < len) {
		if (region_reap(&s->r, &cqe, 0)) {
			struct __kernel_timespec ts = { .tv_nsec = 10000000 };

			if (done && !s->r.cq->flags)
				break;
			if (nr && (keep != KEEP_ALL || s->r.stats->rx_stalls != stalls)) {
				stalls = s->r.stats->rx_stalls;
				give_all_back(s, kept, &nr);
			}
			/* runs the ring's task work */
			if (!io_uring_wait_cqe_timeout(&s->ring, &rcqe, &ts)) {
				res = rcqe->res;
				io_uring_cqe_seen(&s->ring, rcqe);
				done = true;
			}
			continue;
		}
		if (!(cqe.flags & IO_UNIFIED_CQE_F_RECORD) || cqe.status ||
		    cqe.result64 != got || got + cqe.len > len ||
		    memcmp(s->r.data + cqe.dma_addr, want + got, cqe.len))
			*same = false;
		got += cqe.len;
		in_rec += cqe.len;
		if (!(cqe.flags & IO_UNIFIED_CQE_F_MORE)) {
			if (in_rec != rec && got != len)
				*records = false;
			in_rec = 0;
		}
		kept[nr++] = cqe.dma_addr;
		if (nr > keep)
			give_all_back(s, kept, &nr);
	}
	give_all_back(s, kept, &nr);
	if (got != len) {
		note("%zu of %zu bytes", got, len);
		*same = false;
	}
	free(kept);
	return res;
}

void receive_all(int sock, void *arg)
{
	struct sink *sink = arg;
	char *buf = malloc(sink->len + 1);
	size_t got = 0;
	ssize_t n;

	if (sink->slow) {
		int small = 4096;

		setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	}
	while ((n = read(sock, buf + got, sink->slow ? 1024 : sink->len + 1 - got)) > 0 &&
	       got <= sink->len)
		got += n;
	_exit(got == sink->len && !memcmp(buf, sink->want, got) ? 0 : 1);
}

bool sent_well(struct peer *p)
{
	int status;

	shutdown(p->sock, SHUT_WR);
	waitpid(p->pid, &status, 0);
	close(p->sock);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

void sleep_peer(int sock, void *arg)
{
	char c;

	(void)sock;
	if (read(*(int *)arg, &c, 1) < 0)
		_exit(1);
}
