/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chunk.h: the filter of recv-pwrite and uring-fixed. The stream comes in chunks of
 * whole records; what is kept of one is a vector of pieces, from where they lie, if
 * records are whole blocks. If they are not, they are moved together, which is
 * counted, and what does not fill a block is moved to the next chunk.
 */
#ifndef SLUICE_BENCH_CHUNK_H
#define SLUICE_BENCH_CHUNK_H

#include "peer.h"

#include <string.h>
#include <sys/uio.h>

#define CHUNK_PIECES	1024		/* IOV_MAX */
#define CHUNK_ROOM	4096		/* before a chunk, for the rest, and behind, for zeros */

struct chunk_state {
	const struct peer_opts *o;
	size_t	size;			/* of a chunk */
	size_t	block;
	size_t	rest;
	char	carry[CHUNK_ROOM];
};

static inline void chunk_init(struct chunk_state *s, const struct peer_opts *o,
			      const struct peer_ns *ns, size_t size)
{
	s->o = o;
	s->block = 1UL << ns->lba_shift;
	s->rest = 0;
	/* every other record may be a piece */
	if (size > CHUNK_PIECES * o->record)
		size = CHUNK_PIECES * o->record;
	if (!o->record || o->record > size)
		die("--record-size is 1 to %zu", size);
	s->size = size - size % o->record;
}

/*
 * chunk_filter - @buf has @len bytes of the stream, which ends with it (@last) or not.
 * Fills @iov, of CHUNK_PIECES, and returns how many bytes that is: whole blocks.
 */
static inline size_t chunk_filter(struct chunk_state *s, char *buf, size_t len, bool last,
				  struct iovec *iov, unsigned int *nr, struct peer_sums *sums)
{
	bool move = s->o->record % s->block;
	char *to = buf - CHUNK_ROOM;
	size_t kept = 0, pad;

	*nr = 0;
	if (move) {
		memcpy(to, s->carry, s->rest);
		iov[(*nr)++] = (struct iovec) { to, s->rest };
		kept = s->rest;
		to += kept;
	}
	sums->received += len;
	for (size_t at = 0; at < len; at += s->o->record) {
		size_t n = len - at < s->o->record ? len - at : s->o->record;
		char *rec = buf + at;

		if (peer_drops(s->o, rec, n)) {
			sums->dropped += n;
			continue;
		}
		kept += n;
		sums->written += n;
		if (move) {
			memmove(to, rec, n);
			to += n;
			sums->copied += n;
			iov[0].iov_len += n;
		} else if (*nr && (char *)iov[*nr - 1].iov_base + iov[*nr - 1].iov_len == rec) {
			iov[*nr - 1].iov_len += n;
		} else {
			iov[(*nr)++] = (struct iovec) { rec, n };
		}
	}
	if (!kept)
		return 0;
	pad = -kept & (s->block - 1);
	if (last) {
		memset((char *)iov[*nr - 1].iov_base + iov[*nr - 1].iov_len, 0, pad);
		iov[*nr - 1].iov_len += pad;
		return kept + pad;
	}
	if (!move)
		return kept;
	s->rest = kept & (s->block - 1);
	iov[0].iov_len -= s->rest;
	memcpy(s->carry, (char *)iov[0].iov_base + iov[0].iov_len, s->rest);
	return kept - s->rest;
}

#endif
