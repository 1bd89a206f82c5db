// SPDX-License-Identifier: GPL-2.0
/* export: a capture, as a pcapng file. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture_reader.h"
#include "options.h"
#include "output.h"
#include "pcapng.h"
#include "verbs.h"

struct export_options {
	const char		*nvme;
	unsigned long long	lba;
	const char		*output;
};

#define OPT(field)	offsetof(struct export_options, field)
static const struct option_desc options[] = {
	{ "nvme", 'n', OPT_STRING, OPT(nvme), "DEV|FILE",
	  "block node, or an image of one, to read", true },
	{ "lba", 0, OPT_NUMBER, OPT(lba), "N",
	  "block at which the capture begins", .def = "0" },
	{ "output", 'o', OPT_STRING, OPT(output), "FILE",
	  "file to write; - is standard output", .def = "-" },
	{ }
};

static const struct verb_desc verb = {
	"export", "",
	"Make a pcapng file, for Wireshark and the like, of what 'sluice capture' wrote.\n"
	"Of a capture that was cut off it has what is valid.",
	options,
};

struct export {
	struct export_options	opt;
	struct capture_reader	reader;
	FILE			*out;
	uint64_t		frames;
	uint64_t		bytes;
	uint64_t		missing;
	uint64_t		last_ns;
};

static bool is_complete(const struct export *ex)
{
	return ex->reader.super.flags & CAPTURE_F_COMPLETE;
}

static int write_error(const struct export *ex)
{
	return error("writing %s: %s; is there room?", ex->opt.output, strerror(errno));
}

static int open_output(struct export *ex)
{
	if (strcmp(ex->opt.output, "-")) {
		ex->out = fopen(ex->opt.output, "we");
		return ex->out ? 0 : error("--output %s: %s", ex->opt.output,
					   strerror(errno));
	}
	if (isatty(STDOUT_FILENO))
		return error("a pcapng file is nothing for a terminal; redirect it, or give --output FILE");
	ex->out = stdout;
	return 0;
}

static int write_frame(struct export *ex, const struct capture_frame *frame)
{
	const struct capture_slot *slot = &frame->slot;
	struct pcapng_packet packet = {
		.time_ns  = slot->time_ns,
		.cap_len  = slot->cap_len,
		/* readers refuse less than what is there */
		.orig_len = slot->orig_len > slot->cap_len ? slot->orig_len : slot->cap_len,
		.queue	  = slot->queue,
		.missing  = frame->missing,
		.data	  = frame->data,
	};

	if (pcapng_packet(ex->out, &packet))
		return write_error(ex);
	ex->frames++;
	ex->bytes += slot->cap_len;
	ex->missing += frame->missing;
	if (slot->time_ns > ex->last_ns)
		ex->last_ns = slot->time_ns;
	return 0;
}

static int write_stats(struct export *ex)
{
	const struct capture_super *s = &ex->reader.super;
	struct pcapng_stats stats = {
		.start_ns  = s->start_ns,
		.end_ns	   = is_complete(ex) ? s->end_ns : ex->last_ns,
		.known	   = is_complete(ex),
		.received  = s->matched + s->passed,
		.missed	   = s->missed,
		.accepted  = s->matched,
		.delivered = ex->frames,
	};

	for (int i = 0; i < CAPTURE_DROPS; i++)
		stats.dropped += s->dropped[i];
	return pcapng_stats(ex->out, &stats) ? write_error(ex) : 0;
}

static int write_all(struct export *ex)
{
	const struct capture_super *s = &ex->reader.super;
	struct pcapng_interface intf = {
		.name	   = s->ifname,
		.filter	   = s->filter,
		.link_type = s->link_type,
		.snaplen   = s->snaplen,
	};
	struct capture_frame frame;
	int ret;

	if (pcapng_start(ex->out, "sluice", &intf))
		return write_error(ex);
	while ((ret = capture_reader_next(&ex->reader, &frame)) > 0)
		if (write_frame(ex, &frame))
			return -1;
	if (ret || write_stats(ex))
		return -1;
	return fflush(ex->out) ? write_error(ex) : 0;
}

static void summary_json(const struct export *ex)
{
	const struct capture_super *s = &ex->reader.super;
	struct json_object *obj = json_object_new_object();
	char uuid[33];

	for (int i = 0; i < 16; i++)
		snprintf(uuid + 2 * i, 3, "%02x", s->uuid[i]);
	json_add_str(obj, "uuid", uuid);
	json_add_str(obj, "interface", s->ifname);
	json_add_bool(obj, "complete", is_complete(ex));
	json_add_bool(obj, "truncated", ex->reader.truncated);
	json_add_u64(obj, "frames", ex->frames);
	json_add_u64(obj, "bytes", ex->bytes);
	json_add_u64(obj, "missing_frames", ex->missing);
	json_add_u64(obj, "blocks", ex->reader.pos);
	json_add_u64(obj, "block_size", s->block_size);
	json_print(obj);
}

/* What was found, and whether that is what should be there */
static int summary(const struct export *ex)
{
	const struct capture_super *s = &ex->reader.super;
	bool cut = ex->reader.truncated;

	if (json_output)
		summary_json(ex);
	else
		note("%" PRIu64 " frames, %" PRIu64 " bytes, captured on %s",
		     ex->frames, ex->bytes, s->ifname);
	if (cut && is_complete(ex))
		return error("%s ends before the capture does: %" PRIu64 " of %" PRIu64 " frames exported; give the whole image",
			     ex->opt.nvme, ex->frames, s->frames);
	if (is_complete(ex) && ex->frames != s->frames)
		return error("%s is damaged: %" PRIu64 " of %" PRIu64 " frames are there and were exported",
			     ex->opt.nvme, ex->frames, s->frames);
	if (!is_complete(ex))
		note("the capture runs, or was cut off: exported what is valid, up to block %llu",
		     ex->opt.lba + ex->reader.pos);
	if (ex->missing)
		note("%" PRIu64 " frames between these are missing: they were not written",
		     ex->missing);
	return 0;
}

static int export_all(struct export *ex)
{
	int ret;

	if (capture_reader_open(&ex->reader, ex->opt.nvme, ex->opt.lba) ||
	    open_output(ex))
		return -1;
	ret = write_all(ex);
	if (ex->out != stdout && fclose(ex->out) && !ret)
		ret = write_error(ex);
	return ret ?: summary(ex);
}

int do_export(int argc, char **argv)
{
	struct export ex = { .reader.fd = -1 };
	int ret = options_parse(&verb, &ex.opt, argc, argv);

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	if (json_output && !strcmp(ex.opt.output, "-")) {
		error("-j and the pcapng file cannot both go to standard output; give --output FILE");
		return EXIT_USAGE;
	}
	ret = export_all(&ex);
	capture_reader_close(&ex.reader);
	return ret ? 1 : 0;
}
