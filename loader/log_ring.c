// SPDX-License-Identifier: GPL-2.0
/*
 * The rings of a recording.  Each but the first is opened, used and closed by its
 * thread, as the kernel wants it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "netdev.h"
#include "output.h"
#include "privileges.h"

#define LOG_ENTRIES	512	/* of the region: commands for all that may be open */

static void submit_stream(struct log_ring *ring, unsigned long long id, int fd)
{
	struct io_uring_sqe *sqe = region_get_sqe(&ring->region);

	sluice_prep_unified_recv_multishot(sqe, IORING_UNIFIED_OP_NETWORK |
					   IORING_UNIFIED_OP_BPF |
					   IORING_UNIFIED_OP_NVME, fd,
					   ring->log->opt->in.record_size, 0,
					   IORING_UNIFIED_F_FLUSH);
	io_uring_sqe_set_data64(sqe, id);
}

static void cancel_stream(struct log_ring *ring, unsigned long long id)
{
	struct io_uring_sqe *sqe = region_get_sqe(&ring->region);

	io_uring_prep_cancel64(sqe, id, 0);
	io_uring_sqe_set_data64(sqe, REQ(REQ_CANCEL));
}

/* A completion on @to, with @value as its result; one here if that fails */
static void send_message(struct log_ring *from, const struct log_ring *to,
			 unsigned int kind, unsigned long long id, unsigned int value)
{
	struct io_uring_sqe *sqe = region_get_sqe(&from->region);

	io_uring_prep_msg_ring(sqe, to->region.ring.ring_fd, value, REQ(kind) | id, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, REQ(REQ_SENT) | (kind == REQ_START ? id : 0));
}

static bool on_ring_completion(void *arg, const struct io_uring_cqe *cqe)
{
	unsigned long long data = cqe->user_data;
	struct log_ring *ring = arg;

	if (!(data >> 63)) {
		send_message(ring, &ring->log->rings[0], REQ_ENDED, data, cqe->res);
		return false;
	}
	switch (REQ_KIND(data)) {
	case REQ_START:
		submit_stream(ring, REQ_ID(data), cqe->res);
		break;
	case REQ_CANCEL_ID:
		cancel_stream(ring, REQ_ID(data));
		break;
	case REQ_QUIT:
		return true;
	}
	return false;
}

static int open_region(struct log_ring *ring)
{
	struct log *log = ring->log;
	struct region_params p = {
		.nvme = log->devs.list[0].node, .nvme_fd = log->devs.list[0].fd,
		.entries = LOG_ENTRIES,
		.flags = log->nr_rings > 1 ? IO_UNIFIED_REG_SHARE : 0,
		.user_bufs = ring->nr ? 0 : INDEX_BUFS, .map = !ring->nr,
	};

	stream_region(&log->in, &p);
	p.queue = ring->queue;
	if (region_open(&ring->region, &p))
		return -1;
	return devs_register(&log->devs, &ring->region);
}

/* Not by run_loop(): whether the service lives, is for the first ring to say */
static void ring_loop(struct log_ring *ring)
{
	const struct run_loop loop = {
		.region = &ring->region, .arg = ring, .complete = on_ring_completion,
	};
	int ret;

	do {
		ret = io_uring_submit_and_wait(&ring->region.ring, 1);
		if (ret < 0 && ret != -EINTR && ret != -EAGAIN && ret != -EBUSY) {
			error("io_uring: %s", strerror(-ret));
			/* the process that undoes, notices */
			_exit(1);
		}
	} while (!run_reap(&loop));
}

static void *ring_thread(void *arg)
{
	struct log_ring *ring = arg;

	ring->status = open_region(ring);
	sem_post(&ring->opened);
	sem_wait(&ring->go);
	if (!ring->abandoned) {
		ring->status = privileges_drop_thread();
		sem_post(&ring->opened);
		if (!ring->status)
			ring_loop(ring);
	}
	/* its stages go first */
	sem_wait(&ring->closing);
	region_close(&ring->region);
	return NULL;
}

static int start_ring(struct log_ring *ring)
{
	int ret;

	sem_init(&ring->opened, 0, 0);
	sem_init(&ring->go, 0, 0);
	sem_init(&ring->closing, 0, 0);
	ret = pthread_create(&ring->thread, NULL, ring_thread, ring);
	if (ret)
		return error("starting a thread for queue %u: %s", ring->queue,
			     strerror(ret));
	ring->started = true;
	while (sem_wait(&ring->opened))
		;
	return ring->status;
}

int log_rings_open(struct log *log)
{
	log->nr_rings = log->opt->queues.nr;
	for (unsigned int i = 0; i < log->nr_rings; i++) {
		struct log_ring *ring = &log->rings[i];

		ring->log = log;
		ring->nr = i;
		ring->queue = log->opt->queues.items[i];
		if (i ? start_ring(ring) : open_region(ring))
			return -1;
	}
	/* a queue that is taken may get another NAPI, so not before */
	for (unsigned int i = 0; i < log->nr_rings; i++)
		log->rings[i].napi_id = netdev_napi_id(log->in.ifindex,
						       log->rings[i].queue);
	return 0;
}

int log_rings_run(struct log *log)
{
	for (unsigned int i = 1; i < log->nr_rings; i++) {
		struct log_ring *ring = &log->rings[i];

		ring->running = true;
		sem_post(&ring->go);
		while (sem_wait(&ring->opened))
			;
		if (ring->status)
			return -1;
	}
	return 0;
}

void log_rings_quit(struct log *log)
{
	bool sent = false;

	for (unsigned int i = 1; i < log->nr_rings; i++) {
		struct log_ring *ring = &log->rings[i];

		if (ring->running && !ring->status) {
			send_message(&log->rings[0], ring, REQ_QUIT, 0, 0);
			sent = true;
		} else if (ring->started && !ring->running) {
			ring->abandoned = true;
			sem_post(&ring->go);
		}
	}
	if (sent)
		io_uring_submit(&log->rings[0].region.ring);
}

static void close_ring(struct log_ring *ring)
{
	place_close(ring->place);
	run_stages_close(&ring->stages);
	if (!ring->nr) {
		region_close(&ring->region);
	} else if (ring->started) {
		sem_post(&ring->closing);
		pthread_join(ring->thread, NULL);
	}
}

void log_rings_close(struct log *log)
{
	for (unsigned int i = log->nr_rings; i-- > 0;)
		close_ring(&log->rings[i]);
}

/*
 * Streams
 */

void log_start_stream(struct log *log, unsigned long long id)
{
	const struct log_stream *s = &log->streams[id - 1];
	struct log_ring *ring = &log->rings[s->ring];

	ring->nr_streams++;
	if (ring->nr)
		send_message(&log->rings[0], ring, REQ_START, id, s->fd);
	else
		submit_stream(ring, id, s->fd);
}

/* The one that has the queue by which its packets come, or else any */
unsigned int log_find_ring(const struct log *log, int fd)
{
	unsigned int id = 0;
	socklen_t len = sizeof(id);

	getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &len);
	for (unsigned int i = 0; id && i < log->nr_rings; i++)
		if (log->rings[i].napi_id == id)
			return i;
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there is one at least */
	return log->nr_streams % log->nr_rings;
}

void log_cancel_streams(struct log *log)
{
	for (unsigned long long id = 1; id <= log->nr_streams; id++) {
		const struct log_stream *s = &log->streams[id - 1];

		if (s->fd >= 0 && s->ring)
			send_message(&log->rings[0], &log->rings[s->ring],
				     REQ_CANCEL_ID, id, 0);
		else if (s->fd >= 0)
			cancel_stream(&log->rings[0], id);
	}
}

void log_stats(const struct log *log, struct io_unified_stats *s)
{
	struct io_unified_stats one;

	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < log->nr_rings; i++) {
		region_stats(&log->rings[i].region, &one);
		for (size_t k = 0; k < sizeof(one) / sizeof(__u64); k++)
			((__u64 *)s)[k] += ((const __u64 *)&one)[k];
	}
}
