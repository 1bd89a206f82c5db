// SPDX-License-Identifier: GPL-2.0
/*
 * record: network -> stages -> NVMe.
 *
 * Everything is opened in the order in which data meets it, and closed in the
 * opposite one, whatever ends the run.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net.h"
#include "nvme.h"
#include "options.h"
#include "output.h"
#include "pin.h"
#include "region.h"
#include "stage.h"
#include "verbs.h"
#include "xdp.h"

#define PRIO_STEP	100
#define PRIO_PIPELINE	1000000
#define RCVBUF_MAX	(512u << 20)	/* the kernel doubles it in an int */

/* user_data of the requests in flight */
enum { REQ_STREAM = 1, REQ_SIGNAL, REQ_CANCEL };

struct record_options {
	const char		*dev;
	unsigned long long	queue;
	const char		*nvme;
	const char		*listen;
	struct option_list	stages;
	unsigned long long	record_size;
	unsigned long long	region_size;
	unsigned long long	lba;
	const char		*name;
	int			xdp;		/* enum xdp_use */
	bool			force;
};

static const char * const xdp_modes[] = { "native", "skb", "off", NULL };

#define OPT(field)	offsetof(struct record_options, field)
static const struct option_desc options[] = {
	{ "dev", 'd', OPT_STRING, OPT(dev), "IF", "interface to receive on", true },
	{ "queue", 0, OPT_NUMBER, OPT(queue), "N", "its receive queue", true,
	  .max = UINT_MAX },
	{ "nvme", 'n', OPT_STRING, OPT(nvme), "DEV",
	  "namespace to write, /dev/nvme0n1 or /dev/ng0n1", true },
	{ "listen", 'l', OPT_STRING, OPT(listen), "ADDR:PORT",
	  "where to accept the stream", true },
	{ "stage", 's', OPT_LIST, OPT(stages), "STAGE",
	  "NAME[:KEY=VALUE,...], see 'sluice stage list'; repeatable, in order" },
	{ "record-size", 0, OPT_SIZE, OPT(record_size), "BYTES",
	  "what stages decide about at a time, 512 to 64K", .def = "4K" },
	{ "region-size", 0, OPT_SIZE, OPT(region_size), "BYTES",
	  "memory shared by NIC and NVMe", .def = "64M" },
	{ "lba", 0, OPT_NUMBER, OPT(lba), "N", "first block to write", .def = "0" },
	{ "name", 0, OPT_STRING, OPT(name), "NAME", "folder below " PIN_ROOT,
	  .def = "record" },
	{ "xdp", 0, OPT_ENUM, OPT(xdp), "MODE", "how XDP is attached",
	  .def = "native", .values = xdp_modes },
	{ "force", 'f', OPT_FLAG, OPT(force), NULL,
	  "overwrite a file system or partition table" },
	{ }
};

static const struct verb_desc verb = {
	"record", "",
	"Receive one TCP stream by zero copy, let stages filter it, and write what\n"
	"they leave to an NVMe namespace. Ends with the stream, or on SIGINT after\n"
	"what has been received is written.",
	options,
};

struct record {
	struct record_options	opt;
	struct nvme_ns		ns;
	int			nvme_fd;
	unsigned int		ifindex;
	struct region		region;
	struct stage		*stages[OPTION_LIST_MAX + 1];
	unsigned int		nr_stages;
	struct xdp		*xdp;
	int			listen_fd;
	unsigned short		port;
	int			conn_fd;
	int			signal_fd;
	struct signalfd_siginfo	siginfo;
	struct timespec		start;
	bool			stopping;
	int			result;		/* of the stream, 0 or -errno */
};

static long long elapsed_ns(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000000000ll +
	       now.tv_nsec - since->tv_nsec;
}

/* Everything that can be told to be wrong before anything is touched */
static int check_options(struct record *rec)
{
	const struct record_options *o = &rec->opt;
	unsigned long long blocks;
	const char *why;
	int queues;

	if (o->record_size && (o->record_size < 512 || o->record_size > 65536))
		return error("--record-size %llu is not within 512 and 65536 bytes",
			     o->record_size);
	rec->ifindex = net_ifindex(o->dev);
	if (!rec->ifindex)
		return -1;
	queues = net_rx_queues(o->dev);
	if (queues >= 0 && o->queue >= (unsigned int)queues)
		return error("--queue %llu: %s has %d; 'ethtool -l %s' tells, 'ethtool -L' adds",
			     o->queue, o->dev, queues, o->dev);
	if (nvme_find(&rec->ns, o->nvme))
		return -1;
	blocks = nvme_blocks(&rec->ns);
	if (blocks && o->lba >= blocks)
		return error("--lba %llu: %s ends at block %llu; give a lower one",
			     o->lba, o->nvme, blocks - 1);
	why = nvme_in_use(&rec->ns);
	if (why && !(o->force && strstr(why, "--force")))
		return error("%s", why);
	return 0;
}

static int open_signals(struct record *rec)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	rec->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return rec->signal_fd < 0 ? error("signalfd: %s", strerror(errno)) : 0;
}

static int open_region(struct record *rec)
{
	struct region_params p = {
		.ifname	 = rec->opt.dev,
		.ifindex = rec->ifindex,
		.queue	 = rec->opt.queue,
		.nvme	 = rec->opt.nvme,
		.size	 = rec->opt.region_size,
	};

	p.nvme_fd = open(rec->opt.nvme, O_RDWR | O_CLOEXEC);
	if (p.nvme_fd < 0)
		return error("%s: %s%s", rec->opt.nvme, strerror(errno),
			     errno == EACCES ? "; run as root" : "");
	rec->nvme_fd = p.nvme_fd;
	return region_open(&rec->region, &p);
}

static int open_stages(struct record *rec)
{
	int ring_fd = rec->region.ring.ring_fd;
	const struct option_list *specs = &rec->opt.stages;
	unsigned int i;

	for (i = 0; i <= specs->nr; i++) {
		bool last = i == specs->nr;
		struct stage *stage;

		stage = stage_open(last ? "record" : specs->items[i], ring_fd,
				   last ? PRIO_PIPELINE : (int)(i + 1) * PRIO_STEP,
				   last ? 0 : i + 1);
		if (!stage)
			return -1;
		rec->stages[rec->nr_stages++] = stage;
	}
	return 0;
}

static int open_network(struct record *rec)
{
	/* of the region, so that the window closes before the NIC runs dry */
	unsigned long long rcvbuf = rec->opt.region_size / 8;

	if (rcvbuf > RCVBUF_MAX)
		rcvbuf = RCVBUF_MAX;

	rec->listen_fd = net_listen(rec->opt.listen, rcvbuf, &rec->port);
	if (rec->listen_fd < 0)
		return -1;
	if (rec->opt.xdp != XDP_USE_OFF) {
		rec->xdp = xdp_open(rec->ifindex, rec->opt.dev, rec->opt.xdp,
				    rec->opt.queue, rec->port);
		if (!rec->xdp)
			return -1;
	}
	return 0;
}

static int record_open(struct record *rec)
{
	if (check_options(rec) || open_signals(rec) || open_region(rec) ||
	    pin_open(rec->opt.name, rec->region.ring.ring_fd) ||
	    open_stages(rec) || open_network(rec))
		return -1;
	return 0;
}

static void record_close(struct record *rec)
{
	if (rec->conn_fd >= 0)
		close(rec->conn_fd);
	xdp_close(rec->xdp);
	if (rec->listen_fd >= 0)
		close(rec->listen_fd);
	while (rec->nr_stages)
		stage_close(rec->stages[--rec->nr_stages]);
	pin_close();
	region_close(&rec->region);
	if (rec->nvme_fd >= 0)
		close(rec->nvme_fd);
}

/* 1: a connection; 0: a signal came first; -1 after an error message */
static int wait_connection(struct record *rec)
{
	struct pollfd fds[] = {
		{ .fd = rec->listen_fd, .events = POLLIN },
		{ .fd = rec->signal_fd, .events = POLLIN },
	};

	/* not by note(): scripts wait for this line; the port may have been 0 */
	fprintf(stderr, "sluice: listening on %.*s:%u\n",
		(int)(strrchr(rec->opt.listen, ':') - rec->opt.listen),
		rec->opt.listen, rec->port);
	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return error("poll: %s", strerror(errno));
	if (fds[1].revents)
		return 0;
	rec->conn_fd = accept4(rec->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (rec->conn_fd < 0)
		return error("accept: %s", strerror(errno));
	/* who comes later is refused, not left waiting with the region's memory */
	close(rec->listen_fd);
	rec->listen_fd = -1;
	clock_gettime(CLOCK_MONOTONIC, &rec->start);
	return 1;
}

static void submit_stream(struct record *rec)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&rec->region.ring);

	io_uring_prep_rw(IORING_OP_UNIFIED, sqe, rec->conn_fd, NULL,
			 rec->opt.record_size,
			 IORING_UNIFIED_OP_NETWORK | IORING_UNIFIED_OP_BPF |
			 IORING_UNIFIED_OP_NVME);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->rw_flags = IORING_UNIFIED_F_FLUSH;
	sqe->addr3 = rec->opt.lba;
	io_uring_sqe_set_data64(sqe, REQ_STREAM);
}

static void submit_signal(struct record *rec)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&rec->region.ring);

	io_uring_prep_read(sqe, rec->signal_fd, &rec->siginfo,
			   sizeof(rec->siginfo), 0);
	io_uring_sqe_set_data64(sqe, REQ_SIGNAL);
}

/* The first signal ends the stream after what came by now, the second at once */
static void on_signal(struct record *rec)
{
	struct io_uring_sqe *sqe;

	if (!rec->stopping) {
		note("stopping: writing what has been received (again to cancel)");
		rec->stopping = true;
		shutdown(rec->conn_fd, SHUT_RD);
		submit_signal(rec);
		return;
	}
	sqe = io_uring_get_sqe(&rec->region.ring);
	io_uring_prep_cancel64(sqe, REQ_STREAM, 0);
	io_uring_sqe_set_data64(sqe, REQ_CANCEL);
}

static void show_progress(const struct record *rec)
{
	struct io_unified_stats s;
	double secs = elapsed_ns(&rec->start) / 1e9;

	region_stats(&rec->region, &s);
	progress("received %s (%s/s), dropped %s, written %s, copied %s",
		 human_bytes(s.rx.bytes), human_bytes(s.rx.bytes / (secs ?: 1)),
		 human_bytes(s.dropped.bytes), human_bytes(s.written.bytes),
		 human_bytes(s.copied_bytes));
}

/* True when the stream has ended */
static bool on_completion(struct record *rec, const struct io_uring_cqe *cqe)
{
	switch (cqe->user_data) {
	case REQ_STREAM:
		rec->result = cqe->res;
		return true;
	case REQ_SIGNAL:
		if (cqe->res > 0)
			on_signal(rec);
		break;
	}
	return false;
}

static int run_stream(struct record *rec)
{
	struct io_uring *ring = &rec->region.ring;
	bool ended = false;

	submit_stream(rec);
	submit_signal(rec);
	while (!ended) {
		struct __kernel_timespec second = { .tv_sec = 1 };
		struct io_uring_cqe *cqe;
		int ret;

		ret = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &second, NULL);
		if (ret < 0 && ret != -ETIME && ret != -EINTR)
			return error("io_uring: %s", strerror(-ret));
		while (!ended && !io_uring_peek_cqe(ring, &cqe)) {
			ended = on_completion(rec, cqe);
			io_uring_cqe_seen(ring, cqe);
		}
		show_progress(rec);
	}
	progress_end();
	return 0;
}

static void add_count(struct json_object *obj, const char *name,
		      const struct io_unified_count *count)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_records", name);
	json_add_u64(obj, key, count->bufs);
	snprintf(key, sizeof(key), "%s_bytes", name);
	json_add_u64(obj, key, count->bytes);
}

static unsigned long long blocks(const struct record *rec,
				 const struct io_unified_stats *s)
{
	return (s->written.bytes + s->padded_bytes) / rec->region.ctrl->lba_size;
}

static void summary_json(const struct record *rec, const struct io_unified_stats *s,
			 long long ns)
{
	struct json_object *obj = json_object_new_object(), *stages;

	json_add_str(obj, "pipeline", rec->opt.name);
	json_add_str(obj, "result", rec->result ? strerror(-rec->result) : "ok");
	add_count(obj, "received", &s->rx);
	add_count(obj, "dropped", &s->dropped);
	add_count(obj, "written", &s->written);
	add_count(obj, "passed", &s->passed);
	add_count(obj, "failed", &s->failed);
	add_count(obj, "in_flight", &s->in_flight);
	json_add_bool(obj, "conserved", sluice_stats_conserved(s));
	json_add_u64(obj, "copied_bytes", s->copied_bytes);
	json_add_u64(obj, "padded_bytes", s->padded_bytes);
	json_add_u64(obj, "nvme_cmds", s->nvme_cmds);
	json_add_u64(obj, "nvme_errors", s->nvme_errors);
	json_add_u64(obj, "rx_stalls", s->rx_stalls);
	json_add_u64(obj, "stage_errors", s->stage_errors);
	json_add_u64(obj, "start_lba", rec->opt.lba);
	json_add_u64(obj, "blocks", blocks(rec, s));
	json_add_u64(obj, "block_size", rec->region.ctrl->lba_size);
	json_add_u64(obj, "record_size", rec->opt.record_size);
	json_add_u64(obj, "region_size", rec->region.size);
	json_add_u64(obj, "duration_ns", ns);
	stages = json_object_new_array();
	for (unsigned int i = 0; i < rec->nr_stages; i++)
		json_object_array_add(stages, stage_json(rec->stages[i]));
	json_object_object_add(obj, "stages", stages);
	if (rec->xdp)
		json_object_object_add(obj, "xdp", xdp_json(rec->xdp));
	json_print(obj);
}

static void summary_text(const struct record *rec, const struct io_unified_stats *s,
			 long long ns)
{
	printf("%s: %s in %.2f s\n", rec->opt.name,
	       rec->result ? strerror(-rec->result) : "end of stream", ns / 1e9);
	printf("  received %12llu bytes in %llu records\n", s->rx.bytes, s->rx.bufs);
	printf("  dropped  %12llu bytes in %llu records\n", s->dropped.bytes, s->dropped.bufs);
	printf("  written  %12llu bytes in %llu records, %llu commands, %llu blocks of %u from %llu on\n",
	       s->written.bytes, s->written.bufs, s->nvme_cmds, blocks(rec, s),
	       rec->region.ctrl->lba_size, rec->opt.lba);
	printf("  failed   %12llu bytes\n  copied   %12llu bytes\n",
	       s->failed.bytes, s->copied_bytes);
	for (unsigned int i = 0; i < rec->nr_stages; i++)
		stage_print(rec->stages[i]);
	if (rec->xdp)
		xdp_print(rec->xdp);
}

static int summary(const struct record *rec)
{
	struct io_unified_stats s;
	long long ns = rec->conn_fd < 0 ? 0 : elapsed_ns(&rec->start);

	region_stats(&rec->region, &s);
	if (json_output)
		summary_json(rec, &s, ns);
	else
		summary_text(rec, &s, ns);
	fflush(stdout);
	if (rec->result == -ENOSPC)
		return error("%s is full: %llu bytes received were not written",
			     rec->opt.nvme, s.failed.bytes);
	if (rec->result)
		return error("the stream ended early: %s; %llu bytes received were not written",
			     strerror(-rec->result), s.failed.bytes);
	if (s.failed.bytes)
		return error("%llu bytes received were not written: %llu NVMe commands failed; the kernel log ('dmesg') says why",
			     s.failed.bytes, s.nvme_errors);
	if (s.stage_errors)
		return error("stages answered %llu times with what is no verdict here; those records were dropped",
			     s.stage_errors);
	if (!sluice_stats_conserved(&s) || s.in_flight.bufs)
		return error("the kernel's counters do not add up; please report it with the summary");
	return 0;
}

int do_record(int argc, char **argv)
{
	struct record rec = {
		.nvme_fd = -1, .listen_fd = -1, .conn_fd = -1, .signal_fd = -1,
	};
	int ret = options_parse(&verb, &rec.opt, argc, argv);

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	ret = record_open(&rec);
	if (!ret)
		ret = wait_connection(&rec);
	if (ret > 0)
		ret = run_stream(&rec);
	if (!ret)
		ret = summary(&rec);
	record_close(&rec);
	return ret ? 1 : 0;
}
