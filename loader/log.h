/* SPDX-License-Identifier: GPL-2.0 */
/*
 * record --format log, in parts: log.c runs it, log_ring.c has the rings, log_index.c
 * the index, log_summary.c what is said at the end.
 */
#ifndef LOG_H
#define LOG_H

#include <bpf/libbpf.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>

#include "geometry.h"
#include "index.h"
#include "record.h"
#include "run.h"

/* user_data: the stream's number, or one of these, with something below */
#define REQ(kind)	(1ull << 63 | (unsigned long long)(kind) << 48)
#define REQ_KIND(data)	((data) >> 48 & 0x7fff)
#define REQ_ID(data)	((data) & ((1ull << 48) - 1))
enum {
	REQ_SIGNAL = 1, REQ_CANCEL, REQ_ACCEPT, REQ_DONE, REQ_INDEX,
	/* from one ring to another: to the first, and from it */
	REQ_ENDED, REQ_START, REQ_CANCEL_ID, REQ_QUIT,
	REQ_SENT,
	REQ_DATA,
};

/* Of the index, what is not for extents */
#define STREAMS_SHARE	8

struct log_stream {
	int			fd;	/* -1: ended */
	unsigned int		ring;
	struct sockaddr_storage	peer;
	unsigned long long	bytes;	/* written */
	int			result;	/* 0 or -errno */
	bool			stopped; /* by us, when the sender had more */
	bool			watched;	/* a request waits for data */
};

struct log;

/* A NIC queue and what belongs to it */
struct log_ring {
	struct log		*log;
	unsigned int		nr;
	unsigned int		queue;
	unsigned int		napi_id;	/* 0: not known */
	struct region		region;
	struct run_stages	stages;
	struct place		*place;
	unsigned long long	nr_streams;
	/* but for the first */
	pthread_t		thread;
	bool			started, running;
	bool			abandoned;
	sem_t			opened, go, closing;
	int			status;		/* of opening it */
};

struct log {
	const struct record_options *opt;
	struct stream		in;
	struct devs		devs;
	struct log_ring		rings[OPTION_LIST_MAX];
	unsigned int		nr_rings;
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
	struct sockaddr_storage	peer;		/* of whom is accepted */
	socklen_t		peer_len;
	bool			stopping;
	bool			finishing;	/* no stream is left, none will come */
	int			index_error;	/* -errno */
	struct timespec		flushed;
	struct io_unified_stats	seen;		/* a second ago */
};

/* log.c: end all streams after what came by now */
void log_stop(struct log *log);
/* Since the first connection, 0 without one */
long long log_elapsed_ns(const struct log *log);

/* log_ring.c */
int log_rings_open(struct log *log);
/* The threads give up their privileges and begin */
int log_rings_run(struct log *log);
/* The threads end, but keep their regions */
void log_rings_quit(struct log *log);
void log_rings_close(struct log *log);
/* The ring for the connection @fd */
unsigned int log_find_ring(const struct log *log, int fd);
void log_start_stream(struct log *log, unsigned long long id);
void log_cancel_streams(struct log *log);
/* The sum of the rings' */
void log_stats(const struct log *log, struct io_unified_stats *stats);

/* log_index.c: entries for what has begun, is written, has ended */
void log_index_begin(struct log *log, unsigned long long id);
void log_index_end(struct log *log, unsigned long long id);
/* A write of the index has failed: nothing more of it, and no more streams */
void log_index_fail(struct log *log, int err);
int log_done_open(struct log *log);
/* A completion REQ_DONE when there are reports, and take them */
void log_done_wait(struct log *log);
void log_done_drain(struct log *log);

/* log_summary.c: 0, or -1 after an error message */
int log_summary(const struct log *log);

#endif
