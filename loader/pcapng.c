// SPDX-License-Identifier: GPL-2.0
/*
 * draft-ietf-opsawg-pcapng.  A file is in the byte order of who wrote it, which
 * the section header tells: everything here is in the machine's.
 */
#include <string.h>

#include "pcapng.h"

enum {
	BLOCK_SECTION	= 0x0a0d0d0a,
	BLOCK_INTERFACE	= 1,
	BLOCK_STATS	= 5,
	BLOCK_PACKET	= 6,

	OPT_END		= 0,
	SHB_USERAPPL	= 4,
	IF_NAME		= 2,
	IF_TSRESOL	= 9,
	IF_FILTER	= 11,
	EPB_DROPCOUNT	= 4,
	EPB_QUEUE	= 6,
	ISB_STARTTIME	= 2,
	ISB_ENDTIME	= 3,
	ISB_IFRECV	= 4,
	ISB_IFDROP	= 5,
	ISB_FILTERACCEPT = 6,
	ISB_OSDROP	= 7,
	ISB_USRDELIV	= 8,
};

/* All of a block but a packet's data; what does not fit is left out */
struct block {
	uint32_t	len;
	unsigned char	bytes[1024];
};

static void put(struct block *b, const void *data, uint32_t len)
{
	uint32_t padded = (len + 3) & ~3u;

	if (padded > sizeof(b->bytes) - b->len)
		return;
	memset(b->bytes + b->len, 0, padded);
	memcpy(b->bytes + b->len, data, len);
	b->len += padded;
}

static void put16(struct block *b, uint16_t low, uint16_t high)
{
	uint16_t v[2] = { low, high };

	put(b, v, sizeof(v));
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static void put_time(struct block *b, uint64_t ns)
{
	put32(b, ns >> 32);
	put32(b, ns);
}

static void put_option(struct block *b, uint16_t code, const void *data, uint16_t len)
{
	if (4u + len + 3 > sizeof(b->bytes) - b->len)
		return;
	put16(b, code, len);
	put(b, data, len);
}

static void put_option64(struct block *b, uint16_t code, uint64_t v)
{
	put_option(b, code, &v, sizeof(v));
}

static void put_option_time(struct block *b, uint16_t code, uint64_t ns)
{
	uint32_t v[2] = { ns >> 32, ns };

	put_option(b, code, v, sizeof(v));
}

static int write_all(FILE *f, const void *data, size_t len)
{
	return !len || fwrite(data, 1, len, f) == len ? 0 : -1;
}

/* @head, @len bytes of @data and their padding, @options, framed as a block */
static int write_block(FILE *f, uint32_t type, const struct block *head,
		       const void *data, uint32_t len, const struct block *options)
{
	static const unsigned char zeroes[4];
	uint32_t pad = -len & 3;
	uint32_t total = 12 + head->len + len + pad + (options ? options->len : 0);
	uint32_t begin[2] = { type, total };

	if (write_all(f, begin, sizeof(begin)) ||
	    write_all(f, head->bytes, head->len) ||
	    (len && write_all(f, data, len)) || write_all(f, zeroes, pad) ||
	    (options && write_all(f, options->bytes, options->len)))
		return -1;
	return write_all(f, &total, sizeof(total));
}

static int write_section(FILE *f, const char *program)
{
	struct block b = { };

	put32(&b, 0x1a2b3c4d);
	put16(&b, 1, 0);
	/* the section's length is not known */
	put32(&b, ~0u);
	put32(&b, ~0u);
	put_option(&b, SHB_USERAPPL, program, strlen(program));
	put16(&b, OPT_END, 0);
	return write_block(f, BLOCK_SECTION, &b, NULL, 0, NULL);
}

int pcapng_start(FILE *f, const char *program, const struct pcapng_interface *intf)
{
	const unsigned char nanoseconds = 9;
	struct block b = { };
	char filter[256];

	if (write_section(f, program))
		return -1;
	put16(&b, intf->link_type, 0);
	put32(&b, intf->snaplen);
	if (intf->name[0])
		put_option(&b, IF_NAME, intf->name, strlen(intf->name));
	put_option(&b, IF_TSRESOL, &nanoseconds, 1);
	if (intf->filter[0]) {
		/* the first byte, 0, says: a string */
		snprintf(filter, sizeof(filter), "%c%s", 0, intf->filter);
		put_option(&b, IF_FILTER, filter, 1 + strlen(filter + 1));
	}
	put16(&b, OPT_END, 0);
	return write_block(f, BLOCK_INTERFACE, &b, NULL, 0, NULL);
}

int pcapng_packet(FILE *f, const struct pcapng_packet *p)
{
	struct block b = { }, options = { };

	put32(&b, 0);		/* of the first interface */
	put_time(&b, p->time_ns);
	put32(&b, p->cap_len);
	put32(&b, p->orig_len);
	if (p->missing)
		put_option64(&options, EPB_DROPCOUNT, p->missing);
	put_option(&options, EPB_QUEUE, &p->queue, sizeof(p->queue));
	put16(&options, OPT_END, 0);
	return write_block(f, BLOCK_PACKET, &b, p->data, p->cap_len, &options);
}

int pcapng_stats(FILE *f, const struct pcapng_stats *s)
{
	struct block b = { };

	put32(&b, 0);
	put_time(&b, s->end_ns);
	put_option_time(&b, ISB_STARTTIME, s->start_ns);
	put_option_time(&b, ISB_ENDTIME, s->end_ns);
	if (s->known) {
		put_option64(&b, ISB_IFRECV, s->received);
		put_option64(&b, ISB_IFDROP, s->missed);
		put_option64(&b, ISB_FILTERACCEPT, s->accepted);
		put_option64(&b, ISB_OSDROP, s->dropped);
	}
	put_option64(&b, ISB_USRDELIV, s->delivered);
	put16(&b, OPT_END, 0);
	return write_block(f, BLOCK_STATS, &b, NULL, 0, NULL);
}
