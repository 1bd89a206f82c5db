// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "log.h"
#include "output.h"

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* What is not in the index cannot be found again */
void log_index_fail(struct log *log, int err)
{
	if (!err || log->index_error)
		return;
	log->index_error = err;
	log_stop(log);
}

static void add_entry(struct log *log, struct sluice_entry *entry)
{
	if (!log->index_error)
		log_index_fail(log, index_add(&log->index, entry));
}

static int on_extent(void *arg, void *data, size_t size)
{
	const struct place_extent *e = data;
	struct log *log = arg;
	struct sluice_entry entry = {
		.kind = htole16(SLUICE_ENTRY_EXTENT), .dev = htole16(e->dev),
		.stream = htole64(e->stream),
		.extent = {
			.vblock = htole64(e->vblock), .block = htole64(e->block),
			.pos = htole64(e->pos), .blocks = htole32(e->blocks),
			.bytes = htole32(e->bytes), .crc = htole32(e->crc),
		},
	};

	if (size < sizeof(*e) || !e->stream || e->stream > log->nr_streams)
		return 0;
	log->streams[e->stream - 1].bytes += e->bytes;
	add_entry(log, &entry);
	return 0;
}

/* Also behind a report that another CPU is just making */
void log_done_drain(struct log *log)
{
	struct ring *ring = ring_buffer__ring(log->done, 0);

	do {
		ring_buffer__consume(log->done);
	} while (ring__avail_data_size(ring));
}

void log_done_wait(struct log *log)
{
	struct io_uring_sqe *sqe = region_get_sqe(&log->rings[0].region);

	io_uring_prep_poll_add(sqe, ring_buffer__epoll_fd(log->done), POLLIN);
	io_uring_sqe_set_data64(sqe, REQ(REQ_DONE));
}

/* IPv4 as IPv6 has it */
static void peer_address(const struct sockaddr_storage *peer, unsigned char *addr,
			 unsigned short *port)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;

	memset(addr, 0, 16);
	*port = 0;
	if (peer->ss_family == AF_INET6) {
		memcpy(addr, &v6->sin6_addr, 16);
		*port = ntohs(v6->sin6_port);
	} else if (peer->ss_family == AF_INET) {
		addr[10] = addr[11] = 0xff;
		memcpy(addr + 12, &v4->sin_addr, 4);
		*port = ntohs(v4->sin_port);
	}
}

void log_index_begin(struct log *log, unsigned long long id)
{
	struct sluice_entry entry = {
		.kind = htole16(SLUICE_ENTRY_BEGIN), .stream = htole64(id),
		.begin.time_ns = htole64(now_ns()),
	};
	unsigned short port;

	peer_address(&log->streams[id - 1].peer, entry.begin.addr, &port);
	entry.begin.port = htole16(port);
	add_entry(log, &entry);
}

void log_index_end(struct log *log, unsigned long long id)
{
	const struct log_stream *s = &log->streams[id - 1];
	struct sluice_entry entry = {
		.kind = htole16(SLUICE_ENTRY_END), .stream = htole64(id),
		.end = {
			.time_ns = htole64(now_ns()), .bytes = htole64(s->bytes),
			.error = htole32(s->stopped && !s->result ? EINTR : -s->result),
		},
	};

	add_entry(log, &entry);
}

int log_done_open(struct log *log)
{
	log->done = ring_buffer__new(place_done_fd(log->rings[0].place), on_extent, log,
				     NULL);
	return log->done ? 0 : error("mapping the stage's ring buffer: %s",
				     strerror(errno));
}
