// SPDX-License-Identifier: GPL-2.0
/*
 * tcp2nvme: one TCP stream to an NVMe namespace, without copying it and
 * without BPF.  The smallest program that uses a unified region.
 *
 *	NIC queue --zcrx--> region --passthrough--> NVMe
 *
 * Usage: tcp2nvme IF QUEUE NVME PORT [RECORD [LBA]]
 *
 * The NIC must split headers (ethtool -G IF tcp-data-split on hds-thresh 0) and
 * steer the port to the queue (ethtool -N IF flow-type tcp4 dst-port PORT
 * action QUEUE).  The namespace is overwritten from LBA on.
 *
 * What it does well: it shows every step of the set-up.  What it does not do:
 * filter, look at what is on the device first, or more than one connection;
 * `sluice record` does.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sluice/sluice.h>

#define REGION_SIZE	(32 << 20)

static int listen_on(int port)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6, .sin6_port = htons(port),
	};
	/* less than the region, or the NIC would run out of buffers first */
	int rcvbuf = REGION_SIZE / 8, on = 1;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	if (fd < 0 || bind(fd, (void *)&addr, sizeof(addr)) || listen(fd, 1))
		err(1, "port %d", port);
	return fd;
}

static void region_create(struct io_uring *ring, struct sluice_region *region,
			  const char *ifname, int queue, const char *nvme)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries	= 64,
		.cq_entries	= 64,
		.region_size	= REGION_SIZE,
		.nvme_fd	= open(nvme, O_RDWR),
		.net_ifindex	= if_nametoindex(ifname),
		.net_rxq	= queue,
	};
	int ret;

	if (reg.nvme_fd < 0)
		err(1, "%s", nvme);
	if (!reg.net_ifindex)
		err(1, "%s", ifname);
	ret = sluice_region_register(ring, region, &reg);
	if (ret)
		errx(1, "register region: %s queue %d, %s: %s", ifname, queue, nvme,
		     strerror(-ret));
	close(reg.nvme_fd);	/* the region has its own reference */
}

static int receive(struct io_uring *ring, int fd, unsigned int record, __u64 lba)
{
	struct io_uring_cqe *cqe;
	int ret;

	sluice_prep_unified_recv_multishot(io_uring_get_sqe(ring),
					   IORING_UNIFIED_OP_NETWORK |
					   IORING_UNIFIED_OP_NVME, fd, record, lba,
					   IORING_UNIFIED_F_FLUSH);
	do {
		ret = io_uring_submit_and_wait(ring, 1);
	} while (ret == -EINTR);
	if (ret < 0 || io_uring_peek_cqe(ring, &cqe))
		errx(1, "io_uring_enter: %s", strerror(-ret));
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

int main(int argc, char **argv)
{
	struct io_unified_stats st;
	struct sluice_region region;
	struct io_uring ring;
	int lfd, fd, ret;

	if (argc < 5)
		errx(2, "usage: tcp2nvme IF QUEUE NVME PORT [RECORD [LBA]]");
	ret = io_uring_queue_init(8, &ring, IORING_SETUP_SINGLE_ISSUER |
				  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32);
	if (ret)
		errx(1, "io_uring: %s", strerror(-ret));
	region_create(&ring, &region, argv[1], atoi(argv[2]), argv[3]);

	lfd = listen_on(atoi(argv[4]));
	fprintf(stderr, "listening\n");
	fd = accept(lfd, NULL, NULL);
	if (fd < 0)
		err(1, "accept");
	ret = receive(&ring, fd, argc > 5 ? atoi(argv[5]) : 4096,
		      argc > 6 ? strtoull(argv[6], NULL, 0) : 0);

	sluice_stats(&region, &st);
	printf("received %llu written %llu failed %llu in flight %llu copied %llu padded %llu commands %llu stalls %llu\n",
	       st.rx.bytes, st.written.bytes, st.failed.bytes,
	       st.in_flight.bytes, st.copied_bytes, st.padded_bytes,
	       st.nvme_cmds, st.rx_stalls);
	sluice_region_exit(&region);
	if (ret)
		errx(1, "%s", strerror(-ret));
	return 0;
}
