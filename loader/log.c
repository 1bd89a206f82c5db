// SPDX-License-Identifier: GPL-2.0
/*
 * record --format log: any number of streams, with an index of what went where.
 *
 * Each connection is a request of its own.  The stage `place` decides where its
 * commands go, and reports those that are written by a ring buffer; from these
 * reports the index is made.
 *
 * Each NIC queue has a region and a ring.  The first is this thread's, which also
 * accepts, and writes the index; each of the others has a thread, to which streams
 * are handed over by messages from ring to ring.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "net.h"
#include "output.h"
#include "pin.h"
#include "pipeline.h"
#include "privileges.h"
#include "service.h"

#define OPEN_MAX_STREAMS	64	/* at once */
#define RCVBUF_MIN		32768
#define RCVBUF_LIMIT		(512u << 20)	/* the kernel doubles it in an int */
#define FLUSH_NS		1000000000ll

/* Of the index, what is not for extents */
#define STREAMS_SHARE	8

/*
 * Streams
 */

/* Has the sender ended the stream, or may there be more? */
static bool has_more(int fd)
{
	struct tcp_info info = { };
	socklen_t len = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) &&
	       info.tcpi_state == TCP_ESTABLISHED;
}

static void shut_streams(struct log *log)
{
	for (unsigned long long i = 0; i < log->nr_streams; i++) {
		struct log_stream *s = &log->streams[i];

		if (s->fd < 0)
			continue;
		/* also when it ended after an earlier time */
		s->stopped |= has_more(s->fd);
		shutdown(s->fd, SHUT_RD);
	}
}

static void close_listener(struct log *log)
{
	if (log->in.listen_fd < 0)
		return;
	/* who comes later is refused; a request that waits for one, ends */
	shutdown(log->in.listen_fd, SHUT_RD);
	close(log->in.listen_fd);
	log->in.listen_fd = -1;
}

void log_stop(struct log *log)
{
	log->stopping = true;
	close_listener(log);
	shut_streams(log);
}

static bool want_more(const struct log *log)
{
	if (log->stopping || log->nr_streams == log->max_streams)
		return false;
	return !log->opt->streams || log->nr_streams < log->opt->streams;
}

static void submit_accept(struct log *log)
{
	struct io_uring_sqe *sqe;

	if (!want_more(log)) {
		close_listener(log);
		return;
	}
	if (log->accepting || log->nr_open == log->max_open)
		return;
	sqe = region_get_sqe(&log->rings[0].region);
	/* one that is reset before it is looked at has no name any more */
	log->peer_len = sizeof(log->peer);
	io_uring_prep_accept(sqe, log->in.listen_fd, (struct sockaddr *)&log->peer,
			     &log->peer_len, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, REQ(REQ_ACCEPT));
	log->accepting = true;
}

static int new_stream(struct log *log, int fd)
{
	unsigned long long nr = log->nr_streams;
	struct log_stream *s;

	/* room for twice as many at each power of two */
	if (!(nr & (nr - 1))) {
		s = realloc(log->streams, (nr ? nr * 2 : 1) * sizeof(*s));
		if (!s)
			return -ENOMEM;
		log->streams = s;
	}
	s = &log->streams[nr];
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->ring = log_find_ring(log, fd);
	s->peer = log->peer;
	if (!nr)
		clock_gettime(CLOCK_MONOTONIC, &log->in.start);
	log->nr_streams++;
	log->nr_open++;
	return 0;
}

static void on_accept(struct log *log, int fd)
{
	log->accepting = false;
	if (fd >= 0 && (!want_more(log) || new_stream(log, fd))) {
		close(fd);
	} else if (fd >= 0) {
		log_index_begin(log, log->nr_streams);
		log_start_stream(log, log->nr_streams);
	} else if (!log->stopping) {
		/* again when a stream has ended, or a second later */
		note("a connection has to wait: %s%s", strerror(-fd),
		     fd == -EMFILE ? "; 'ulimit -n' raises the limit" : "");
		return;
	}
	submit_accept(log);
}

/* A request would keep the connection open */
static void unwatch_stream(struct log *log, unsigned long long id)
{
	struct io_uring_sqe *sqe = region_get_sqe(&log->rings[0].region);

	io_uring_prep_cancel64(sqe, REQ(REQ_DATA) | id, 0);
	io_uring_sqe_set_data64(sqe, REQ(REQ_CANCEL));
}

static void on_stream_end(struct log *log, unsigned long long id, int result)
{
	struct log_stream *s = &log->streams[id - 1];

	log_done_drain(log);
	s->result = result < 0 ? result : 0;
	log_index_end(log, id);
	if (s->watched)
		unwatch_stream(log, id);
	note("stream %llu: %s, %llu bytes written", id,
	     s->result ? strerror(-s->result) : s->stopped ? "stopped" : "complete",
	     s->bytes);
	close(s->fd);
	s->fd = -1;
	log->nr_open--;
	/* what the others have to write, has no room either */
	if (s->result == -ENOSPC)
		log_stop(log);
	submit_accept(log);
}

/*
 * Run
 */

/* The first signal ends the streams after what came by now, the second at once */
static void on_signal(struct log *log)
{
	if (log->stopping) {
		log_cancel_streams(log);
		return;
	}
	service_stopping();
	if (log->nr_open)
		note("stopping: writing what has been received (again to cancel)");
	log_stop(log);
	run_signals_wait(&log->signals, &log->rings[0].region, REQ(REQ_SIGNAL));
}

static bool on_completion(void *arg, const struct io_uring_cqe *cqe)
{
	unsigned long long id = cqe->user_data;
	struct log *log = arg;

	if (!(id >> 63)) {
		on_stream_end(log, id, cqe->res);
		goto out;
	}
	switch (REQ_KIND(id)) {
	case REQ_SIGNAL:
		if (cqe->res > 0)
			on_signal(log);
		break;
	case REQ_ACCEPT:
		on_accept(log, cqe->res);
		break;
	case REQ_DONE:
		ring_buffer__consume(log->done);
		log_done_wait(log);
		break;
	case REQ_INDEX:
		index_complete(&log->index, cqe);
		log_index_fail(log, log->index.error);
		break;
	case REQ_ENDED:
		on_stream_end(log, REQ_ID(id), cqe->res);
		break;
	case REQ_SENT:
		/* another ring will not hear of it */
		if (REQ_ID(id))
			on_stream_end(log, REQ_ID(id), cqe->res);
		break;
	case REQ_DATA:
		log->streams[REQ_ID(id) - 1].watched = false;
		break;
	}
out:
	if (log->nr_open || want_more(log))
		return false;
	if (!log->finishing) {
		log->finishing = true;
		log_done_drain(log);
		index_flush(&log->index);
	}
	return index_idle(&log->index);
}

long long log_elapsed_ns(const struct log *log)
{
	return log->nr_streams ? elapsed_ns(&log->in.start) : 0;
}

static void show_progress(const struct log *log)
{
	struct io_unified_stats s;
	double secs = log_elapsed_ns(log) / 1e9;

	if (!run_progress_due())
		return;
	log_stats(log, &s);
	progress("%u streams, received %s (%s/s), dropped %s, written %s, copied %s",
		 log->nr_open, human_bytes(s.rx.bytes),
		 human_bytes(s.rx.bytes / (secs ?: 1)), human_bytes(s.dropped.bytes),
		 human_bytes(s.written.bytes), human_bytes(s.copied_bytes));
}

static bool watch_stages(struct log *log)
{
	bool ended = false;

	for (unsigned int i = 0; i < log->nr_rings; i++)
		ended |= run_stages_watch(&log->rings[i].stages, false);
	return ended;
}

static void explain_stages(struct log *log)
{
	bool canceled = false;

	for (unsigned long long i = 0; i < log->nr_streams; i++)
		canceled |= log->streams[i].result == -ECANCELED;
	/* what one ring's stage has said need not be waited for at the others */
	for (unsigned int i = 0; i < log->nr_rings; i++)
		canceled &= !run_stages_explain(&log->rings[i].stages, canceled);
}

static void on_tick(void *arg)
{
	struct log *log = arg;

	if (watch_stages(log) && log->opt->stage_exit == STAGE_EXIT_STOP &&
	    !log->stopping)
		log_stop(log);
	if (elapsed_ns(&log->flushed) >= FLUSH_NS) {
		index_flush(&log->index);
		submit_accept(log);
		clock_gettime(CLOCK_MONOTONIC, &log->flushed);
	}
	show_progress(log);
}

/* A completion for the next data of stream @id; true: there was no such request */
static bool watch_stream(struct log *log, unsigned long long id)
{
	struct log_stream *s = &log->streams[id - 1];
	struct io_uring_sqe *sqe;

	if (s->fd < 0 || s->watched)
		return false;
	sqe = region_get_sqe(&log->rings[0].region);
	io_uring_prep_poll_add(sqe, s->fd, POLLIN);
	io_uring_sqe_set_data64(sqe, REQ(REQ_DATA) | id);
	s->watched = true;
	return true;
}

/* As with one stream, see record.c; and who could not be accepted is tried again */
static bool moves(void *arg)
{
	struct io_unified_stats s;
	struct log *log = arg;
	bool armed = false;

	log_stats(log, &s);
	if (memcmp(&s, &log->seen, sizeof(s)) || !index_idle(&log->index) ||
	    (!log->accepting && want_more(log) && log->nr_open < log->max_open)) {
		log->seen = s;
		return true;
	}
	for (unsigned long long id = 1; id <= log->nr_streams; id++)
		armed |= watch_stream(log, id);
	return armed;
}

static int run(struct log *log)
{
	const struct run_loop loop = {
		.region = &log->rings[0].region, .arg = log,
		.complete = on_completion, .progress = on_tick, .moves = moves,
	};

	run_listening(log->opt->in.listen, log->in.port);
	run_signals_wait(&log->signals, &log->rings[0].region, REQ(REQ_SIGNAL));
	log_done_wait(log);
	submit_accept(log);
	return run_loop(&loop);
}

/*
 * Open and close
 */

static int open_geometry(struct log *log)
{
	const struct recording_super *s = &log->geo.devs[0];
	struct index_params p = { .rotate = log->opt->rotate };

	if (geometry_init(&log->geo, log->opt, &log->devs,
			  log->opt->in.region_size * log->nr_rings))
		return -1;
	memcpy(p.uuid, s->uuid, sizeof(p.uuid));
	p.block_size = s->block_size;
	p.nr_devs = log->opt->mirror ? log->devs.nr : 1;
	p.start = s->index_start;
	p.units = s->index_blocks / (SLUICE_FORMAT_UNIT / s->block_size);
	index_init(&log->index, &p, &log->rings[0].region, REQ(REQ_INDEX));
	log->max_streams = log->opt->rotate ? UINT64_MAX :
			   geometry_entries(&log->geo) / STREAMS_SHARE / 2;
	return 0;
}

/* Those of the other rings are pinned beside those of the first */
static int open_ring_stages(struct log *log, struct log_ring *ring,
			    const struct place_params *p)
{
	int ring_fd = ring->region.ring.ring_fd, ret;

	pin_ring(ring->nr);
	ring->stages.required = log->opt->stage_exit == STAGE_EXIT_STOP;
	ret = run_stages_open(&ring->stages, &log->opt->stages, "record", ring_fd);
	if (!ret) {
		ring->place = place_open(p, ring_fd, log->rings[0].place);
		ret = ring->place ? 0 : -1;
	}
	pin_ring(0);
	return ret;
}

static int open_stages(struct log *log)
{
	unsigned long long entries = geometry_entries(&log->geo);
	struct place_params p = {
		.log = true, .mirror = log->opt->mirror, .durable = log->opt->durable,
		.rotate = log->opt->rotate, .nr_devs = log->devs.nr,
		.max_extents = entries - entries / STREAMS_SHARE,
	};

	for (unsigned int i = 0; i < log->devs.nr; i++) {
		p.start[i] = log->geo.devs[i].data_start;
		p.blocks[i] = log->geo.devs[i].data_blocks;
	}
	for (unsigned int i = 0; i < log->nr_rings; i++) {
		if (open_ring_stages(log, &log->rings[i], &p))
			return -1;
		if (i && pipeline_add_ring(log->rings[i].region.ring.ring_fd))
			return -1;
	}
	return log_done_open(log);
}

/* All that may be open at once fit into the region */
static int open_network(struct log *log)
{
	const struct record_options *o = log->opt;
	unsigned int queues[OPTION_LIST_MAX];
	unsigned long long rcvbuf;

	for (unsigned int i = 0; i < o->queues.nr; i++)
		queues[i] = o->queues.items[i];
	log->max_open = OPEN_MAX_STREAMS;
	if (o->streams && o->streams < log->max_open)
		log->max_open = o->streams;
	rcvbuf = o->in.region_size / 8 / log->max_open;
	rcvbuf = rcvbuf < RCVBUF_MIN ? RCVBUF_MIN : rcvbuf;
	rcvbuf = rcvbuf > RCVBUF_LIMIT ? RCVBUF_LIMIT : rcvbuf;
	log->in.listen_fd = net_listen(o->in.listen, rcvbuf, &log->in.port);
	if (log->in.listen_fd < 0)
		return -1;
	if (o->in.xdp == XDP_USE_OFF)
		return 0;
	log->in.xdp = xdp_open_queues(log->in.ifindex, o->in.dev, o->in.xdp,
				      queues, o->queues.nr, log->in.port);
	return log->in.xdp ? 0 : -1;
}

/* From here on, what was on the devices is gone */
static int write_superblocks(struct log *log)
{
	unsigned char unit[SLUICE_FORMAT_UNIT];
	int ret;

	for (unsigned int dev = 0; dev < log->devs.nr; dev++) {
		geometry_superblock(&log->geo, dev, unit);
		ret = index_write_unit(&log->index, dev, log->opt->lba, unit);
		if (ret)
			return error("writing the superblock of %s: %s; the kernel log ('dmesg') says why",
				     log->devs.list[dev].node, strerror(-ret));
	}
	return 0;
}

/* What takes privileges again, done by the process that has kept them */
static void log_undo(void *arg)
{
	struct log *log = arg;

	xdp_close(log->in.xdp);
	pin_close();
}

static int check_queues(const struct log *log)
{
	const struct record_options *o = log->opt;
	int queues = net_rx_queues(o->in.dev);

	/* the first has been looked at */
	for (unsigned int i = 1; i < o->queues.nr && queues >= 0; i++)
		if (o->queues.items[i] >= (unsigned int)queues)
			return error("--queue %llu: %s has %d; 'ethtool -l %s' tells, 'ethtool -L' adds",
				     o->queues.items[i], o->in.dev, queues, o->in.dev);
	return 0;
}

static int log_open(struct log *log)
{
	const struct record_options *o = log->opt;

	if (stream_check(&log->in, &o->in) || privileges_check(o->user) ||
	    devs_check(&log->devs, &o->nvme, o->lba, o->force) ||
	    check_queues(log) || run_signals_open(&log->signals) ||
	    devs_open(&log->devs) || log_rings_open(log) || open_geometry(log) ||
	    pin_open(o->name, log->rings[0].region.ring.ring_fd) ||
	    open_stages(log) || open_network(log) || write_superblocks(log) ||
	    privileges_drop(o->user, log_undo, log) || log_rings_run(log))
		return -1;
	return 0;
}

static void log_close(struct log *log)
{
	for (unsigned long long i = 0; i < log->nr_streams; i++)
		if (log->streams[i].fd >= 0)
			close(log->streams[i].fd);
	service_stopping();
	if (privileges_undo())
		xdp_forget(log->in.xdp);
	stream_close(&log->in);
	log_rings_quit(log);
	ring_buffer__free(log->done);
	log_rings_close(log);
	pin_close();
	devs_close(&log->devs);
	index_free(&log->index);
	free(log->streams);
}

int log_record(const struct record_options *opt)
{
	struct log log = { .opt = opt, .in = { .listen_fd = -1, .fd = -1 } };
	int ret = log_open(&log);

	if (!ret)
		ret = run(&log);
	if (!ret) {
		explain_stages(&log);
		ret = log_summary(&log);
	}
	log_close(&log);
	return ret ? 1 : 0;
}
