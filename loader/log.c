// SPDX-License-Identifier: GPL-2.0
/*
 * record --format log: any number of streams, with an index of what went where.
 *
 * Each connection is a request of its own.  The stage `place` decides where its
 * commands go, and reports those that are written by a ring buffer; from these
 * reports the index is made.
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "geometry.h"
#include "index.h"
#include "net.h"
#include "output.h"
#include "pin.h"
#include "privileges.h"
#include "record.h"
#include "run.h"
#include "service.h"

#define OPEN_MAX_STREAMS	64	/* at once */
#define LOG_ENTRIES		512	/* of the region: commands for all of them */
#define RCVBUF_MIN		32768
#define RCVBUF_LIMIT		(512u << 20)	/* the kernel doubles it in an int */
#define FLUSH_NS		1000000000ll

/* user_data: the stream's number, or one of these, with something below */
#define REQ(kind)	(1ull << 63 | (unsigned long long)(kind) << 48)
#define REQ_KIND(data)	((data) >> 48 & 0x7fff)
enum { REQ_SIGNAL = 1, REQ_CANCEL, REQ_ACCEPT, REQ_DONE, REQ_INDEX };

/* Of the index, what is not for extents */
#define STREAMS_SHARE	8

struct log_stream {
	int			fd;	/* -1: ended */
	struct sockaddr_storage	peer;
	unsigned long long	bytes;	/* written */
	int			result;	/* 0 or -errno */
};

struct log {
	const struct record_options *opt;
	struct stream		in;
	struct devs		devs;
	struct region		region;
	struct run_stages	stages;
	struct place		*place;
	struct run_signals	signals;
	struct geometry		geo;
	struct index		index;
	struct ring_buffer	*done;

	/* number 1 is streams[0] */
	struct log_stream	*streams;
	unsigned long long	nr_streams;
	unsigned long long	max_streams;	/* that the index has room for */
	unsigned int		nr_open;
	unsigned int		max_open;
	bool			accepting;	/* the request is in flight */
	bool			stopping;
	bool			finishing;	/* no stream is left, none will come */
	int			index_error;	/* -errno */
	struct timespec		flushed;
};

/*
 * Index
 */

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void shut_streams(struct log *log)
{
	for (unsigned long long i = 0; i < log->nr_streams; i++)
		if (log->streams[i].fd >= 0)
			shutdown(log->streams[i].fd, SHUT_RD);
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

static void stop(struct log *log)
{
	log->stopping = true;
	close_listener(log);
	shut_streams(log);
}

/* What is not in the index cannot be found again: nothing more of it */
static void fail_index(struct log *log, int err)
{
	if (!err || log->index_error)
		return;
	log->index_error = err;
	stop(log);
}

static void add_entry(struct log *log, struct sluice_entry *entry)
{
	if (!log->index_error)
		fail_index(log, index_add(&log->index, entry));
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
static void drain_done(struct log *log)
{
	struct ring *ring = ring_buffer__ring(log->done, 0);

	do {
		ring_buffer__consume(log->done);
	} while (ring__avail_data_size(ring));
}

static void wait_done(struct log *log)
{
	struct io_uring_sqe *sqe = region_get_sqe(&log->region);

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

static void index_begin(struct log *log, unsigned long long id)
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

static void index_end(struct log *log, unsigned long long id)
{
	const struct log_stream *s = &log->streams[id - 1];
	struct sluice_entry entry = {
		.kind = htole16(SLUICE_ENTRY_END), .stream = htole64(id),
		.end = {
			.time_ns = htole64(now_ns()), .bytes = htole64(s->bytes),
			.error = htole32(-s->result),
		},
	};

	add_entry(log, &entry);
}

/*
 * Streams
 */

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
	sqe = region_get_sqe(&log->region);
	io_uring_prep_accept(sqe, log->in.listen_fd, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, REQ(REQ_ACCEPT));
	log->accepting = true;
}

static void submit_stream(struct log *log, unsigned long long id)
{
	struct io_uring_sqe *sqe = region_get_sqe(&log->region);

	sluice_prep_unified_recv_multishot(sqe, IORING_UNIFIED_OP_NETWORK |
					   IORING_UNIFIED_OP_BPF |
					   IORING_UNIFIED_OP_NVME,
					   log->streams[id - 1].fd,
					   log->opt->in.record_size, 0,
					   IORING_UNIFIED_F_FLUSH);
	io_uring_sqe_set_data64(sqe, id);
}

static int new_stream(struct log *log, int fd)
{
	unsigned long long nr = log->nr_streams;
	struct log_stream *s;
	socklen_t len = sizeof(s->peer);

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
	getpeername(fd, (struct sockaddr *)&s->peer, &len);
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
		index_begin(log, log->nr_streams);
		submit_stream(log, log->nr_streams);
	} else if (fd == -EMFILE || fd == -ENFILE) {
		note("a connection has to wait: %s; 'ulimit -n' raises the limit",
		     strerror(-fd));
	}
	submit_accept(log);
}

static void on_stream_end(struct log *log, unsigned long long id, int result)
{
	struct log_stream *s = &log->streams[id - 1];

	drain_done(log);
	s->result = result < 0 ? result : 0;
	index_end(log, id);
	note("stream %llu: %s, %llu bytes written", id,
	     s->result ? strerror(-s->result) : "complete", s->bytes);
	close(s->fd);
	s->fd = -1;
	log->nr_open--;
	/* what the others have to write, has no room either */
	if (s->result == -ENOSPC)
		stop(log);
	submit_accept(log);
}

/*
 * Run
 */

static void cancel_streams(struct log *log)
{
	struct io_uring_sqe *sqe;

	for (unsigned long long id = 1; id <= log->nr_streams; id++) {
		if (log->streams[id - 1].fd < 0)
			continue;
		sqe = region_get_sqe(&log->region);
		io_uring_prep_cancel64(sqe, id, 0);
		io_uring_sqe_set_data64(sqe, REQ(REQ_CANCEL));
	}
}

/* The first signal ends the streams after what came by now, the second at once */
static void on_signal(struct log *log)
{
	if (log->stopping) {
		cancel_streams(log);
		return;
	}
	service_stopping();
	if (log->nr_open)
		note("stopping: writing what has been received (again to cancel)");
	stop(log);
	run_signals_wait(&log->signals, &log->region, REQ(REQ_SIGNAL));
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
		wait_done(log);
		break;
	case REQ_INDEX:
		index_complete(&log->index, cqe);
		fail_index(log, log->index.error);
		break;
	}
out:
	if (log->nr_open || want_more(log))
		return false;
	if (!log->finishing) {
		log->finishing = true;
		drain_done(log);
		index_flush(&log->index);
	}
	return index_idle(&log->index);
}

static void total_stats(const struct log *log, struct io_unified_stats *s)
{
	region_stats(&log->region, s);
}

static long long duration(const struct log *log)
{
	return log->nr_streams ? elapsed_ns(&log->in.start) : 0;
}

static void show_progress(const struct log *log)
{
	struct io_unified_stats s;
	double secs = duration(log) / 1e9;

	if (!run_progress_due())
		return;
	total_stats(log, &s);
	progress("%u streams, received %s (%s/s), dropped %s, written %s, copied %s",
		 log->nr_open, human_bytes(s.rx.bytes),
		 human_bytes(s.rx.bytes / (secs ?: 1)), human_bytes(s.dropped.bytes),
		 human_bytes(s.written.bytes), human_bytes(s.copied_bytes));
}

static void on_tick(void *arg)
{
	struct log *log = arg;

	if (elapsed_ns(&log->flushed) >= FLUSH_NS) {
		index_flush(&log->index);
		clock_gettime(CLOCK_MONOTONIC, &log->flushed);
	}
	show_progress(log);
}

static int run(struct log *log)
{
	const struct run_loop loop = {
		.region = &log->region, .arg = log,
		.complete = on_completion, .progress = on_tick,
	};

	run_listening(log->opt->in.listen, log->in.port);
	run_signals_wait(&log->signals, &log->region, REQ(REQ_SIGNAL));
	wait_done(log);
	submit_accept(log);
	return run_loop(&loop);
}

/*
 * Open and close
 */

static int open_region(struct log *log)
{
	struct region_params p = {
		.nvme = log->devs.list[0].node,
		.entries = LOG_ENTRIES, .user_bufs = INDEX_BUFS, .map = true,
	};

	if (devs_open(&log->devs))
		return -1;
	stream_region(&log->in, &p);
	p.nvme_fd = log->devs.list[0].fd;
	if (region_open(&log->region, &p))
		return -1;
	return devs_register(&log->devs, &log->region);
}

static int open_geometry(struct log *log)
{
	const struct recording_super *s = &log->geo.devs[0];
	struct index_params p = { .rotate = log->opt->rotate };

	if (geometry_init(&log->geo, log->opt, &log->devs, log->opt->in.region_size))
		return -1;
	memcpy(p.uuid, s->uuid, sizeof(p.uuid));
	p.block_size = s->block_size;
	p.nr_devs = log->opt->mirror ? log->devs.nr : 1;
	p.start = s->index_start;
	p.units = s->index_blocks / (SLUICE_FORMAT_UNIT / s->block_size);
	index_init(&log->index, &p, &log->region, REQ(REQ_INDEX));
	log->max_streams = log->opt->rotate ? UINT64_MAX :
			   geometry_entries(&log->geo) / STREAMS_SHARE / 2;
	return 0;
}

static int open_place(struct log *log)
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
	log->place = place_open(&p, log->region.ring.ring_fd, NULL);
	if (!log->place)
		return -1;
	log->done = ring_buffer__new(place_done_fd(log->place), on_extent, log, NULL);
	return log->done ? 0 : error("mapping the stage's ring buffer: %s",
				     strerror(errno));
}

/* All that may be open at once fit into the region */
static int open_network(struct log *log)
{
	const struct record_options *o = log->opt;
	unsigned long long rcvbuf;

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
	log->in.xdp = xdp_open(log->in.ifindex, o->in.dev, o->in.xdp,
			       o->in.queue, log->in.port);
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

static int log_open(struct log *log)
{
	const struct record_options *o = log->opt;

	if (stream_check(&log->in, &o->in) || privileges_check(o->user) ||
	    devs_check(&log->devs, &o->nvme, o->lba, o->force) ||
	    run_signals_open(&log->signals) || open_region(log) ||
	    open_geometry(log) || pin_open(o->name, log->region.ring.ring_fd) ||
	    run_stages_open(&log->stages, &o->stages, "record",
			    log->region.ring.ring_fd) ||
	    open_place(log) || open_network(log) || write_superblocks(log) ||
	    privileges_drop(o->user, log_undo, log))
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
	ring_buffer__free(log->done);
	place_close(log->place);
	run_stages_close(&log->stages);
	pin_close();
	region_close(&log->region);
	devs_close(&log->devs);
	index_free(&log->index);
	free(log->streams);
}

/*
 * Summary
 */

static unsigned long long nr_failed(const struct log *log)
{
	unsigned long long nr = 0;

	for (unsigned long long i = 0; i < log->nr_streams; i++)
		nr += log->streams[i].result != 0;
	return nr;
}

static struct json_object *streams_json(const struct log *log)
{
	struct json_object *list = json_object_new_array(), *obj;

	for (unsigned long long i = 0; i < log->nr_streams; i++) {
		const struct log_stream *s = &log->streams[i];

		obj = json_object_new_object();
		json_add_u64(obj, "id", i + 1);
		json_add_u64(obj, "bytes", s->bytes);
		json_add_str(obj, "result", s->result ? strerror(-s->result) : "ok");
		json_object_array_add(list, obj);
	}
	return list;
}

static void summary_json(const struct log *log, const struct io_unified_stats *s)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "pipeline", log->opt->name);
	json_add_str(obj, "format", "log");
	json_add_str(obj, "uuid", recording_uuid(log->geo.devs[0].uuid));
	json_add_str(obj, "layout", record_layouts[log->opt->layout]);
	json_add_u64(obj, "devices", log->devs.nr);
	json_add_stats(obj, s);
	json_add_u64(obj, "start_lba", log->opt->lba);
	json_add_u64(obj, "block_size", log->geo.devs[0].block_size);
	json_add_u64(obj, "record_size", log->opt->in.record_size);
	json_add_u64(obj, "region_size", log->opt->in.region_size);
	json_add_u64(obj, "duration_ns", duration(log));
	json_object_object_add(obj, "streams", streams_json(log));
	json_object_object_add(obj, "stages", run_stages_json(&log->stages));
	if (log->in.xdp)
		json_object_object_add(obj, "xdp", xdp_json(log->in.xdp));
	json_print(obj);
}

static void summary_text(const struct log *log, const struct io_unified_stats *s)
{
	printf("%s: %llu streams in %.2f s\n", log->opt->name, log->nr_streams,
	       duration(log) / 1e9);
	printf("  received %12llu bytes in %llu records\n", s->rx.bytes, s->rx.bufs);
	printf("  dropped  %12llu bytes in %llu records\n", s->dropped.bytes,
	       s->dropped.bufs);
	printf("  written  %12llu bytes in %llu records, %llu commands\n",
	       s->written.bytes, s->written.bufs, s->nvme_cmds);
	printf("  failed   %12llu bytes\n  copied   %12llu bytes\n",
	       s->failed.bytes, s->copied_bytes);
	run_stages_print(&log->stages);
	if (log->in.xdp)
		xdp_print(log->in.xdp);
}

static int check_streams(const struct log *log, const struct io_unified_stats *s)
{
	unsigned long long i = 0, nr = nr_failed(log);

	if (!nr)
		return 0;
	while (!log->streams[i].result)
		i++;
	if (log->streams[i].result == -ENOSPC)
		return error("the recording is full: %llu bytes received were not written; give it more space, or --rotate",
			     s->failed.bytes);
	return error("%llu of %llu streams ended early, the first was stream %llu: %s; %llu bytes received were not written",
		     nr, log->nr_streams, i + 1, strerror(-log->streams[i].result),
		     s->failed.bytes);
}

static int check_index(const struct log *log)
{
	unsigned long long lost = place_lost(log->place);
	int err = log->index_error;

	if (err == -ENOSPC)
		return error("the index is full: what was written last cannot be read; give a larger --index-size, or --rotate");
	if (err)
		return error("writing the index of %s: %s; what was written last cannot be read",
			     log->devs.list[0].node, strerror(-err));
	if (lost)
		return error("%llu extents are not in the index: their reports found no room; what they have cannot be read",
			     lost);
	if (log->nr_streams == log->max_streams && !log->stopping)
		return error("the index has room for %llu streams, and they have come; give a larger --index-size, or --rotate",
			     log->max_streams);
	return 0;
}

static int summary(const struct log *log)
{
	struct io_unified_stats s;

	total_stats(log, &s);
	if (json_output)
		summary_json(log, &s);
	else
		summary_text(log, &s);
	fflush(stdout);
	if (check_index(log) || check_streams(log, &s))
		return -1;
	return run_check_stats(&s);
}

int log_record(const struct record_options *opt)
{
	struct log log = { .opt = opt, .in = { .listen_fd = -1, .fd = -1 } };
	int ret = log_open(&log);

	if (!ret)
		ret = run(&log);
	if (!ret)
		ret = summary(&log);
	log_close(&log);
	return ret ? 1 : 0;
}
