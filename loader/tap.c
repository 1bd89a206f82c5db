// SPDX-License-Identifier: GPL-2.0
/*
 * tap: network -> stages -> application, here a file or a pipe.
 *
 * What the stages let through stays where the NIC has put it.  The pieces are
 * written from there, in batches, one write at a time: the next batch gathers in
 * the region's CQ meanwhile.  A piece goes back to the NIC as soon as it is
 * written, and not before: who reads slowly makes the reception stop, the TCP
 * window close and the sender wait, but loses nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "pin.h"
#include "privileges.h"
#include "region.h"
#include "run.h"
#include "service.h"
#include "stream.h"
#include "verbs.h"

/* Pieces written at once, and entries of the region's queues */
#define TAP_BATCH	512

/* user_data of the requests in flight */
enum { REQ_STREAM = 1, REQ_SIGNAL, REQ_CANCEL, REQ_WRITE, REQ_ROOM };

struct tap_options {
	struct stream_options	in;
	struct option_list	stages;
	const char		*output;
	int			stage_exit;	/* enum stage_exit */
	const char		*name;
	const char		*user;
};

#define OPT(field)	offsetof(struct tap_options, field)
static const struct option_desc options[] = {
	STREAM_OPTIONS(struct tap_options, in),
	STREAM_QUEUE_OPTION(struct tap_options, in),
	{ "stage", 's', OPT_LIST, OPT(stages), "STAGE",
	  "NAME[:KEY=VALUE,...], see 'sluice stage list'; repeatable, in order" },
	STAGE_EXIT_OPTION(struct tap_options, stage_exit),
	{ "output", 'o', OPT_STRING, OPT(output), "FILE",
	  "write there (standard output)" },
	{ "name", 0, OPT_STRING, OPT(name), "NAME", "folder below " PIN_ROOT,
	  .def = "tap" },
	{ "user", 0, OPT_STRING, OPT(user), "USER",
	  "become that user when everything is set up" },
	{ }
};

static const struct verb_desc verb = {
	"tap", "",
	"Receive one TCP stream by zero copy, let stages filter it, and write what\n"
	"they leave to standard output, from the memory that the NIC filled. Ends\n"
	"with the stream, or on SIGINT after what has been received is written.",
	options,
};

struct tap {
	struct tap_options	opt;
	struct stream		in;
	struct region		region;
	struct run_stages	stages;
	struct run_signals	signals;
	int			out_fd;
	off_t			out_pos;	/* where to write next; -1: no file */
	/* being written: of @nr pieces, those before @first have been */
	struct iovec		iov[TAP_BATCH];
	unsigned long long	offsets[TAP_BATCH];
	unsigned int		first;
	unsigned int		nr;
	bool			stopping;
	bool			ended;		/* the stream, with @result */
	int			result;		/* 0 or -errno */
	int			write_error;	/* the same, of the output */
	unsigned long long	written;
	unsigned long long	lost;		/* passed, but not written */
};

static const char *output_name(const struct tap *tap)
{
	return tap->opt.output ?: "standard output";
}

/*
 * When the data goes to standard output, the rest of what this process prints
 * goes to standard error.
 */
static int open_output(struct tap *tap)
{
	const char *file = tap->opt.output;

	if (file) {
		tap->out_fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (tap->out_fd < 0)
			return error("--output %s: %s", file, strerror(errno));
	} else {
		tap->out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (tap->out_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
			return error("standard output: %s; it is where the data goes, or give --output FILE",
				     strerror(errno));
	}
	tap->out_pos = lseek(tap->out_fd, 0, SEEK_CUR);
	return 0;
}

static void close_output(struct tap *tap)
{
	if (tap->out_fd < 0)
		return;
	/* whoever has the same file open goes on behind */
	if (tap->out_pos >= 0)
		lseek(tap->out_fd, tap->out_pos, SEEK_SET);
	close(tap->out_fd);
}

static int open_region(struct tap *tap)
{
	struct region_params p = { .entries = TAP_BATCH, .map = true };

	stream_region(&tap->in, &p);
	return region_open(&tap->region, &p);
}

/* What takes privileges again, done by the process that has kept them */
static void tap_undo(void *arg)
{
	struct tap *tap = arg;

	xdp_close(tap->in.xdp);
	pin_close();
}

static int tap_open(struct tap *tap)
{
	tap->stages.required = tap->opt.stage_exit == STAGE_EXIT_STOP;
	if (stream_check(&tap->in, &tap->opt.in) ||
	    privileges_check(tap->opt.user) || run_signals_open(&tap->signals) ||
	    open_region(tap) ||
	    pin_open(tap->opt.name, tap->region.ring.ring_fd) ||
	    run_stages_open(&tap->stages, &tap->opt.stages, NULL,
			    tap->region.ring.ring_fd) ||
	    stream_listen(&tap->in) || open_output(tap) ||
	    privileges_drop(tap->opt.user, tap_undo, tap))
		return -1;
	return 0;
}

static void tap_close(struct tap *tap)
{
	service_stopping();
	if (privileges_undo())
		xdp_forget(tap->in.xdp);
	stream_close(&tap->in);
	run_stages_close(&tap->stages);
	pin_close();
	region_close(&tap->region);
	close_output(tap);
}

static void submit_stream(struct tap *tap)
{
	struct io_uring_sqe *sqe = region_get_sqe(&tap->region);

	sluice_prep_unified_recv_multishot(sqe, IORING_UNIFIED_OP_NETWORK |
					   IORING_UNIFIED_OP_BPF, tap->in.fd,
					   tap->opt.in.record_size, 0, 0);
	io_uring_sqe_set_data64(sqe, REQ_STREAM);
}

static void cancel(struct tap *tap, unsigned long long user_data)
{
	struct io_uring_sqe *sqe = region_get_sqe(&tap->region);

	io_uring_prep_cancel64(sqe, user_data, 0);
	io_uring_sqe_set_data64(sqe, REQ_CANCEL);
}

/* The first signal ends the stream after what came by now, the second at once */
static void on_signal(struct tap *tap)
{
	if (!tap->stopping) {
		note("stopping: writing what has been received (again to cancel)");
		tap->stopping = true;
		service_stopping();
		shutdown(tap->in.fd, SHUT_RD);
		run_signals_wait(&tap->signals, &tap->region, REQ_SIGNAL);
		return;
	}
	/* the write may wait for a reader who never comes, so that ends, too */
	tap->write_error = -ECANCELED;
	cancel(tap, REQ_STREAM);
	cancel(tap, REQ_WRITE);
	cancel(tap, REQ_ROOM);
}

/*
 * Pieces and batches
 */

/* The NIC may have the memory again; the next system call tells the kernel */
static void give_back(struct tap *tap, unsigned long long offset)
{
	struct sluice_region *map = &tap->region.map;
	struct io_unified_sqe *sqe;

	while (!(sqe = sluice_get_sqe(map)))
		sluice_submit(map);
	sluice_prep_return(sqe, offset);
}

static void submit_write(struct tap *tap)
{
	struct io_uring_sqe *sqe = region_get_sqe(&tap->region);

	/*
	 * Not "where the file is", which is not kept up to date for writes that
	 * a file system completes later.
	 */
	io_uring_prep_writev(sqe, tap->out_fd, &tap->iov[tap->first],
			     tap->nr - tap->first, tap->out_pos);
	io_uring_sqe_set_data64(sqe, REQ_WRITE);
}

/* Whoever has opened the output may want no waiting, but here it has to be */
static void wait_for_room(struct tap *tap)
{
	struct io_uring_sqe *sqe = region_get_sqe(&tap->region);

	io_uring_prep_poll_add(sqe, tap->out_fd, POLLOUT);
	io_uring_sqe_set_data64(sqe, REQ_ROOM);
}

/* What cannot be written any more: the NIC gets it back all the same */
static void drop_batch(struct tap *tap)
{
	for (; tap->first < tap->nr; tap->first++) {
		tap->lost += tap->iov[tap->first].iov_len;
		give_back(tap, tap->offsets[tap->first]);
	}
}

/* @bytes have been written: a write may take less than it was given */
static void advance(struct tap *tap, size_t bytes)
{
	tap->written += bytes;
	if (tap->out_pos >= 0)
		tap->out_pos += bytes;
	while (bytes) {
		struct iovec *iov = &tap->iov[tap->first];

		if (bytes < iov->iov_len) {
			iov->iov_base = (char *)iov->iov_base + bytes;
			iov->iov_len -= bytes;
			return;
		}
		bytes -= iov->iov_len;
		give_back(tap, tap->offsets[tap->first++]);
	}
}

static void on_written(struct tap *tap, int res)
{
	if (res > 0)
		advance(tap, res);
	else if (res != -EINTR && res != -EAGAIN && !tap->write_error)
		tap->write_error = res ?: -EIO;
	if (tap->write_error) {
		drop_batch(tap);
		/* there is no use in more of it */
		if (!tap->ended)
			cancel(tap, REQ_STREAM);
		return;
	}
	if (res == -EAGAIN)
		wait_for_room(tap);
	else if (tap->first < tap->nr)
		submit_write(tap);
}

/* The next batch, from what the kernel has passed to us */
static void take_batch(struct tap *tap)
{
	struct sluice_region *map = &tap->region.map;
	struct io_unified_cqe *cqe;
	unsigned int taken = 0, head;

	tap->first = tap->nr = 0;
	sluice_for_each_cqe(map, head, cqe) {
		if (tap->nr == TAP_BATCH)
			break;
		taken++;
		/* nothing else is asked of this queue but pieces */
		if (!(cqe->flags & IO_UNIFIED_CQE_F_RECORD))
			continue;
		tap->offsets[tap->nr] = cqe->dma_addr;
		tap->iov[tap->nr].iov_base = sluice_offset_addr(map, cqe->dma_addr);
		tap->iov[tap->nr++].iov_len = cqe->len;
	}
	sluice_cq_advance(map, taken);
	if (tap->write_error)
		drop_batch(tap);
	else if (tap->nr)
		submit_write(tap);
}

/*
 * The loop
 */

static bool on_completion(void *arg, const struct io_uring_cqe *cqe)
{
	struct tap *tap = arg;

	switch (cqe->user_data) {
	case REQ_STREAM:
		tap->result = cqe->res;
		tap->ended = true;
		break;
	case REQ_SIGNAL:
		if (cqe->res > 0)
			on_signal(tap);
		break;
	case REQ_WRITE:
		on_written(tap, cqe->res);
		break;
	case REQ_ROOM:
		/* try again, and see what the write says */
		on_written(tap, cqe->res < 0 ? cqe->res : -EINTR);
		break;
	}
	return false;
}

static void show_progress(void *arg)
{
	const struct tap *tap = arg;
	struct io_unified_stats s;
	double secs = stream_elapsed_ns(&tap->in) / 1e9;

	if (!run_progress_due())
		return;
	region_stats(&tap->region, &s);
	progress("received %s (%s/s), dropped %s, output %s, copied %s",
		 human_bytes(s.rx.bytes), human_bytes(s.rx.bytes / (secs ?: 1)),
		 human_bytes(s.dropped.bytes), human_bytes(tap->written),
		 human_bytes(s.copied_bytes));
}

static bool writing(const struct tap *tap)
{
	return tap->first < tap->nr;
}

/* There is something to do that no event will tell of */
static bool has_work(struct tap *tap)
{
	struct sluice_region *map = &tap->region.map;

	return io_uring_sq_ready(&tap->region.ring) || sluice_sq_ready(map) ||
	       (!writing(tap) && (sluice_cq_ready(map) || sluice_cq_has_overflow(map)));
}

/*
 * Pieces come when the kernel runs the receive's task work, which it does in
 * io_uring_enter() only.  They make no completion in the ring's own CQ, so there
 * is nothing to wait for in there; but poll(2) on the ring tells of pending task
 * work as well as of completions, and nothing is lost between the two calls.
 */
static int run_tap(struct tap *tap)
{
	const struct run_loop loop = {
		.region = &tap->region, .arg = tap, .complete = on_completion,
	};
	struct pollfd pfd = { .fd = tap->region.ring.ring_fd, .events = POLLIN };
	bool awake = true;

	submit_stream(tap);
	run_signals_wait(&tap->signals, &tap->region, REQ_SIGNAL);
	while (!tap->ended || writing(tap) || has_work(tap)) {
		int ret;

		/* publishes what goes back: the kernel looks there in each call */
		sluice_submit(&tap->region.map);
		ret = io_uring_submit_and_get_events(&tap->region.ring);
		if (ret < 0 && ret != -EINTR)
			return error("io_uring: %s", strerror(-ret));
		run_reap(&loop);
		if (!writing(tap))
			take_batch(tap);
		run_stages_watch(&tap->stages, false);
		show_progress(tap);
		service_watchdog();
		if (has_work(tap))
			continue;
		/* a second after the last of it once more, and then no more */
		ret = poll(&pfd, 1, service_timeout(awake ? 1000 : -1));
		if (ret < 0 && errno != EINTR)
			return error("poll: %s", strerror(errno));
		awake = ret > 0;
	}
	progress_end();
	return 0;
}

/*
 * Summary
 */

static void summary_json(const struct tap *tap, const struct io_unified_stats *s,
			 long long ns)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "pipeline", tap->opt.name);
	json_add_str(obj, "result", tap->result ? strerror(-tap->result) : "ok");
	json_add_stats(obj, s);
	json_add_u64(obj, "output_bytes", tap->written);
	json_add_u64(obj, "lost_bytes", tap->lost);
	json_add_u64(obj, "record_size", tap->opt.in.record_size);
	json_add_u64(obj, "region_size", tap->region.size);
	json_add_u64(obj, "duration_ns", ns);
	json_object_object_add(obj, "stages", run_stages_json(&tap->stages));
	if (tap->in.xdp)
		json_object_object_add(obj, "xdp", xdp_json(tap->in.xdp));
	json_print(obj);
}

static void summary_text(const struct tap *tap, const struct io_unified_stats *s,
			 long long ns)
{
	printf("%s: %s in %.2f s\n", tap->opt.name,
	       tap->result ? strerror(-tap->result) : "end of stream", ns / 1e9);
	printf("  received %12llu bytes in %llu records\n", s->rx.bytes, s->rx.bufs);
	printf("  dropped  %12llu bytes in %llu records\n", s->dropped.bytes, s->dropped.bufs);
	printf("  passed   %12llu bytes in %llu records\n", s->passed.bytes, s->passed.bufs);
	printf("  output   %12llu bytes\n  copied   %12llu bytes on their way to it\n",
	       tap->written, s->copied_bytes);
	run_stages_print(&tap->stages);
	if (tap->in.xdp)
		xdp_print(tap->in.xdp);
}

/* -1 after an error message if something was lost */
static int check_result(const struct tap *tap, const struct io_unified_stats *s)
{
	unsigned long long lost = s->failed.bytes + tap->lost;

	if (tap->write_error)
		return error("%s: %s; %llu bytes received were not written",
			     output_name(tap), strerror(-tap->write_error), lost);
	if (tap->result)
		return stream_ended_early(tap->result, lost);
	if (s->passed.bytes != tap->written)
		return error("%llu bytes were passed to %s, but %llu written; please report it with the summary",
			     s->passed.bytes, output_name(tap), tap->written);
	return run_check_stats(s);
}

static int summary(struct tap *tap)
{
	struct io_unified_stats s;
	long long ns = stream_elapsed_ns(&tap->in);

	run_stages_explain(&tap->stages, tap->result == -ECANCELED && !tap->stopping);
	region_stats(&tap->region, &s);
	/* beside data on standard output, this goes to where errors go */
	if (json_output)
		summary_json(tap, &s, ns);
	else if (!quiet || tap->opt.output)
		summary_text(tap, &s, ns);
	fflush(stdout);
	return check_result(tap, &s);
}

int do_tap(int argc, char **argv)
{
	static struct tap tap = { .out_fd = -1 };
	int ret = options_parse(&verb, &tap.opt, argc, argv);

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	ret = tap_open(&tap);
	if (!ret)
		ret = stream_accept(&tap.in, tap.signals.fd);
	if (ret > 0)
		ret = run_tap(&tap);
	if (!ret)
		ret = summary(&tap);
	tap_close(&tap);
	return ret ? 1 : 0;
}
