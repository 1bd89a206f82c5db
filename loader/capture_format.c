// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "capture_format.h"
#include "crc32c.h"

const char * const capture_drop_names[CAPTURE_DROPS] = {
	[CAPTURE_DROP_NO_MEMORY] = "no_memory",
	[CAPTURE_DROP_RING_FULL] = "ring_full",
	[CAPTURE_DROP_OVERSIZE]	 = "oversize",
	[CAPTURE_DROP_NO_SPACE]	 = "no_space",
	[CAPTURE_DROP_LIMIT]	 = "limit",
	[CAPTURE_DROP_DEVICE]	 = "device",
	[CAPTURE_DROP_OTHER]	 = "other",
};

/* There and back are the same thing */
static void super_swap(struct capture_super *s)
{
	uint64_t *p64[] = { &s->start_ns, &s->end_ns, &s->blocks, &s->used,
			    &s->frames, &s->bytes, &s->orig_bytes, &s->matched,
			    &s->passed, &s->missed };
	uint32_t *p32[] = { &s->version, &s->size, &s->block_size, &s->frame_size,
			    &s->link_type, &s->snaplen, &s->flags, &s->window };

	for (size_t i = 0; i < sizeof(p64) / sizeof(p64[0]); i++)
		*p64[i] = htole64(*p64[i]);
	for (size_t i = 0; i < CAPTURE_DROPS; i++)
		s->dropped[i] = htole64(s->dropped[i]);
	for (size_t i = 0; i < sizeof(p32) / sizeof(p32[0]); i++)
		*p32[i] = htole32(*p32[i]);
}

static void slot_swap(struct capture_slot *s)
{
	s->flags = htole32(s->flags);
	s->seq = htole64(s->seq);
	s->time_ns = htole64(s->time_ns);
	s->cap_len = htole32(s->cap_len);
	s->orig_len = htole32(s->orig_len);
	s->blocks = htole32(s->blocks);
	s->data_off = htole16(s->data_off);
	s->queue = htole16(s->queue);
}

void capture_super_encode(struct capture_super *super)
{
	memcpy(super->magic, CAPTURE_MAGIC, sizeof(super->magic));
	super->version = CAPTURE_VERSION;
	super->size = sizeof(*super);
	super_swap(super);
	super->crc = htole32(crc32c(0, super, offsetof(struct capture_super, crc)));
}

void capture_slot_encode(struct capture_slot *slot)
{
	memcpy(slot->magic, CAPTURE_SLOT_MAGIC, sizeof(slot->magic));
	slot_swap(slot);
	slot->crc = htole32(crc32c(0, slot, offsetof(struct capture_slot, crc)));
}

static bool is_block_size(uint32_t size)
{
	return size >= 512 && size <= CAPTURE_MAX_SLOT && !(size & (size - 1));
}

/* It goes to terminals, and into files whose strings are UTF-8 */
static void make_printable(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

const char *capture_super_decode(struct capture_super *s, const void *from)
{
	memcpy(s, from, sizeof(*s));
	if (memcmp(s->magic, CAPTURE_MAGIC, sizeof(s->magic)))
		return "no capture";
	if (le32toh(s->crc) != crc32c(0, s, offsetof(struct capture_super, crc)))
		return "a superblock with a wrong checksum";
	super_swap(s);
	if (s->version != CAPTURE_VERSION || s->size != sizeof(*s))
		return "a capture of a version that this program does not know";
	if (!is_block_size(s->block_size) || !s->blocks ||
	    s->blocks > INT64_MAX / 2 / s->block_size || s->used > s->blocks ||
	    s->frame_size > CAPTURE_MAX_SLOT || s->window > CAPTURE_MAX_WINDOW)
		return "a superblock that makes no sense";
	make_printable(s->ifname, sizeof(s->ifname));
	make_printable(s->filter, sizeof(s->filter));
	return NULL;
}

bool capture_slot_decode(struct capture_slot *slot, const void *from,
			 const struct capture_super *super)
{
	/* most of what is looked at in a gap is none: without a copy of it */
	if (memcmp(from, CAPTURE_SLOT_MAGIC, sizeof(slot->magic)))
		return false;
	memcpy(slot, from, sizeof(*slot));
	if (memcmp(slot->id, super->uuid, sizeof(slot->id)) ||
	    le32toh(slot->crc) != crc32c(0, slot, offsetof(struct capture_slot, crc)))
		return false;
	slot_swap(slot);
	/* what it says of itself has to fit, whoever wrote it */
	return slot->seq != UINT64_MAX &&
	       slot->blocks <= super->frame_size / super->block_size &&
	       slot->data_off >= sizeof(*slot) &&
	       slot->cap_len <= super->frame_size &&
	       slot->data_off + slot->cap_len <= slot->blocks * super->block_size;
}
