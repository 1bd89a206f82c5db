// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "output.h"
#include "run.h"

/* One request sends no more: in pieces of a page it is what the kernel takes */
#define SEND_MAX	(256u << 10)

enum slot_state {
	SLOT_FREE,		/* also: a stage dropped what was read */
	SLOT_READING,
	SLOT_READY,
	SLOT_SENDING,		/* the socket has its memory */
};

struct slot {
	enum slot_state		state;
	struct extent_chunk	chunk;
	/* of the first of those that go with one request */
	unsigned int		span;		/* slots */
	unsigned int		len;		/* bytes in them */
	unsigned int		done;		/* of these, sent */
};

/*
 * Chunks are numbered as they come; number n is in slot n % depth.  Those from
 * @tail to @next_send are with the socket, those to @head are being read or have
 * been.
 */
struct client {
	const struct client_params *params;
	unsigned int		index;
	int			fd;
	int			room_fd;	/* see wait_for_room() */
	char			peer[64];
	struct timespec		start;
	struct extent_cursor	cursor;

	unsigned long		tail;
	unsigned long		next_send;
	unsigned long		head;
	unsigned int		in_flight;	/* requests of all kinds */
	struct slot		*taking;	/* first of a send that TCP has not all of */
	unsigned long long	base;		/* of what TCP counts */
	unsigned long long	queued;		/* bytes given to send requests */

	bool			all_read;	/* the end of the source */
	bool			shut;		/* our end has been sent */
	bool			peer_closed;
	bool			failed;
	enum client_end		end;
	char			reason[160];
	struct client_stats	stats;
	struct slot		slots[];
};

static struct slot *slot_of(struct client *c, unsigned long nr)
{
	return &c->slots[nr % c->params->depth];
}

static unsigned long long slot_offset(const struct client *c, const struct slot *slot)
{
	return ((unsigned long long)c->index * c->params->depth + (slot - c->slots)) *
	       c->params->chunk;
}

static struct io_uring_sqe *get_sqe(struct client *c)
{
	c->in_flight++;
	return region_get_sqe(c->params->region);
}

static void count(struct client_count *count, unsigned long long bytes)
{
	count->chunks++;
	count->bytes += bytes;
}

/*
 * The connection
 */

static unsigned long long acked_bytes(const struct client *c)
{
	struct tcp_info info = { };
	socklen_t len = sizeof(info);

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return 0;
	return info.tcpi_bytes_acked;
}

static void note_acked(struct client *c)
{
	unsigned long long acked = acked_bytes(c) - c->base;

	/* the end of the stream is counted as a byte */
	c->stats.acked_bytes = acked < c->queued ? acked : c->queued;
}

/*
 * End it: whoever got less than all must not take that for all, so the
 * connection is reset.  connect() to nowhere does that, and makes TCP let go of
 * the region's memory at once.
 */
static void __attribute__((format(printf, 3, 4)))
fail(struct client *c, enum client_end end, const char *fmt, ...)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	va_list ap;

	if (c->failed)
		return;
	c->failed = true;
	c->end = end;
	va_start(ap, fmt);
	vsnprintf(c->reason, sizeof(c->reason), fmt, ap);
	va_end(ap);
	note_acked(c);
	(void)connect(c->fd, &nowhere, sizeof(nowhere));
}

/* What clients say is not listened to, but that they have closed is */
static void submit_recv(struct client *c)
{
	static char scrap[4096];
	struct io_uring_sqe *sqe = get_sqe(c);

	io_uring_prep_recv(sqe, c->fd, scrap, sizeof(scrap), 0);
	io_uring_sqe_set_data64(sqe, client_data(CLIENT_RECV, c->index, 0));
}

static void on_recv(struct client *c, int res)
{
	if (res > 0) {
		submit_recv(c);
		return;
	}
	c->peer_closed = true;
	if (res < 0)
		fail(c, CLIENT_GONE, "went away: %s", strerror(-res));
}

/*
 * Reads
 */

static void submit_read(struct client *c, struct slot *slot)
{
	struct io_uring_sqe *sqe = get_sqe(c);

	/* where there is no stage now, one may be attached later */
	sluice_prep_unified(sqe, IORING_UNIFIED_OP_NVME | IORING_UNIFIED_OP_BPF, -1,
			    slot_offset(c, slot), slot->chunk.len, slot->chunk.lba, 0);
	sqe->buf_index = slot->chunk.dev;
	io_uring_sqe_set_data64(sqe, client_data(CLIENT_READ, c->index,
						 slot - c->slots));
	slot->state = SLOT_READING;
}

static void read_ahead(struct client *c)
{
	while (!c->failed && !c->all_read && c->head - c->tail < c->params->depth) {
		struct slot *slot = slot_of(c, c->head);
		int ret = extent_next(&c->cursor, c->params->chunk, &slot->chunk);

		if (ret < 0)
			fail(c, CLIENT_FAILED, "what to read next is not known");
		c->all_read = ret <= 0;
		if (ret <= 0)
			return;
		submit_read(c, slot);
		c->head++;
	}
}

static void read_failed(struct client *c, const struct slot *slot,
			const struct io_uring_cqe *cqe)
{
	__u32 status = sluice_unified_status(&c->params->region->ring, cqe);
	const char *node = c->params->devs->list[slot->chunk.dev].node;

	if (cqe->res == -EINVAL && c->params->region->ctrl->stats.stage_errors) {
		fail(c, CLIENT_FAILED, "a stage's answer about the %u bytes at block %llu of %s is no verdict here",
		     slot->chunk.len, slot->chunk.lba, node);
		return;
	}
	c->stats.read_errors++;
	fail(c, CLIENT_FAILED, "reading %u bytes at block %llu of %s: %s", slot->chunk.len,
	     slot->chunk.lba, node, status ? sluice_status_str(status) : strerror(-cqe->res));
}

static void on_read(struct client *c, struct slot *slot, const struct io_uring_cqe *cqe)
{
	unsigned int bytes = slot->chunk.bytes;

	slot->state = SLOT_FREE;
	if (cqe->res < 0) {
		read_failed(c, slot, cqe);
		return;
	}
	count(&c->stats.read, bytes);
	if (!cqe->res)
		count(&c->stats.dropped, bytes);
	else if (c->failed)
		count(&c->stats.lost, bytes);
	else
		slot->state = SLOT_READY;
}

/*
 * Sends
 */

static void submit_send(struct client *c, struct slot *slot)
{
	struct io_uring_sqe *sqe = get_sqe(c);

	sluice_prep_unified(sqe, IORING_UNIFIED_OP_NETWORK, c->fd,
			    slot_offset(c, slot) + slot->done, slot->len - slot->done, 0,
			    IORING_UNIFIED_F_SEND | IORING_UNIFIED_F_TAKEN);
	io_uring_sqe_set_data64(sqe, client_data(CLIENT_SEND, c->index,
						 slot - c->slots));
}

/* Does @next go on in memory where @slot ends, and in the request that begins at @first? */
static bool goes_on(const struct client *c, const struct slot *first,
		    const struct slot *slot, const struct slot *next)
{
	return next == slot + 1 && next->state == SLOT_READY &&
	       slot->chunk.bytes == c->params->chunk &&
	       first->len + next->chunk.bytes <= SEND_MAX;
}

static void begin_send(struct client *c)
{
	struct slot *first = slot_of(c, c->next_send), *slot, *next = first;

	first->span = first->len = first->done = 0;
	do {
		slot = next;
		slot->state = SLOT_SENDING;
		first->span++;
		first->len += slot->chunk.bytes;
		next = slot_of(c, ++c->next_send);
	} while (c->next_send < c->head && goes_on(c, first, slot, next));
	c->taking = first;
	c->queued += first->len;
	submit_send(c, first);
}

/*
 * A send completes when the client has acknowledged it, so there have to be
 * several at a time, or each would cost a round trip.  But one that waits for
 * room in the socket would be overtaken by the next: that is not made before TCP
 * has taken all of the one before, of which there is a completion of its own.
 */
static void send_ready(struct client *c)
{
	while (!c->failed && c->next_send < c->head) {
		struct slot *slot = slot_of(c, c->next_send);

		if (slot->state == SLOT_READING || (slot->state == SLOT_READY && c->taking))
			return;
		if (slot->state == SLOT_READY)
			begin_send(c);
		else
			c->next_send++;
	}
}

/* Anything else that keeps TCP from sending comes from the other end, or its way */
static bool is_our_fault(int err)
{
	return err == ENOMEM || err == ENOBUFS || err == EINVAL || err == ENXIO ||
	       err == EMFILE || err == ENFILE;
}

/*
 * A send waits for room in the socket by itself, but it may give up, and does so
 * where the client has closed its own end: a poll of the ring's reports that each
 * time.  epoll reports nothing but what it was asked for.
 */
static int wait_for_room(struct client *c, struct slot *slot)
{
	struct epoll_event event = { .events = EPOLLOUT };
	struct io_uring_sqe *sqe;

	if (c->room_fd < 0) {
		c->room_fd = epoll_create1(EPOLL_CLOEXEC);
		if (c->room_fd < 0 ||
		    epoll_ctl(c->room_fd, EPOLL_CTL_ADD, c->fd, &event))
			return -errno;
	}
	sqe = get_sqe(c);
	io_uring_prep_poll_add(sqe, c->room_fd, POLLIN);
	io_uring_sqe_set_data64(sqe, client_data(CLIENT_ROOM, c->index,
						 slot - c->slots));
	return 0;
}

/* Slots are free again; of what they had, the first @done bytes were sent */
static void free_slots(struct client *c, struct slot *slot, unsigned int nr,
		       unsigned int done)
{
	for (; nr; nr--, slot++) {
		unsigned int bytes = slot->chunk.bytes;
		unsigned int sent = done < bytes ? done : bytes;

		slot->state = SLOT_FREE;
		done -= sent;
		if (sent)
			count(&c->stats.sent, sent);
		if (sent < bytes)
			count(&c->stats.lost, bytes - sent);
	}
}

static void end_send(struct client *c, struct slot *slot, int err)
{
	if (c->taking == slot)
		c->taking = NULL;
	free_slots(c, slot, slot->span, slot->done);
	if (slot->done == slot->len)
		return;
	/* the reset has been reported before, to another request */
	if (err == EPIPE)
		err = ECONNRESET;
	if (is_our_fault(err))
		fail(c, CLIENT_FAILED, "sending %u bytes: %s", slot->len, strerror(err));
	else
		fail(c, CLIENT_GONE, "went away: %s", strerror(err));
}

static void on_send(struct client *c, struct slot *slot, const struct io_uring_cqe *cqe)
{
	int res = cqe->res;

	if (cqe->flags & IORING_CQE_F_MORE) {
		/* the memory is not free yet; with all of it taken, more may follow */
		if (res > 0 && slot->done + res == slot->len)
			c->taking = NULL;
		return;
	}
	if (res > 0)
		slot->done += res;
	/* nothing else is sent before: what comes next waits for all of this */
	if (slot->done < slot->len && !c->failed && (res > 0 || res == -ECANCELED)) {
		res = wait_for_room(c, slot);
		if (!res)
			return;
	}
	end_send(c, slot, res < 0 ? -res : ECONNRESET);
}

static void on_room(struct client *c, struct slot *slot)
{
	if (c->failed)
		end_send(c, slot, ECONNRESET);
	else
		submit_send(c, slot);
}

/*
 * The client
 */

/* Slots that were read in vain */
static void lose_ready(struct client *c)
{
	for (unsigned int i = 0; i < c->params->depth; i++) {
		struct slot *slot = &c->slots[i];

		if (slot->state != SLOT_READY)
			continue;
		slot->state = SLOT_FREE;
		count(&c->stats.lost, slot->chunk.bytes);
	}
}

static bool tail_is_free(struct client *c)
{
	return c->tail < c->next_send && slot_of(c, c->tail)->state == SLOT_FREE;
}

bool client_step(struct client *c)
{
	/* each slot that comes free is one more to read into; the device begins first */
	do {
		while (tail_is_free(c))
			c->tail++;
		read_ahead(c);
		send_ready(c);
	} while (tail_is_free(c));

	if (c->failed) {
		lose_ready(c);
	} else if (c->all_read && c->tail == c->head && !c->shut) {
		shutdown(c->fd, SHUT_WR);
		c->shut = true;
	}
	if (c->in_flight || !(c->failed || (c->shut && c->peer_closed)))
		return false;
	if (!c->failed)
		note_acked(c);
	return true;
}

void client_complete(struct client *c, const struct io_uring_cqe *cqe)
{
	struct slot *slot = &c->slots[client_data_slot(cqe->user_data)];

	if (!(cqe->flags & IORING_CQE_F_MORE))
		c->in_flight--;
	switch (client_data_kind(cqe->user_data)) {
	case CLIENT_READ:
		on_read(c, slot, cqe);
		break;
	case CLIENT_SEND:
		on_send(c, slot, cqe);
		break;
	case CLIENT_ROOM:
		on_room(c, slot);
		break;
	case CLIENT_RECV:
		on_recv(c, cqe->res);
		break;
	}
}

static void name_peer(struct client *c)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);
	char host[48], port[8];

	if (getpeername(c->fd, (struct sockaddr *)&addr, &len) ||
	    getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(c->peer, sizeof(c->peer), "(gone)");
	else
		snprintf(c->peer, sizeof(c->peer),
			 addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

struct client *client_open(const struct client_params *params, unsigned int index,
			   int fd)
{
	struct client *c = calloc(1, sizeof(*c) + params->depth * sizeof(struct slot));

	if (!c) {
		close(fd);
		error("no memory for one more client; give a lower --clients");
		return NULL;
	}
	c->params = params;
	c->index = index;
	c->fd = fd;
	c->room_fd = -1;
	clock_gettime(CLOCK_MONOTONIC, &c->start);
	name_peer(c);
	c->base = acked_bytes(c);
	extent_cursor_init(&c->cursor, params->src);
	submit_recv(c);
	client_step(c);
	return c;
}

void client_abort(struct client *c)
{
	fail(c, CLIENT_ABORTED, "stopped before the end");
	client_step(c);
}

void client_close(struct client *c)
{
	if (c->room_fd >= 0)
		close(c->room_fd);
	close(c->fd);
	free(c);
}

const struct client_stats *client_stats(const struct client *c)
{
	return &c->stats;
}

enum client_end client_end(const struct client *c)
{
	return c->end;
}

const char *client_reason(const struct client *c)
{
	return c->reason;
}

const char *client_peer(const struct client *c)
{
	return c->peer;
}

long long client_elapsed_ns(const struct client *c)
{
	return elapsed_ns(&c->start);
}
