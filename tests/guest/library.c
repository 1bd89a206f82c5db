// SPDX-License-Identifier: GPL-2.0
/*
 * library: include/sluice against the kernel; what it does without one is
 * tests/unit/library.c.
 *
 * Usage: library rings BLOCK_NODE GENERIC_NODE
 *	  library receive IF QUEUE PORT FILE	a TCP stream, by its records
 *
 * Overwrites the first 256 KiB of the namespace.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sluice/sluice.h>

#define ENTRIES		16
#define BUF_SIZE	4096
#define BUFS		64

static int failures;

static void check(int ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%s - ", ok ? "ok" : "not ok");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	failures += !ok;
}

static struct io_uring ring_create(unsigned int flags)
{
	struct io_uring ring;
	int ret = io_uring_queue_init(16, &ring, flags);

	if (ret)
		errx(1, "io_uring: %s", strerror(-ret));
	return ring;
}

static void pattern(struct sluice_region *r, __u32 buf, unsigned int seed)
{
	unsigned char *p = sluice_buf_addr(r, buf);

	for (unsigned int i = 0; i < BUF_SIZE; i++)
		p[i] = i * 7 + i / 256 + buf * 31 + seed;
}

/* @nr commands, as many at a time as the SQ takes; returns those that failed */
static int run(struct sluice_region *r, __u8 opcode, __u32 first_buf, __u32 nr)
{
	const struct __kernel_timespec ts = { .tv_sec = 30 };
	__u32 sent = 0, done = 0, bad = 0, head, n;
	struct io_unified_cqe *cqe;
	struct io_unified_sqe *sqe;

	while (done < nr) {
		while (sent < nr && (sqe = sluice_get_sqe(r))) {
			sluice_prep_rw(sqe, &r->ns, opcode,
				       sent * (BUF_SIZE / r->ns.lba_size),
				       sluice_buf_offset(r, first_buf + sent), BUF_SIZE);
			sluice_sqe_set_data64(sqe, first_buf + sent++);
		}
		if (sluice_submit(r) < 0 || sluice_wait_cqe_timeout(r, &cqe, &ts))
			return nr;
		n = 0;
		sluice_for_each_cqe(r, head, cqe) {
			bad += sluice_cqe_error(cqe) || cqe->len != BUF_SIZE ||
			       cqe->dma_addr != sluice_buf_offset(r, cqe->user_data);
			n++;
		}
		sluice_cq_advance(r, n);
		done += n;
	}
	return bad;
}

static void test_rings(struct sluice_region *r, const char *how, unsigned int seed)
{
	const __u32 nr = BUFS / 2;

	for (__u32 i = 0; i < nr; i++)
		pattern(r, i, seed);
	check(!run(r, SLUICE_NVME_WRITE, 0, nr), "%s: %u writes", how, nr);
	check(!run(r, SLUICE_NVME_READ, nr, nr), "%s: %u reads", how, nr);
	check(!memcmp(r->data, sluice_buf_addr(r, nr), nr * BUF_SIZE),
	      "%s: reads what was written", how);
}

static void test_errors(struct sluice_region *r)
{
	struct sluice_ns small = r->ns;
	struct io_unified_cqe *cqe;
	int ret;

	sluice_prep_read(sluice_get_sqe(r), &r->ns, 1ULL << 40, 0, BUF_SIZE);
	sluice_submit(r);
	ret = sluice_wait_cqe(r, &cqe);
	check(!ret && sluice_cqe_error(cqe) == -EIO &&
	      !strcmp(sluice_status_str(cqe->status), "LBA out of range"),
	      "device error: %s", sluice_status_str(cqe->status));
	sluice_cqe_seen(r, cqe);

	/* these must not become shorter transfers */
	sluice_prep_read(sluice_get_sqe(r), &r->ns, 0, 0, r->ns.lba_size + 4);
	sluice_prep_read(sluice_get_sqe(r), &r->ns, 0, 0, 65537u * r->ns.lba_size);
	sluice_ns_set_lba(&small, 0);
	sluice_prep_read(sluice_get_sqe(r), &small, 0, 0, BUF_SIZE);
	sluice_prep_return(sluice_get_sqe(r), 0);
	sluice_submit(r);
	for (int i = 0; i < 4; i++) {
		ret = sluice_wait_cqe(r, &cqe);
		check(!ret && sluice_status_host(cqe->status) &&
		      sluice_cqe_error(cqe) == (i == 3 ? -EFAULT : -EINVAL),
		      "refused: %s", strerror(-sluice_cqe_error(cqe)));
		sluice_cqe_seen(r, cqe);
	}
	check(sluice_peek_cqe(r, &cqe) == -EAGAIN, "no more");
}

/* Nobody reaps until all are submitted */
static void test_overflow(struct sluice_region *r)
{
	const struct __kernel_timespec ts = { .tv_sec = 30 };
	struct io_unified_cqe *cqe;
	struct io_unified_sqe *sqe;
	__u64 seen = 0;
	__u32 i;

	for (i = 0; i < 3 * ENTRIES; i++) {
		while (!(sqe = sluice_get_sqe(r)))
			sluice_submit(r);
		sluice_prep_flush(sqe, &r->ns);
		sluice_sqe_set_data64(sqe, i);
	}
	sluice_submit(r);
	while (!sluice_cq_has_overflow(r))
		sched_yield();
	check(1, "three times as many as the CQ has room for");
	for (i = 0; i < 3 * ENTRIES && !sluice_wait_cqe_timeout(r, &cqe, &ts); i++) {
		seen |= 1ULL << sluice_cqe_get_data64(cqe);
		sluice_cqe_seen(r, cqe);
	}
	check(seen == (1ULL << 3 * ENTRIES) - 1, "all complete, each once");
}

static int request(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int ret;

	io_uring_submit(ring);
	ret = io_uring_wait_cqe(ring, &cqe);
	if (!ret) {
		ret = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
	return ret;
}

static void test_requests(struct io_uring *ring, struct sluice_region *r)
{
	pattern(r, 5, 99);
	memset(sluice_buf_addr(r, 6), 0, BUF_SIZE);
	sluice_prep_unified(io_uring_get_sqe(ring), IORING_UNIFIED_OP_NVME, -1,
			    sluice_buf_offset(r, 5), BUF_SIZE, 0,
			    IORING_UNIFIED_F_WRITE | IORING_UNIFIED_F_FLUSH);
	check(request(ring) == BUF_SIZE, "IORING_OP_UNIFIED writes");
	sluice_prep_unified(io_uring_get_sqe(ring), IORING_UNIFIED_OP_NVME, -1,
			    sluice_buf_offset(r, 6), BUF_SIZE, 0, 0);
	check(request(ring) == BUF_SIZE &&
	      !memcmp(sluice_buf_addr(r, 5), sluice_buf_addr(r, 6), BUF_SIZE),
	      "and reads");
}

static void test_region(const char *generic, __u32 flags, bool own)
{
	struct io_uring_region_desc rd = { 0 };
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= ENTRIES,
		.cq_entries	= ENTRIES,
		.region_size	= sluice_region_size(ENTRIES, ENTRIES, BUFS * BUF_SIZE),
		.nvme_fd	= open(generic, O_RDWR),
		.flags		= flags,
		.sq_idle	= flags & IO_UNIFIED_REG_POLL ? 10 : 0,
	};
	struct io_uring ring = ring_create(0);
	struct sluice_region r, again;
	struct io_unified_stats st;
	int ret;

	if (own) {
		rd.size = reg.region_size;
		rd.user_addr = (uintptr_t)mmap(NULL, rd.size, PROT_READ | PROT_WRITE,
					       MAP_ANONYMOUS | MAP_SHARED, -1, 0);
		reg.region_uptr = (uintptr_t)&rd;
	}
	ret = sluice_region_register(&ring, &r, &reg);
	check(!ret, "register, flags %u: %s", flags, strerror(-ret));
	if (ret)
		return;
	close(reg.nvme_fd);
	check(r.mapped == !own && sluice_nr_bufs(&r) == BUFS && r.ns.lba_size == 512 &&
	      r.ns.nsid == 1, "its layout");
	check(sluice_region_register(&ring, &again, &reg) == -EBUSY, "once");
	test_rings(&r, flags ? "poller" : own ? "own memory" : "kernel memory", flags);
	test_errors(&r);
	test_overflow(&r);
	test_requests(&ring, &r);
	ret = sluice_stats(&r, &st);
	check(!ret && sluice_stats_conserved(&st) && st.nvme_cmds >= BUFS,
	      "statistics: %llu commands, %llu refused", st.nvme_cmds, st.sq_invalid);
	check(!sluice_region_unregister(&r), "unregister");
	sluice_region_exit(&r);
	io_uring_queue_exit(&ring);
}

static void test_ifq(const char *block)
{
	struct io_unified_reg reg = {
		.nvme_dev_path		= (uintptr_t)block,
		.sq_entries		= ENTRIES,
		.cq_entries		= ENTRIES,
		.buffer_entries		= BUFS,
		.buffer_entry_size	= BUF_SIZE,
	};
	struct io_uring ring = ring_create(IORING_SETUP_SINGLE_ISSUER |
					   IORING_SETUP_DEFER_TASKRUN |
					   IORING_SETUP_CQE32 | IORING_SETUP_SQE128);
	struct sluice_region r;
	int ret;

	reg.sq_entries = 3;
	check(sluice_region_register_ifq(&ring, &r, &reg) == -EINVAL, "IFQ refused");
	reg.sq_entries = ENTRIES;
	ret = sluice_region_register_ifq(&ring, &r, &reg);
	check(!ret && r.ns.nsid == 1 && r.ns.lba_size == 512, "IFQ: %s", strerror(-ret));
	if (ret)
		return;
	test_rings(&r, "IFQ", 5);
	sluice_region_exit(&r);
	io_uring_queue_exit(&ring);
}

static int rings(const char *block, const char *generic)
{
	struct io_uring_query_unified q;
	int ret = sluice_query(&q);

	check(!ret && q.max_devs == IO_UNIFIED_MAX_DEVS && q.op_mask == 7,
	      "query: %s", strerror(-ret));
	test_region(generic, 0, false);
	test_region(generic, 0, true);
	test_region(generic, IO_UNIFIED_REG_POLL, false);
	test_ifq(block);
	printf("%d failures\n", failures);
	return !!failures;
}

/*
 * Receive
 */
static int accept_on(int port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), rcvbuf = 1 << 20, on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	if (fd < 0 || bind(fd, (void *)&addr, sizeof(addr)) || listen(fd, 1))
		err(1, "port %d", port);
	fprintf(stderr, "listening\n");
	return accept(fd, NULL, NULL);
}

/* Each piece goes to the file, and back */
static int receive(const char *ifname, int queue, int port, const char *file)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= 64,
		.cq_entries	= 64,
		.region_size	= sluice_region_size(64, 64, 4 << 20),
		.net_ifindex	= if_nametoindex(ifname),
		.net_rxq	= queue,
	};
	struct io_uring ring = ring_create(IORING_SETUP_SINGLE_ISSUER |
					   IORING_SETUP_DEFER_TASKRUN |
					   IORING_SETUP_CQE32);
	struct io_uring_cqe *done = NULL;
	struct io_unified_stats st;
	struct io_unified_cqe *cqe;
	struct io_unified_sqe *sqe;
	struct sluice_region r;
	FILE *out = fopen(file, "w");
	__u64 off = 0;
	int fd, ret;

	ret = sluice_region_register(&ring, &r, &reg);
	if (ret)
		errx(1, "register: %s", strerror(-ret));
	fd = accept_on(port);
	if (fd < 0 || !out)
		err(1, "accept");
	sluice_prep_unified_recv_multishot(io_uring_get_sqe(&ring),
					   IORING_UNIFIED_OP_NETWORK, fd, 4096, 0, 0);
	io_uring_submit(&ring);

	while (!done || !sluice_peek_cqe(&r, &cqe)) {
		const struct __kernel_timespec ts = { .tv_nsec = 1000 * 1000 };

		ret = sluice_wait_cqe_timeout(&r, &cqe, &ts);
		if (ret && ret != -ETIME)
			errx(1, "wait: %s", strerror(-ret));
		while (!sluice_peek_cqe(&r, &cqe)) {
			if (!(cqe->flags & IO_UNIFIED_CQE_F_RECORD) ||
			    cqe->result64 != off || cqe->len > BUF_SIZE)
				errx(1, "piece at %llu: flags %#x status %#x result %d",
				     off, cqe->flags, cqe->status, cqe->result);
			fwrite(sluice_offset_addr(&r, cqe->dma_addr), 1, cqe->len, out);
			off += cqe->len;
			while (!(sqe = sluice_get_sqe(&r)))
				sluice_submit(&r);
			sluice_prep_return(sqe, cqe->dma_addr);
			sluice_cqe_seen(&r, cqe);
		}
		sluice_submit(&r);
		if (!done && io_uring_peek_cqe(&ring, &done))
			done = NULL;
	}
	if (done->res)
		errx(1, "receive: %s", strerror(-done->res));
	io_uring_cqe_seen(&ring, done);
	fclose(out);
	ret = sluice_stats(&r, &st);
	check(!ret && sluice_stats_conserved(&st) &&
	      st.passed.bytes == off && !st.in_flight.bytes && !st.sq_invalid,
	      "%llu bytes in %llu records passed", st.passed.bytes, st.passed.bufs);
	check(!sluice_region_unregister(&r), "nothing is held");
	sluice_region_exit(&r);
	return !!failures;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(argv[1], "rings"))
		return rings(argv[2], argv[3]);
	if (argc == 6 && !strcmp(argv[1], "receive"))
		return receive(argv[2], atoi(argv[3]), atoi(argv[4]), argv[5]);
	return 2;
}
