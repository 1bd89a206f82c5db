// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capture_report.h"
#include "output.h"

static uint64_t sum_dropped(const struct capture_super *s)
{
	uint64_t sum = 0;

	for (int i = 0; i < CAPTURE_DROPS; i++)
		sum += s->dropped[i];
	return sum;
}

bool capture_conserved(const struct capture_super *s)
{
	return s->matched == s->frames + sum_dropped(s);
}

static const char *mode(const struct capture_report *r)
{
	return r->rx->zerocopy ? "zerocopy" : "copy";
}

/* Who took the times */
static const char *times(const struct capture_report *r)
{
	if (!r->late)
		return "xdp";
	return r->late == r->writer->seq ? "user" : "xdp and user";
}

static struct json_object *drops_json(const struct capture_super *s)
{
	struct json_object *obj = json_object_new_object();

	for (int i = 0; i < CAPTURE_DROPS; i++)
		if (capture_drop_names[i])
			json_add_u64(obj, capture_drop_names[i], s->dropped[i]);
	return obj;
}

static void report_json(const struct capture_report *r)
{
	struct json_object *obj = json_object_new_object();
	const struct capture_super *s = r->super;
	char uuid[33];

	for (int i = 0; i < 16; i++)
		snprintf(uuid + 2 * i, 3, "%02x", s->uuid[i]);
	json_add_str(obj, "pipeline", r->name);
	json_add_str(obj, "ended", r->ended);
	json_add_str(obj, "uuid", uuid);
	json_add_str(obj, "interface", s->ifname);
	json_add_str(obj, "mode", mode(r));
	json_add_str(obj, "xdp", r->xdp);
	json_add_str(obj, "timestamps", times(r));
	json_add_u64(obj, "matched_frames", s->matched);
	json_add_u64(obj, "matched_bytes", r->stats->xdp.matched_bytes);
	json_add_u64(obj, "passed_frames", s->passed);
	json_add_u64(obj, "written_frames", s->frames);
	json_add_u64(obj, "written_bytes", s->bytes);
	json_add_u64(obj, "written_wire_bytes", s->orig_bytes);
	json_add_u64(obj, "dropped_frames", sum_dropped(s));
	json_object_object_add(obj, "dropped", drops_json(s));
	json_add_u64(obj, "missed_frames", s->missed);
	json_add_u64(obj, "fill_empty", r->stats->fill_empty);
	json_add_bool(obj, "conserved", capture_conserved(s));
	json_add_u64(obj, "nvme_cmds", r->writer->commands);
	json_add_u64(obj, "nvme_retries", r->writer->retries);
	json_add_u64(obj, "start_lba", r->writer->lba);
	json_add_u64(obj, "blocks", s->used);
	json_add_u64(obj, "block_size", s->block_size);
	json_add_u64(obj, "snaplen", s->snaplen);
	json_add_u64(obj, "duration_ns", s->end_ns - s->start_ns);
	json_print(obj);
}

static void report_text(const struct capture_report *r)
{
	const struct capture_super *s = r->super;

	printf("%s: %s, %.2f s on %s (%s, XDP %s, time by %s)\n", r->name, r->ended,
	       (s->end_ns - s->start_ns) / 1e9, s->ifname, mode(r), r->xdp, times(r));
	printf("  matched  %12" PRIu64 " frames, %" PRIu64 " others passed to the stack\n",
	       s->matched, s->passed);
	printf("  written  %12" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64
	       " blocks of %u from %" PRIu64 " on\n",
	       s->frames, s->bytes, s->used, s->block_size, r->writer->lba);
	printf("  dropped  %12" PRIu64 " frames\n", sum_dropped(s));
	for (int i = 0; i < CAPTURE_DROPS; i++)
		if (s->dropped[i])
			printf("    %-10s %8" PRIu64 "\n", capture_drop_names[i],
			       s->dropped[i]);
	if (s->missed)
		printf("  missed   %12" PRIu64 " frames by the NIC\n", s->missed);
}

int capture_report(const struct capture_report *r)
{
	const struct capture_writer *w = r->writer;
	const struct capture_super *s = r->super;

	if (json_output)
		report_json(r);
	else
		report_text(r);
	fflush(stdout);
	if (w->failed)
		return error("%" PRIu64 " frames were not written to %s: %s; 'dmesg' may tell more",
			     w->failed, w->nvme, w->last_error ? strerror(w->last_error) :
			     sluice_status_str(w->last_status));
	if (!capture_conserved(s))
		return error("%" PRIu64 " frames matched, but %" PRIu64 " were written or dropped; please report it with the summary",
			     s->matched, s->frames + sum_dropped(s));
	return 0;
}
