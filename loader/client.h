/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One client of `sluice serve`: chunks are read ahead into slots of the region
 * that are its alone, and sent in order.  Nothing that it does, or does not do,
 * holds another one back.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <time.h>

#include "devs.h"
#include "extent.h"
#include "region.h"

/* What all clients share */
struct client_params {
	struct region		*region;
	const struct devs	*devs;		/* of the region, for messages */
	struct extent_source	*src;
	unsigned int		chunk;		/* bytes a slot */
	unsigned int		depth;		/* slots a client */
};

/* user_data of a client's requests: kind, client and slot */
enum client_req { CLIENT_READ = 0x10, CLIENT_SEND, CLIENT_RECV, CLIENT_ROOM };

#define client_data(kind, client, slot)					\
	((unsigned long long)(kind) << 56 | (unsigned long long)(client) << 24 | (slot))
#define client_data_kind(data)		((data) >> 56)
#define client_data_client(data)	((data) >> 24 & 0xffffffff)
#define client_data_slot(data)		((data) & 0xffffff)

enum client_end {
	CLIENT_COMPLETE,	/* has all of it, and closed */
	CLIENT_GONE,		/* went before */
	CLIENT_FAILED,		/* for a reason on our side */
	CLIENT_ABORTED,		/* by client_abort() */
};

struct client_count {
	unsigned long long	chunks;
	unsigned long long	bytes;
};

/* read = sent + dropped + lost, when the client has ended */
struct client_stats {
	struct client_count	read;
	struct client_count	sent;		/* the socket took it */
	struct client_count	dropped;	/* by a stage */
	struct client_count	lost;		/* read, but not sent */
	unsigned long long	acked_bytes;	/* the client's TCP has it */
	unsigned long long	read_errors;
};

struct client;

/* Takes over @fd, a connection; NULL after an error message */
struct client *client_open(const struct client_params *params, unsigned int index,
			   int fd);
/* A completion of its requests; when there are no more for now, client_step() */
void client_complete(struct client *client, const struct io_uring_cqe *cqe);
/* Whatever can be done now; true: it has ended, client_close() is next */
bool client_step(struct client *client);
/* Reset the connection; it ends when its requests have */
void client_abort(struct client *client);
void client_close(struct client *client);

const struct client_stats *client_stats(const struct client *client);
enum client_end client_end(const struct client *client);
/* Why, in words; "" if it is complete */
const char *client_reason(const struct client *client);
const char *client_peer(const struct client *client);
long long client_elapsed_ns(const struct client *client);

#endif
