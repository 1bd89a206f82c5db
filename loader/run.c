// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "run.h"
#include "service.h"

#define TICK_MS		1000
#define PRIO_STEP	100
#define EXPLAIN_MS	2000
#define PRIO_LAST	1000000

int run_signals_open(struct run_signals *signals)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC);
	return signals->fd < 0 ? error("signalfd: %s", strerror(errno)) : 0;
}

void run_signals_wait(struct run_signals *signals, struct region *region,
		      unsigned long long user_data)
{
	struct io_uring_sqe *sqe = region_get_sqe(region);

	io_uring_prep_read(sqe, signals->fd, &signals->info, sizeof(signals->info), 0);
	io_uring_sqe_set_data64(sqe, user_data);
}

bool run_reap(const struct run_loop *loop)
{
	struct io_uring *ring = &loop->region->ring;
	struct io_uring_cqe *cqe;
	bool ended = false;

	while (!ended && !io_uring_peek_cqe(ring, &cqe)) {
		ended = loop->complete(loop->arg, cqe);
		io_uring_cqe_seen(ring, cqe);
	}
	return ended;
}

/* Sleep until there are completions, @ms at most (-1: for ever); 1: there are, 0: not */
static int wait_for_completions(struct io_uring *ring, int ms)
{
	struct __kernel_timespec time = { ms / 1000, ms % 1000 * 1000000ll };
	struct io_uring_cqe *cqe;
	int ret;

	if (ms < 0)
		ret = io_uring_submit_and_wait(ring, 1);
	else
		ret = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &time, NULL);
	if (ret < 0 && ret != -ETIME && ret != -EINTR)
		return error("io_uring: %s", strerror(-ret));
	return io_uring_cq_ready(ring) > 0;
}

int run_loop(const struct run_loop *loop)
{
	bool ended = false, awake = true;

	while (!ended) {
		int ret = wait_for_completions(&loop->region->ring,
					       service_timeout(awake ? TICK_MS : -1));

		if (ret < 0)
			return -1;
		ended = run_reap(loop);
		if (!ended && loop->batch)
			ended = loop->batch(loop->arg);
		service_watchdog();
		if (loop->stages)
			run_stages_watch(loop->stages, false);
		loop->progress(loop->arg);
		/* also once more after the last completion, to see what came of it */
		awake = ret || (awake && loop->moves && loop->moves(loop->arg));
	}
	progress_end();
	return 0;
}

long long elapsed_ns(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000000000ll +
	       now.tv_nsec - since->tv_nsec;
}

bool run_progress_due(void)
{
	static struct timespec last;

	if (!progress_wanted() || elapsed_ns(&last) < 100000000)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &last);
	return true;
}

void run_listening(const char *where, unsigned short port)
{
	fprintf(stderr, "sluice: listening on %.*s:%u\n",
		(int)(strrchr(where, ':') - where), where, port);
	service_ready();
	service_status("listening on port %u", port);
}

/*
 * Stages
 */

int run_stages_open(struct run_stages *stages, const struct option_list *specs,
		    const char *last, int ring_fd)
{
	struct stage *stage;
	unsigned int i;

	for (i = 0; i < specs->nr; i++) {
		stage = stage_open(specs->items[i], ring_fd, (int)(i + 1) * PRIO_STEP,
				   i + 1, stages->required);
		if (!stage)
			return -1;
		stages->list[stages->nr++] = stage;
	}
	if (!last)
		return 0;
	stage = stage_open(last, ring_fd, PRIO_LAST, 0, false);
	if (!stage)
		return -1;
	stages->list[stages->nr++] = stage;
	return 0;
}

void run_stages_close(struct run_stages *stages)
{
	while (stages->nr)
		stage_close(stages->list[--stages->nr]);
}

const char * const stage_exit_modes[] = { "continue", "stop", NULL };

bool run_stages_watch(struct run_stages *stages, bool now)
{
	bool look = now || elapsed_ns(&stages->watched) >= 1000000000, any = false;

	if (look)
		clock_gettime(CLOCK_MONOTONIC, &stages->watched);
	for (unsigned int i = 0; i < stages->nr; i++) {
		const char *why = look && !stages->told[i] ?
				  stage_gave_up(stages->list[i]) : NULL;

		if (why) {
			stages->told[i] = true;
			error("stage %s %s; the pipeline %s", stage_name(stages->list[i]),
			      why, stages->required ? "stops" : "goes on without it");
		}
		any |= stages->told[i];
	}
	return any;
}

bool run_stages_explain(struct run_stages *stages, bool canceled)
{
	int left = canceled && stages->required ? EXPLAIN_MS : 0;
	bool any;

	while (!(any = run_stages_watch(stages, true)) && left-- > 0)
		usleep(1000);
	return any;
}

struct json_object *run_stages_json(const struct run_stages *stages)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < stages->nr; i++)
		json_object_array_add(list, stage_json(stages->list[i]));
	return list;
}

void run_stages_print(const struct run_stages *stages)
{
	for (unsigned int i = 0; i < stages->nr; i++)
		stage_print(stages->list[i]);
}

/*
 * Summary
 */

int run_check_stats(const struct io_unified_stats *s)
{
	if (s->stage_errors)
		return error("stages answered %llu times with what is no verdict here; those records were dropped",
			     s->stage_errors);
	if (!sluice_stats_conserved(s) || s->in_flight.bufs)
		return error("the kernel's counters do not add up; please report it with the summary");
	return 0;
}

void json_add_count(struct json_object *obj, const char *name,
		    const struct io_unified_count *count)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_records", name);
	json_add_u64(obj, key, count->bufs);
	snprintf(key, sizeof(key), "%s_bytes", name);
	json_add_u64(obj, key, count->bytes);
}

void json_add_stats(struct json_object *obj, const struct io_unified_stats *s)
{
	json_add_count(obj, "received", &s->rx);
	json_add_count(obj, "dropped", &s->dropped);
	json_add_count(obj, "written", &s->written);
	json_add_count(obj, "passed", &s->passed);
	json_add_count(obj, "sent", &s->sent);
	json_add_count(obj, "made", &s->made);
	json_add_count(obj, "failed", &s->failed);
	json_add_count(obj, "in_flight", &s->in_flight);
	json_add_bool(obj, "conserved", sluice_stats_conserved(s));
	json_add_u64(obj, "copied_bytes", s->copied_bytes);
	json_add_u64(obj, "padded_bytes", s->padded_bytes);
	json_add_u64(obj, "nvme_cmds", s->nvme_cmds);
	json_add_u64(obj, "nvme_errors", s->nvme_errors);
	json_add_u64(obj, "rx_stalls", s->rx_stalls);
	json_add_u64(obj, "stage_errors", s->stage_errors);
}
