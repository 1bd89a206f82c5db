/* SPDX-License-Identifier: GPL-2.0 */
/* What the pipelines have in common: signals, the loop, stages, the summary. */
#ifndef RUN_H
#define RUN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <time.h>

#include "options.h"
#include "region.h"
#include "stage.h"

/* SIGINT, SIGTERM and SIGHUP come as data */
struct run_signals {
	int			fd;
	struct signalfd_siginfo	info;
};

int run_signals_open(struct run_signals *signals);
/* A completion with @user_data for the next signal; res > 0 */
void run_signals_wait(struct run_signals *signals, struct region *region,
		      unsigned long long user_data);

struct run_stages;

/*
 * Completions are handed to @complete until it, or @batch, says that the run has ended.
 * @progress is called after each batch of them, and each second while something moves:
 * who is idle, is not woken.
 */
struct run_loop {
	struct region	*region;
	struct run_stages *stages;	/* or NULL: is told when one of them ends */
	void		*arg;
	bool		(*complete)(void *arg, const struct io_uring_cqe *cqe);
	/* or NULL: there are no more completions for now */
	bool		(*batch)(void *arg);
	void		(*progress)(void *arg);
	/*
	 * A second without completions is over: has something happened all the same?  NULL
	 * or false: nothing has, and if something does, there will be a completion.
	 */
	bool		(*moves)(void *arg);
};

/* 0, or -1 after an error message */
int run_loop(const struct run_loop *loop);
/* Completions that are there already; true: the run has ended */
bool run_reap(const struct run_loop *loop);

/* Is it time for a line of progress()?  Nobody reads more than ten a second */
bool run_progress_due(void);

long long elapsed_ns(const struct timespec *since);

/* Not by note(): scripts wait for this line; the port may have been 0 */
void run_listening(const char *where, unsigned short port);

/* The stages of a pipeline */
struct run_stages {
	struct stage	*list[OPTION_LIST_MAX + 1];
	unsigned int	nr;
	bool		required;	/* nothing is to go past them: set before opening */
	bool		told[OPTION_LIST_MAX + 1];
	struct timespec	watched;
};

/* In the table of a verb that has streams; @member is an int, enum stage_exit */
#define STAGE_EXIT_OPTION(type, member)					\
	{ "on-stage-exit", 0, OPT_ENUM, offsetof(type, member), "MODE",	\
	  "when a stage ends by itself or is ejected", .def = "continue", \
	  .values = stage_exit_modes }

enum stage_exit { STAGE_EXIT_CONTINUE, STAGE_EXIT_STOP };
extern const char * const stage_exit_modes[];

/* Those of @specs in order, then @last if there is one; 0, or -1 as above */
int run_stages_open(struct run_stages *stages, const struct option_list *specs,
		    const char *last, int ring_fd);
void run_stages_close(struct run_stages *stages);
/*
 * An error message for each stage that has ended by itself, or was ejected, since the
 * last call.  Looks once a second, or always if @now.  True if one has, at any time.
 */
bool run_stages_watch(struct run_stages *stages, bool now);
/*
 * The same at the end.  A stream that was @canceled by the end of a stage ends a moment
 * before that has said why.
 */
bool run_stages_explain(struct run_stages *stages, bool canceled);
struct json_object *run_stages_json(const struct run_stages *stages);
void run_stages_print(const struct run_stages *stages);

/* The first error that the summary @s of a pipeline without others shows */
int run_check_stats(const struct io_unified_stats *s);
/* "NAME_records" and "NAME_bytes" */
void json_add_count(struct json_object *obj, const char *name,
		    const struct io_unified_count *count);
/* All that is counted of a stream */
void json_add_stats(struct json_object *obj, const struct io_unified_stats *s);

#endif
