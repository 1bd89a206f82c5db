// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "pin.h"
#include "place.h"
#include "place.skel.h"

/* Behind the stages, so that it sees only how a command ended in the end */
#define PLACE_PRIO	2000000

struct place {
	struct place_bpf	*skel;
	struct bpf_link		*link;
};

static void set_up(struct place_bpf *skel, const struct place_params *p, int ring_fd)
{
	skel->rodata->place_log = p->log;
	skel->rodata->place_mirror = p->mirror;
	skel->rodata->place_durable = p->durable;
	skel->rodata->place_rotate = p->rotate;
	skel->rodata->place_nr_devs = p->nr_devs;
	skel->rodata->place_max_extents = p->max_extents;
	for (unsigned int i = 0; i < PLACE_DEVS; i++) {
		skel->rodata->place_start[i] = p->start[i];
		skel->rodata->place_blocks[i] = p->blocks[i];
	}
	*(int *)&skel->struct_ops.place->ring_fd = ring_fd;
	skel->struct_ops.place->prio = PLACE_PRIO;
}

static int share_maps(struct place_bpf *skel, const struct place *with)
{
	const struct place_bpf *other = with->skel;

	return bpf_map__reuse_fd(skel->maps.place_state,
				 bpf_map__fd(other->maps.place_state)) ||
	       bpf_map__reuse_fd(skel->maps.place_sent,
				 bpf_map__fd(other->maps.place_sent)) ||
	       bpf_map__reuse_fd(skel->maps.place_done,
				 bpf_map__fd(other->maps.place_done)) ||
	       bpf_map__reuse_fd(skel->maps.place_count,
				 bpf_map__fd(other->maps.place_count)) ? -1 : 0;
}

static int load(struct place *place, const struct place *share)
{
	int ret = share ? share_maps(place->skel, share) : 0;

	if (!ret)
		ret = place_bpf__load(place->skel);
	if (ret)
		return error("loading stage place: %s; SLUICE_DEBUG=1 shows what the verifier says",
			     strerror(errno));
	if (pin_object(place->skel->obj, "place"))
		return -1;
	place->link = bpf_map__attach_struct_ops(place->skel->maps.place);
	if (!place->link)
		return error("attaching stage place: %s", strerror(errno));
	return pin_link(place->link, "place");
}

struct place *place_open(const struct place_params *params, int ring_fd,
			 const struct place *share)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	place->skel = place_bpf__open();
	if (!place->skel) {
		error("place: %s", strerror(errno));
		free(place);
		return NULL;
	}
	set_up(place->skel, params, ring_fd);
	if (!load(place, share))
		return place;
	place_close(place);
	return NULL;
}

void place_close(struct place *place)
{
	if (!place)
		return;
	bpf_link__destroy(place->link);
	place_bpf__destroy(place->skel);
	free(place);
}

int place_done_fd(const struct place *place)
{
	return bpf_map__fd(place->skel->maps.place_done);
}

unsigned long long place_lost(const struct place *place)
{
	unsigned long long count[2] = { };	/* struct place_count */
	unsigned int key = 0;

	bpf_map_lookup_elem(bpf_map__fd(place->skel->maps.place_count), &key, count);
	return count[1];
}
