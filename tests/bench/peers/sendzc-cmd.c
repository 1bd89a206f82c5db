// SPDX-License-Identifier: GPL-2.0
/*
 * sendzc-cmd --nvme NODE --bytes N [--port N] [--depth N]: a TCP server that sends one
 * client the first so many bytes of a namespace, by io_uring: NVMe passthrough reads and
 * zero-copy sends (IORING_OP_SEND_ZC) of the same registered memory.
 *
 * So many chunks of 64 KiB at a time are being read or sent.  A stream has an order:
 * those that follow each other and have been read are one chain of linked sends
 * (MSG_WAITALL, as io_uring_prep_send_zc(3) says), and there is one chain at a time.
 * Memory is read into again when the notification says that TCP has let go of it.
 *
 * As liburing's documentation has it: registered buffers in huge pages, registered
 * files, one task that submits, task work when it waits.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK	(64u << 10)

/* indices of the registered files, and kinds of request in user_data */
enum { FILE_NS, FILE_SOCK };
enum { REQ_READ, REQ_SEND };

struct server {
	struct peer_opts	opts;
	struct peer_ns		ns;
	struct io_uring		ring;
	char			*mem;		/* a chunk for each slot */
	bool			*ready;		/* what is in a slot has been read */
	uint64_t		nr;		/* chunks, of them */
	uint64_t		read, sent;	/* requested */
	uint64_t		freed;		/* let go of by TCP */
	bool			*free;		/* the same of a slot */
	unsigned int		sending;	/* sends without a result */
	struct peer_sums	sums;
};

static void open_ring(struct server *s)
{
	struct iovec iov = { .iov_len = (size_t)s->opts.depth * CHUNK };
	int ret;

	s->ready = calloc(s->opts.depth, sizeof(*s->ready));
	s->free = calloc(s->opts.depth, sizeof(*s->free));
	if (!s->ready || !s->free)
		die("no memory for --depth %u", s->opts.depth);
	s->mem = peer_memory(iov.iov_len);
	iov.iov_base = s->mem;
	ret = io_uring_queue_init(2 * s->opts.depth, &s->ring, IORING_SETUP_SINGLE_ISSUER |
				  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SQE128 |
				  IORING_SETUP_CQE32);
	if (ret)
		die("io_uring: %s", strerror(-ret));
	ret = io_uring_register_buffers(&s->ring, &iov, 1);
	if (ret)
		die("cannot register buffers of %zu bytes: %s", iov.iov_len, strerror(-ret));
}

static uint32_t chunk_len(const struct server *s, uint64_t nr)
{
	uint64_t left = s->opts.bytes - nr * CHUNK;

	return left < CHUNK ? left : CHUNK;
}

static void queue_reads(struct server *s)
{
	uint32_t block = 1u << s->ns.lba_shift;

	for (; s->read < s->nr && s->read - s->freed < s->opts.depth; s->read++) {
		uint32_t slot = s->read % s->opts.depth;
		struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

		/* whole blocks, also of the last */
		peer_nvme(sqe, &s->ns, 2, s->read * CHUNK, s->mem + (size_t)slot * CHUNK,
			  (chunk_len(s, s->read) + block - 1) & ~(block - 1));
		sqe->fd = FILE_NS;
		sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
		io_uring_sqe_set_data64(sqe, (uint64_t)slot << 1 | REQ_READ);
		s->ready[slot] = false;
		s->free[slot] = false;
	}
}

/* All that are there, in order, unless others are still on their way */
static void queue_sends(struct server *s)
{
	struct io_uring_sqe *sqe = NULL;

	if (s->sending)
		return;
	for (; s->sent < s->read; s->sent++) {
		uint32_t slot = s->sent % s->opts.depth, len = chunk_len(s, s->sent);

		if (!s->ready[slot])
			break;
		sqe = io_uring_get_sqe(&s->ring);
		io_uring_prep_send_zc_fixed(sqe, FILE_SOCK, s->mem + (size_t)slot * CHUNK, len,
					    MSG_WAITALL | MSG_NOSIGNAL,
					    IORING_SEND_ZC_REPORT_USAGE, 0);
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE | IOSQE_IO_LINK);
		io_uring_sqe_set_data64(sqe, (uint64_t)slot << 1 | REQ_SEND);
		s->sending++;
	}
	if (sqe)
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
}

/* The chunk that a slot has, of those that are sent */
static uint64_t sent_chunk(const struct server *s, uint32_t slot)
{
	return s->freed + (slot + s->opts.depth - s->freed % s->opts.depth) % s->opts.depth;
}

/* In any order; slots are read into again in that of the stream */
static void on_free(struct server *s, uint32_t slot)
{
	s->free[slot] = true;
	while (s->freed < s->sent && s->free[s->freed % s->opts.depth])
		s->free[s->freed++ % s->opts.depth] = false;
}

static void on_cqe(struct server *s, const struct io_uring_cqe *cqe)
{
	uint32_t slot = cqe->user_data >> 1;

	if ((cqe->user_data & 1) == REQ_READ) {
		if (cqe->res)
			die("cannot read %s: %s %#x", s->opts.nvme, cqe->res < 0 ?
			    strerror(-cqe->res) : "NVMe status", cqe->res);
		s->ready[slot] = true;
		return;
	}
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		/*
		 * The interface does not gather, or is no real one.  At most so much was
		 * copied: io_uring also says so of what shares a packet with the chunk
		 * before it, whose notification alone learns how the packet was sent.
		 */
		if ((uint32_t)cqe->res & IORING_NOTIF_USAGE_ZC_COPIED)
			s->sums.copied += chunk_len(s, sent_chunk(s, slot));
		on_free(s, slot);
		return;
	}
	if (cqe->res <= 0)
		die("send: %s", strerror(-cqe->res));
	s->sums.sent += cqe->res;
	s->sending--;
	if (!(cqe->flags & IORING_CQE_F_MORE))
		on_free(s, slot);
}

static void serve(struct server *s)
{
	while (s->freed < s->nr) {
		struct io_uring_cqe *cqe;
		unsigned int head, nr = 0;
		int ret;

		queue_sends(s);
		queue_reads(s);
		ret = io_uring_submit_and_wait(&s->ring, 1);
		if (ret < 0 && ret != -EINTR)
			die("io_uring_enter: %s", strerror(-ret));
		io_uring_for_each_cqe(&s->ring, head, cqe) {
			on_cqe(s, cqe);
			nr++;
		}
		io_uring_cq_advance(&s->ring, nr);
	}
	if (s->sums.sent != s->opts.bytes)
		die("sent %" PRIu64 " bytes of %" PRIu64, s->sums.sent, s->opts.bytes);
}

int main(int argc, char **argv)
{
	struct server s = { };
	int files[2], ret;

	peer_options(argc, argv, &s.opts);
	if (!s.opts.bytes || !s.opts.depth || optind != argc)
		die("usage: sendzc-cmd --nvme NODE --bytes N [--port N] [--depth N]");
	peer_ns_open(s.opts.nvme, O_RDONLY, &s.ns);
	if (s.ns.max_bytes < CHUNK)
		die("%s takes commands of %u bytes at most, not %u", s.opts.nvme,
		    s.ns.max_bytes, CHUNK);
	s.nr = (s.opts.bytes + CHUNK - 1) / CHUNK;
	open_ring(&s);
	files[FILE_NS] = s.ns.fd;
	files[FILE_SOCK] = peer_accept(&s.opts);
	ret = io_uring_register_files(&s.ring, files, 2);
	if (ret)
		die("cannot register files: %s", strerror(-ret));
	serve(&s);
	peer_finish(files[FILE_SOCK]);
	peer_report(&s.sums);
	return 0;
}
