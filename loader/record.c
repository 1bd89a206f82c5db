// SPDX-License-Identifier: GPL-2.0
/*
 * record: network -> stages -> NVMe.
 *
 * Everything is opened in the order in which data meets it, and closed in the
 * opposite one, whatever ends the run.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "devs.h"
#include "options.h"
#include "output.h"
#include "pin.h"
#include "privileges.h"
#include "record.h"
#include "region.h"
#include "run.h"
#include "service.h"
#include "stream.h"
#include "verbs.h"

/* user_data of the requests in flight */
enum { REQ_STREAM = 1, REQ_SIGNAL, REQ_CANCEL, REQ_DATA };

static const char * const formats[] = { "raw", "log", NULL };
const char * const record_layouts[] = { "stripe", "mirror", NULL };

#define OPT(field)	offsetof(struct record_options, field)
static const struct option_desc options[] = {
	STREAM_OPTIONS(struct record_options, in),
	{ "queue", 0, OPT_NUMBERS, OPT(queues), "N",
	  "its receive queue; repeatable with --format log", true, .max = UINT_MAX },
	{ "nvme", 'n', OPT_LIST, OPT(nvme), "DEV",
	  "namespace to write, /dev/nvme0n1 or /dev/ng0n1; repeatable", true },
	{ "stage", 's', OPT_LIST, OPT(stages), "STAGE",
	  "NAME[:KEY=VALUE,...], see 'sluice stage list'; repeatable, in order" },
	STAGE_EXIT_OPTION(struct record_options, stage_exit),
	{ "format", 0, OPT_ENUM, OPT(format), "FORMAT",
	  "a stream as it is, or any number of them, with an index",
	  .def = "raw", .values = formats },
	{ "streams", 0, OPT_NUMBER, OPT(streams), "N",
	  "log: streams to record, 0: until SIGINT", .def = "1" },
	{ "layout", 0, OPT_ENUM, OPT(layout), "LAYOUT", "of several namespaces",
	  .def = "stripe", .values = record_layouts },
	{ "durable", 0, OPT_FLAG, OPT(durable), NULL,
	  "written is what is on stable media (Force Unit Access)" },
	{ "rotate", 0, OPT_FLAG, OPT(rotate), NULL,
	  "log: overwrite the oldest data when the space is used up" },
	{ "index-size", 0, OPT_SIZE, OPT(index_size), "BYTES",
	  "log: space for the index (1/64, 64K or more)" },
	{ "lba", 0, OPT_NUMBER, OPT(lba), "N", "first block to write", .def = "0" },
	{ "name", 0, OPT_STRING, OPT(name), "NAME", "folder below " PIN_ROOT,
	  .def = "record" },
	{ "user", 0, OPT_STRING, OPT(user), "USER",
	  "become that user when everything is set up" },
	{ "force", 'f', OPT_FLAG, OPT(force), NULL,
	  "overwrite a file system or partition table" },
	{ }
};

static const struct verb_desc verb = {
	"record", "",
	"Receive TCP streams by zero copy, let stages filter them, and write what they\n"
	"leave to NVMe namespaces. Ends with the last stream, or on SIGINT after what\n"
	"has been received is written.",
	options,
};

struct record {
	struct record_options	opt;
	struct stream		in;
	struct devs		devs;
	struct region		region;
	struct run_stages	stages;
	struct place		*place;		/* where that is not just the next block */
	struct run_signals	signals;
	struct io_unified_stats	seen;		/* a second ago */
	bool			watching;	/* a request waits for data */
	bool			stopping;
	int			result;		/* of the stream, 0 or -errno */
};

/* Everything that can be told to be wrong before anything is touched */
static int check_options(struct record *rec)
{
	const struct record_options *o = &rec->opt;

	if (stream_check(&rec->in, &o->in) || privileges_check(o->user))
		return -1;
	return devs_check(&rec->devs, &o->nvme, o->lba, o->force);
}

static int open_region(struct record *rec)
{
	struct region_params p = { .nvme = rec->opt.nvme.items[0] };

	stream_region(&rec->in, &p);
	if (devs_open(&rec->devs))
		return -1;
	p.nvme_fd = rec->devs.list[0].fd;
	if (region_open(&rec->region, &p))
		return -1;
	return devs_register(&rec->devs, &rec->region);
}

static int open_place(struct record *rec)
{
	const struct place_params p = {
		.mirror = rec->opt.mirror, .durable = rec->opt.durable,
		.nr_devs = rec->devs.nr,
	};

	if (!p.durable && p.nr_devs == 1)
		return 0;
	rec->place = place_open(&p, rec->region.ring.ring_fd, NULL);
	return rec->place ? 0 : -1;
}

/* What takes privileges again, done by the process that has kept them */
static void record_undo(void *arg)
{
	struct record *rec = arg;

	xdp_close(rec->in.xdp);
	pin_close();
}

static int record_open(struct record *rec)
{
	rec->stages.required = rec->opt.stage_exit == STAGE_EXIT_STOP;
	if (check_options(rec) || run_signals_open(&rec->signals) || open_region(rec) ||
	    pin_open(rec->opt.name, rec->region.ring.ring_fd) ||
	    run_stages_open(&rec->stages, &rec->opt.stages, "record",
			    rec->region.ring.ring_fd) ||
	    open_place(rec) || stream_listen(&rec->in) ||
	    privileges_drop(rec->opt.user, record_undo, rec))
		return -1;
	return 0;
}

static void record_close(struct record *rec)
{
	service_stopping();
	if (privileges_undo())
		xdp_forget(rec->in.xdp);
	stream_close(&rec->in);
	place_close(rec->place);
	run_stages_close(&rec->stages);
	pin_close();
	region_close(&rec->region);
	devs_close(&rec->devs);
}

static void submit_stream(struct record *rec)
{
	struct io_uring_sqe *sqe = region_get_sqe(&rec->region);

	sluice_prep_unified_recv_multishot(sqe, IORING_UNIFIED_OP_NETWORK |
					   IORING_UNIFIED_OP_BPF |
					   IORING_UNIFIED_OP_NVME, rec->in.fd,
					   rec->opt.in.record_size, rec->opt.lba,
					   IORING_UNIFIED_F_FLUSH);
	io_uring_sqe_set_data64(sqe, REQ_STREAM);
}

/* The first signal ends the stream after what came by now, the second at once */
static void on_signal(struct record *rec)
{
	struct io_uring_sqe *sqe;

	if (!rec->stopping) {
		service_stopping();
		note("stopping: writing what has been received (again to cancel)");
		rec->stopping = true;
		shutdown(rec->in.fd, SHUT_RD);
		run_signals_wait(&rec->signals, &rec->region, REQ_SIGNAL);
		return;
	}
	sqe = region_get_sqe(&rec->region);
	io_uring_prep_cancel64(sqe, REQ_STREAM, 0);
	io_uring_sqe_set_data64(sqe, REQ_CANCEL);
}

static void show_progress(void *arg)
{
	const struct record *rec = arg;
	struct io_unified_stats s;
	double secs = stream_elapsed_ns(&rec->in) / 1e9;

	if (!run_progress_due())
		return;
	region_stats(&rec->region, &s);
	progress("received %s (%s/s), dropped %s, written %s, copied %s",
		 human_bytes(s.rx.bytes), human_bytes(s.rx.bytes / (secs ?: 1)),
		 human_bytes(s.dropped.bytes), human_bytes(s.written.bytes),
		 human_bytes(s.copied_bytes));
}

/* True when the stream has ended */
static bool on_completion(void *arg, const struct io_uring_cqe *cqe)
{
	struct record *rec = arg;

	switch (cqe->user_data) {
	case REQ_STREAM:
		rec->result = cqe->res;
		return true;
	case REQ_SIGNAL:
		if (cqe->res > 0)
			on_signal(rec);
		break;
	case REQ_DATA:
		rec->watching = false;
		break;
	}
	return false;
}

/*
 * Records go their way without a completion.  When there have been none for a second,
 * data has to be waited for by a request of its own, and then none may have come before
 * that did.
 */
static bool moves(void *arg)
{
	struct record *rec = arg;
	struct io_unified_stats s;
	struct io_uring_sqe *sqe;

	region_stats(&rec->region, &s);
	if (memcmp(&s, &rec->seen, sizeof(s))) {
		rec->seen = s;
		return true;
	}
	if (rec->watching)
		return false;
	sqe = region_get_sqe(&rec->region);
	io_uring_prep_poll_add(sqe, rec->in.fd, POLLIN);
	io_uring_sqe_set_data64(sqe, REQ_DATA);
	rec->watching = true;
	return true;
}

static int run_stream(struct record *rec)
{
	const struct run_loop loop = {
		.region = &rec->region, .stages = &rec->stages, .arg = rec,
		.complete = on_completion, .progress = show_progress, .moves = moves,
	};

	submit_stream(rec);
	run_signals_wait(&rec->signals, &rec->region, REQ_SIGNAL);
	return run_loop(&loop);
}

static unsigned long long blocks(const struct record *rec,
				 const struct io_unified_stats *s)
{
	return (s->written.bytes + s->padded_bytes) / rec->region.ctrl->lba_size;
}

static void summary_json(const struct record *rec, const struct io_unified_stats *s,
			 long long ns)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "pipeline", rec->opt.name);
	json_add_str(obj, "result", rec->result ? strerror(-rec->result) : "ok");
	json_add_stats(obj, s);
	json_add_u64(obj, "start_lba", rec->opt.lba);
	json_add_u64(obj, "blocks", blocks(rec, s));
	json_add_u64(obj, "block_size", rec->region.ctrl->lba_size);
	json_add_u64(obj, "record_size", rec->opt.in.record_size);
	json_add_u64(obj, "region_size", rec->region.size);
	json_add_u64(obj, "duration_ns", ns);
	json_object_object_add(obj, "stages", run_stages_json(&rec->stages));
	if (rec->in.xdp)
		json_object_object_add(obj, "xdp", xdp_json(rec->in.xdp));
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
	run_stages_print(&rec->stages);
	if (rec->in.xdp)
		xdp_print(rec->in.xdp);
}

static int summary(struct record *rec)
{
	struct io_unified_stats s;
	long long ns = stream_elapsed_ns(&rec->in);

	run_stages_explain(&rec->stages, rec->result == -ECANCELED && !rec->stopping);
	region_stats(&rec->region, &s);
	if (json_output)
		summary_json(rec, &s, ns);
	else
		summary_text(rec, &s, ns);
	fflush(stdout);
	if (rec->result == -ENOSPC)
		return error("%s is full: %llu bytes received were not written",
			     rec->opt.nvme.items[0], s.failed.bytes);
	if (rec->result)
		return stream_ended_early(rec->result, s.failed.bytes);
	if (s.failed.bytes)
		return error("%llu bytes received were not written: %llu NVMe commands failed; the kernel log ('dmesg') says why",
			     s.failed.bytes, s.nvme_errors);
	return run_check_stats(&s);
}

/*
 * Options
 */

static int parse_layout(struct record_options *o)
{
	o->mirror = !strcmp(record_layouts[o->layout], "mirror");
	if (o->mirror && o->nvme.nr == 1)
		return error("--layout mirror needs more than one namespace; give --nvme for each");
	return 0;
}

/* What only a format with an index can do */
static int check_raw(const struct record_options *o)
{
	if (o->nvme.nr > 1 && !o->mirror)
		return error("--format raw writes one namespace, or the same to each with --layout mirror; to stripe use --format log");
	if (o->queues.nr > 1)
		return error("--format raw records one stream by one queue; give --queue once, or --format log");
	if (o->streams != 1)
		return error("--format raw records one stream; for --streams %llu use --format log",
			     o->streams);
	if (o->rotate)
		return error("--rotate needs an index; use --format log");
	if (o->index_size)
		return error("--format raw has no index; --index-size needs --format log");
	return 0;
}

/* 0: raw; 1: log; -1 after an error message */
static int parse_format(struct record_options *o)
{
	bool log = !strcmp(formats[o->format], "log");

	o->in.queue = o->queues.items[0];
	if (parse_layout(o) || (!log && check_raw(o)))
		return -1;
	return log;
}

static int raw_record(struct record *rec)
{
	int ret = record_open(rec);

	if (!ret)
		ret = stream_accept(&rec->in, rec->signals.fd);
	if (ret > 0)
		ret = run_stream(rec);
	if (!ret)
		ret = summary(rec);
	record_close(rec);
	return ret ? 1 : 0;
}

int do_record(int argc, char **argv)
{
	struct record rec = { };
	int ret = options_parse(&verb, &rec.opt, argc, argv);

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	ret = parse_format(&rec.opt);
	if (ret < 0)
		return EXIT_USAGE;
	return ret ? log_record(&rec.opt) : raw_record(&rec);
}
