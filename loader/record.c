// SPDX-License-Identifier: GPL-2.0
/*
 * record: network -> stages -> NVMe.
 *
 * Everything is opened in the order in which data meets it, and closed in the
 * opposite one, whatever ends the run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nvme.h"
#include "options.h"
#include "output.h"
#include "pin.h"
#include "privileges.h"
#include "region.h"
#include "run.h"
#include "service.h"
#include "stream.h"
#include "verbs.h"

/* user_data of the requests in flight */
enum { REQ_STREAM = 1, REQ_SIGNAL, REQ_CANCEL };

struct record_options {
	struct stream_options	in;
	const char		*nvme;
	struct option_list	stages;
	unsigned long long	lba;
	const char		*name;
	const char		*user;
	bool			force;
};

#define OPT(field)	offsetof(struct record_options, field)
static const struct option_desc options[] = {
	STREAM_OPTIONS(struct record_options, in),
	{ "nvme", 'n', OPT_STRING, OPT(nvme), "DEV",
	  "namespace to write, /dev/nvme0n1 or /dev/ng0n1", true },
	{ "stage", 's', OPT_LIST, OPT(stages), "STAGE",
	  "NAME[:KEY=VALUE,...], see 'sluice stage list'; repeatable, in order" },
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
	"Receive one TCP stream by zero copy, let stages filter it, and write what\n"
	"they leave to an NVMe namespace. Ends with the stream, or on SIGINT after\n"
	"what has been received is written.",
	options,
};

struct record {
	struct record_options	opt;
	struct stream		in;
	struct nvme_ns		ns;
	int			nvme_fd;
	struct region		region;
	struct run_stages	stages;
	struct run_signals	signals;
	bool			stopping;
	int			result;		/* of the stream, 0 or -errno */
};

/* Everything that can be told to be wrong before anything is touched */
static int check_options(struct record *rec)
{
	const struct record_options *o = &rec->opt;
	unsigned long long blocks;
	const char *why;

	if (stream_check(&rec->in, &o->in) || privileges_check(o->user) ||
	    nvme_find(&rec->ns, o->nvme))
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

static int open_region(struct record *rec)
{
	struct region_params p = { .nvme = rec->opt.nvme };

	stream_region(&rec->in, &p);
	p.nvme_fd = open(rec->opt.nvme, O_RDWR | O_CLOEXEC);
	if (p.nvme_fd < 0)
		return error("%s: %s%s", rec->opt.nvme, strerror(errno),
			     errno == EACCES ? "; run as root" : "");
	rec->nvme_fd = p.nvme_fd;
	return region_open(&rec->region, &p);
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
	if (check_options(rec) || run_signals_open(&rec->signals) || open_region(rec) ||
	    pin_open(rec->opt.name, rec->region.ring.ring_fd) ||
	    run_stages_open(&rec->stages, &rec->opt.stages, "record",
			    rec->region.ring.ring_fd) ||
	    stream_listen(&rec->in) ||
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
	run_stages_close(&rec->stages);
	pin_close();
	region_close(&rec->region);
	if (rec->nvme_fd >= 0)
		close(rec->nvme_fd);
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
	}
	return false;
}

static int run_stream(struct record *rec)
{
	const struct run_loop loop = {
		.region = &rec->region, .arg = rec,
		.complete = on_completion, .progress = show_progress,
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

static int summary(const struct record *rec)
{
	struct io_unified_stats s;
	long long ns = stream_elapsed_ns(&rec->in);

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
	return run_check_stats(&s);
}

int do_record(int argc, char **argv)
{
	struct record rec = {
		.nvme_fd = -1,
	};
	int ret = options_parse(&verb, &rec.opt, argc, argv);

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	ret = record_open(&rec);
	if (!ret)
		ret = stream_accept(&rec.in, rec.signals.fd);
	if (ret > 0)
		ret = run_stream(&rec);
	if (!ret)
		ret = summary(&rec);
	record_close(&rec);
	return ret ? 1 : 0;
}
