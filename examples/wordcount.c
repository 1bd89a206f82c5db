// SPDX-License-Identifier: GPL-2.0
/*
 * wordcount: `wc` of a TCP stream, counted where the NIC has put it.
 *
 *	NIC queue --zcrx--> region --records--> this program
 *
 * Usage: wordcount IF QUEUE PORT [RECORD]
 *
 * The NIC must split headers (ethtool -G IF tcp-data-split on hds-thresh 0) and
 * steer the port to the queue (ethtool -N IF flow-type tcp4 dst-port PORT
 * action QUEUE).  Prints lines, words and bytes when the sender closes.
 *
 * What it does well: it shows how a program gets records, waits for them, and
 * gives the memory back.  What it does not do: filter, which is for stages, or
 * words of other alphabets: like `LC_ALL=C wc` it takes bytes for characters.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sluice/sluice.h>

#define REGION_SIZE	(32 << 20)
#define ENTRIES		256	/* of the region's SQ and CQ */

struct count {
	unsigned long long	lines;
	unsigned long long	words;
	unsigned long long	bytes;
	/*
	 * Does the byte before belong to a word?  It may have been in another
	 * piece, or in another record: neither TCP nor the NIC knows of words.
	 */
	bool			in_word;
};

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void count_piece(struct count *count, const char *data, __u32 len)
{
	for (__u32 i = 0; i < len; i++) {
		const bool in_word = !is_space(data[i]);

		/* a word is counted where it begins */
		count->words += in_word && !count->in_word;
		count->lines += data[i] == '\n';
		count->in_word = in_word;
	}
	count->bytes += len;
}

static int accept_on(int port)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6, .sin6_port = htons(port),
	};
	/* less than the region, or the NIC would run out of buffers first */
	int rcvbuf = REGION_SIZE / 8, on = 1, fd;
	int lfd = socket(AF_INET6, SOCK_STREAM, 0);

	setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(lfd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	if (lfd < 0 || bind(lfd, (void *)&addr, sizeof(addr)) || listen(lfd, 1))
		err(1, "port %d", port);
	fprintf(stderr, "listening\n");
	fd = accept(lfd, NULL, NULL);
	if (fd < 0)
		err(1, "accept");
	close(lfd);
	return fd;
}

/* A NIC queue is all that the region has; there is no NVMe in this */
static void region_create(struct io_uring *ring, struct sluice_region *region,
			  const char *ifname, int queue)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= ENTRIES,
		.cq_entries	= ENTRIES,
		.region_size	= REGION_SIZE,
		.net_ifindex	= if_nametoindex(ifname),
		.net_rxq	= queue,
	};
	int ret;

	if (!reg.net_ifindex)
		err(1, "%s", ifname);
	ret = sluice_region_register(ring, region, &reg);
	if (ret)
		errx(1, "register region: %s queue %d: %s", ifname, queue,
		     strerror(-ret));
}

/* The NIC may use the memory again; sluice_submit() tells the kernel of many */
static void give_back(struct sluice_region *region, __u64 offset)
{
	struct io_unified_sqe *sqe;

	while (!(sqe = sluice_get_sqe(region)))
		sluice_submit(region);
	sluice_prep_return(sqe, offset);
}

/*
 * Each CQE is a piece of a record that lies in one place; what arrived in several
 * packets comes as several, all but the last of a record with
 * IO_UNIFIED_CQE_F_MORE.  Who wants whole records collects until that is missing.
 * A count can take one piece after the other, and so needs no memory of its own.
 */
static void count_pieces(struct sluice_region *region, struct count *count)
{
	struct io_unified_cqe *cqe;

	do {
		while (!sluice_peek_cqe(region, &cqe)) {
			count_piece(count, sluice_offset_addr(region, cqe->dma_addr),
				    cqe->len);
			give_back(region, cqe->dma_addr);
			sluice_cqe_seen(region, cqe);
		}
		sluice_submit(region);
		/* a system call may have brought some more */
	} while (sluice_cq_ready(region));
}

/*
 * Until there may be something new.  Pieces come in the region's CQ, of which
 * io_uring_enter() knows nothing, so it cannot wait for them; poll(2) can: the
 * ring is readable when it has work to do, and here that is what has been
 * received.  io_uring_get_events() does it.
 */
static void wait_for_data(struct io_uring *ring)
{
	struct pollfd pfd = { .fd = ring->ring_fd, .events = POLLIN };
	int ret;

	if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
		err(1, "poll");
	ret = io_uring_get_events(ring);
	if (ret < 0 && ret != -EINTR)
		errx(1, "io_uring_enter: %s", strerror(-ret));
}

/* Until the end of the stream; returns 0, or -errno of what ended it early */
static int count_stream(struct io_uring *ring, struct sluice_region *region, int fd,
			unsigned int record, struct count *count)
{
	struct io_uring_cqe *cqe;
	int ret;

	sluice_prep_unified_recv_multishot(io_uring_get_sqe(ring),
					   IORING_UNIFIED_OP_NETWORK, fd, record, 0, 0);
	ret = io_uring_submit(ring);
	if (ret < 0)
		errx(1, "io_uring_enter: %s", strerror(-ret));
	/* nothing that enters the kernel may be between the look and the wait */
	while (!io_uring_cq_ready(ring)) {
		wait_for_data(ring);
		count_pieces(region, count);
	}
	/* its only CQE, which comes after all pieces */
	io_uring_peek_cqe(ring, &cqe);
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

int main(int argc, char **argv)
{
	struct count count = { };
	struct sluice_region region;
	struct io_unified_stats st;
	struct io_uring ring;
	int ret;

	if (argc < 4)
		errx(2, "usage: wordcount IF QUEUE PORT [RECORD]");
	ret = io_uring_queue_init(8, &ring, IORING_SETUP_SINGLE_ISSUER |
				  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32);
	if (ret)
		errx(1, "io_uring: %s", strerror(-ret));
	region_create(&ring, &region, argv[1], atoi(argv[2]));
	ret = count_stream(&ring, &region, accept_on(atoi(argv[3])),
			   argc > 4 ? atoi(argv[4]) : 4096, &count);

	sluice_stats(&region, &st);
	printf("%llu %llu %llu\n", count.lines, count.words, count.bytes);
	fprintf(stderr, "received %llu passed %llu failed %llu in flight %llu copied %llu\n",
		st.rx.bytes, st.passed.bytes, st.failed.bytes, st.in_flight.bytes,
		st.copied_bytes);
	sluice_region_exit(&region);
	if (ret)
		errx(1, "%s", strerror(-ret));
	return 0;
}
