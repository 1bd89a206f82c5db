// SPDX-License-Identifier: GPL-2.0
/* list, read: what is in a recording. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "recording.h"
#include "verbs.h"

struct list_options {
	const char		*nvme;
	unsigned long long	lba;
	unsigned long long	stream;
	const char		*output;
	bool			partial;
};

#define OPT(field)	offsetof(struct list_options, field)
#define OPT_NVME							\
	{ "nvme", 'n', OPT_STRING, OPT(nvme), "DEV",			\
	  "namespaces that were recorded to, or images of them, with commas between", true }
#define OPT_LBA								\
	{ "lba", 0, OPT_NUMBER, OPT(lba), "N", "first block of the recording", .def = "0" }

static const struct option_desc list_table[] = {
	OPT_NVME, OPT_LBA, { }
};

static const struct verb_desc list_verb = {
	"list", "",
	"List the streams of a recording that was made with --format log. It looks at\n"
	"the index only; 'sluice read' checks the data.",
	list_table,
};

static const struct option_desc read_table[] = {
	OPT_NVME,
	{ "stream", 's', OPT_NUMBER, OPT(stream), "N", "its number, of 'sluice list'", true },
	{ "output", 'o', OPT_STRING, OPT(output), "FILE", "where to, - is standard output",
	  true },
	OPT_LBA,
	{ "partial", 0, OPT_FLAG, OPT(partial), NULL,
	  "what is left of it, where some is lost" },
	{ }
};

static const struct verb_desc read_verb = {
	"read", "",
	"Read a stream of a recording that was made with --format log: all of it, in\n"
	"order, with each piece's checksum compared.",
	read_table,
};

/*
 * list
 */

/* RFC 3339, in UTC; "-" for what is not known */
static const char *time_text(unsigned long long ns)
{
	static char text[64];
	time_t secs = ns / 1000000000;
	struct tm tm;

	if (!ns || !gmtime_r(&secs, &tm))
		return "-";
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

static const char *peer_text(const struct recording_stream *s)
{
	static const unsigned char v4[12] = { [10] = 0xff, [11] = 0xff };
	static char text[INET6_ADDRSTRLEN + 16];
	char addr[INET6_ADDRSTRLEN];

	if (!s->begun)
		return "-";
	if (!memcmp(s->addr, v4, sizeof(v4))) {
		inet_ntop(AF_INET, s->addr + 12, addr, sizeof(addr));
		snprintf(text, sizeof(text), "%s:%u", addr, s->port);
	} else {
		inet_ntop(AF_INET6, s->addr, addr, sizeof(addr));
		snprintf(text, sizeof(text), "[%s]:%u", addr, s->port);
	}
	return text;
}

static struct json_object *stream_json(const struct recording *rec,
				       const struct recording_stream *s)
{
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "id", s->id);
	json_add_str(obj, "peer", peer_text(s));
	json_add_str(obj, "begin", time_text(s->begin_ns));
	json_add_str(obj, "end", time_text(s->end_ns));
	json_add_u64(obj, "bytes", s->total);
	json_add_u64(obj, "readable_bytes", s->readable);
	json_add_u64(obj, "extents", s->nr_extents);
	json_add_str(obj, "state", recording_state(rec, s));
	json_add_str(obj, "result", recording_result(s));
	return obj;
}

static void list_json(const struct recording *rec)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *streams = json_object_new_array();
	const struct recording_super *s = &rec->super;

	json_add_str(obj, "uuid", recording_uuid(s->uuid));
	json_add_str(obj, "begin", time_text(s->time_ns));
	json_add_str(obj, "layout", recording_is_mirror(rec) ? "mirror" : "stripe");
	json_add_u64(obj, "devices", s->nr_devs);
	json_add_bool(obj, "rotate", s->flags & SLUICE_FORMAT_ROTATE);
	json_add_bool(obj, "durable", s->flags & SLUICE_FORMAT_DURABLE);
	json_add_u64(obj, "block_size", s->block_size);
	json_add_u64(obj, "data_start", s->data_start);
	json_add_u64(obj, "data_blocks", s->data_blocks);
	for (unsigned long i = 0; i < rec->nr_streams; i++)
		json_object_array_add(streams, stream_json(rec, &rec->streams[i]));
	json_object_object_add(obj, "streams", streams);
	json_print(obj);
}

static void list_text(const struct recording *rec)
{
	const struct recording_super *s = &rec->super;

	printf("recording %s, begun %s, %u device%s%s\n", recording_uuid(s->uuid),
	       time_text(s->time_ns), s->nr_devs, s->nr_devs > 1 ? "s, " : "",
	       s->nr_devs < 2 ? "" : recording_is_mirror(rec) ? "mirror" : "stripe");
	printf("%8s  %-22s %-20s %14s %14s  %s\n", "stream", "peer", "begin",
	       "bytes", "readable", "state");
	for (unsigned long i = 0; i < rec->nr_streams; i++) {
		const struct recording_stream *st = &rec->streams[i];

		printf("%8llu  %-22s %-20s %14llu %14llu  %s\n", st->id, peer_text(st),
		       time_text(st->begin_ns), st->total, st->readable,
		       recording_state(rec, st));
	}
}

/* -1: options_parse() has said all; or the exit code */
static int parse(const struct verb_desc *verb, struct list_options *opt, int argc,
		 char **argv)
{
	int ret = options_parse(verb, opt, argc, argv);

	if (ret == -2)
		return 0;
	if (ret < 0)
		return EXIT_USAGE;
	if (ret == argc)
		return -1;
	error("%s takes no argument '%s'; see 'sluice %s --help'", verb->name, argv[ret],
	      verb->name);
	return EXIT_USAGE;
}

int do_list(int argc, char **argv)
{
	struct list_options opt = { };
	struct recording rec;
	int ret = parse(&list_verb, &opt, argc, argv);

	if (ret >= 0)
		return ret;
	if (recording_open(&rec, opt.nvme, opt.lba))
		return 1;
	if (json_output)
		list_json(&rec);
	else
		list_text(&rec);
	recording_close(&rec);
	return 0;
}

/*
 * read
 */

static int write_all(int fd, const char *data, size_t len, const char *name)
{
	ssize_t ret;

	for (; len; len -= ret, data += ret) {
		ret = write(fd, data, len);
		if (ret < 0 && errno == EINTR)
			ret = 0;
		else if (ret < 0)
			return error("%s: %s", name, strerror(errno));
	}
	return 0;
}

static int lost(const struct list_options *opt, unsigned long long from,
		unsigned long long to, const char *why)
{
	if (opt->partial) {
		note("stream %llu: bytes %llu to %llu are left out: %s", opt->stream, from,
		     to - 1, why);
		return 0;
	}
	return error("stream %llu: bytes %llu to %llu are lost: %s; --partial gives the rest",
		     opt->stream, from, to - 1, why);
}

static const char *explain(const struct recording *rec, int err)
{
	if (err != -EBADMSG)
		return strerror(-err);
	return rec->super.flags & SLUICE_FORMAT_ROTATE ?
	       "they have been overwritten, or are damaged (wrong checksum)" :
	       "they are damaged (wrong checksum)";
}

static int copy_extent(const struct recording *rec, const struct list_options *opt,
		       const struct recording_extent *e, int fd)
{
	unsigned int block = rec->super.block_size;
	unsigned long long from = e->vblock * block;
	void *data;
	int ret;

	if (posix_memalign(&data, SLUICE_FORMAT_UNIT, (size_t)e->blocks * block))
		return error("no memory for %u bytes", e->blocks * block);
	ret = recording_read(rec, e, data);
	if (ret)
		ret = lost(opt, from, from + e->bytes, explain(rec, ret));
	else
		ret = write_all(fd, data, e->bytes, opt->output);
	free(data);
	return ret;
}

static int copy_stream(const struct recording *rec, const struct list_options *opt,
		       const struct recording_stream *s, int fd)
{
	static const char why[] = "they are not in the index (any more)";
	unsigned long long done = 0, from;
	const struct recording_extent *e;

	for (unsigned long i = 0; (e = recording_extent(rec, s, i)); i++) {
		from = e->vblock * rec->super.block_size;
		if (from != done && lost(opt, done, from, why))
			return -1;
		if (copy_extent(rec, opt, e, fd))
			return -1;
		done = from + e->bytes;
	}
	if (done < s->total && !s->nr_behind && lost(opt, done, s->total, why))
		return -1;
	return 0;
}

static void explain_open(const struct recording_stream *s)
{
	note("stream %llu has no end: the recorder still runs, or was killed", s->id);
	if (s->nr_behind)
		note("stream %llu: after byte %llu some were not written (yet); --partial gives what is behind",
		     s->id, s->readable);
}

static int read_stream(const struct recording *rec, const struct list_options *opt)
{
	const struct recording_stream *found = recording_find(rec, opt->stream);
	struct recording_stream all;
	struct recording_stream *s = &all;
	int fd = STDOUT_FILENO, ret;

	if (!found)
		return error("--stream %llu: there is none; 'sluice list --nvme %s' lists them",
			     opt->stream, opt->nvme);
	all = *found;
	if (opt->partial) {
		all.nr_extents += all.nr_behind;
		all.nr_behind = 0;
	}
	/* before a file is made for it */
	if (recording_lost(rec, s) && !opt->partial)
		return error("stream %llu is %s: %llu of its %llu bytes are left; --partial gives them",
			     s->id, recording_state(rec, s), s->readable, s->total);
	if (!s->ended)
		explain_open(s);
	else if (s->error)
		note("stream %llu was cut off: %s", s->id, recording_cause(s));
	if (strcmp(opt->output, "-"))
		fd = open(opt->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return error("--output %s: %s", opt->output, strerror(errno));
	ret = copy_stream(rec, opt, s, fd);
	if (fd != STDOUT_FILENO && close(fd) && !ret)
		ret = error("--output %s: %s", opt->output, strerror(errno));
	return ret;
}

int do_read(int argc, char **argv)
{
	struct list_options opt = { };
	struct recording rec;
	int ret = parse(&read_verb, &opt, argc, argv);

	if (ret >= 0)
		return ret;
	if (recording_open(&rec, opt.nvme, opt.lba))
		return 1;
	ret = read_stream(&rec, &opt);
	recording_close(&rec);
	return ret ? 1 : 0;
}
