// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "output.h"

static unsigned long long nr_failed(const struct log *log)
{
	unsigned long long nr = 0;

	for (unsigned long long i = 0; i < log->nr_streams; i++)
		nr += log->streams[i].result != 0;
	return nr;
}

static struct json_object *streams_json(const struct log *log)
{
	struct json_object *list = json_object_new_array(), *obj;

	for (unsigned long long i = 0; i < log->nr_streams; i++) {
		const struct log_stream *s = &log->streams[i];

		obj = json_object_new_object();
		json_add_u64(obj, "id", i + 1);
		json_add_u64(obj, "bytes", s->bytes);
		json_add_str(obj, "result", s->result ? strerror(-s->result) :
			     s->stopped ? "stopped" : "ok");
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *queues_json(const struct log *log)
{
	struct json_object *list = json_object_new_array(), *obj;
	struct io_unified_stats s;

	for (unsigned int i = 0; i < log->nr_rings; i++) {
		const struct log_ring *ring = &log->rings[i];

		region_stats(&ring->region, &s);
		obj = json_object_new_object();
		json_add_u64(obj, "queue", ring->queue);
		json_add_u64(obj, "napi_id", ring->napi_id);
		json_add_u64(obj, "streams", ring->nr_streams);
		json_add_count(obj, "received", &s.rx);
		json_add_u64(obj, "copied_bytes", s.copied_bytes);
		json_object_object_add(obj, "stages", run_stages_json(&ring->stages));
		json_object_array_add(list, obj);
	}
	return list;
}

static void summary_json(const struct log *log, const struct io_unified_stats *s)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "pipeline", log->opt->name);
	json_add_str(obj, "format", "log");
	json_add_str(obj, "uuid", recording_uuid(log->geo.devs[0].uuid));
	json_add_str(obj, "layout", record_layouts[log->opt->layout]);
	json_add_u64(obj, "devices", log->devs.nr);
	json_add_stats(obj, s);
	json_add_u64(obj, "start_lba", log->opt->lba);
	json_add_u64(obj, "block_size", log->geo.devs[0].block_size);
	json_add_u64(obj, "record_size", log->opt->in.record_size);
	json_add_u64(obj, "region_size", log->opt->in.region_size);
	json_add_u64(obj, "duration_ns", log_elapsed_ns(log));
	json_object_object_add(obj, "streams", streams_json(log));
	json_object_object_add(obj, "queues", queues_json(log));
	if (log->in.xdp)
		json_object_object_add(obj, "xdp", xdp_json(log->in.xdp));
	json_print(obj);
}

static void summary_text(const struct log *log, const struct io_unified_stats *s)
{
	printf("%s: %llu streams in %.2f s\n", log->opt->name, log->nr_streams,
	       log_elapsed_ns(log) / 1e9);
	printf("  received %12llu bytes in %llu records\n", s->rx.bytes, s->rx.bufs);
	printf("  dropped  %12llu bytes in %llu records\n", s->dropped.bytes,
	       s->dropped.bufs);
	printf("  written  %12llu bytes in %llu records, %llu commands\n",
	       s->written.bytes, s->written.bufs, s->nvme_cmds);
	printf("  failed   %12llu bytes\n  copied   %12llu bytes\n",
	       s->failed.bytes, s->copied_bytes);
	for (unsigned int i = 0; i < log->nr_rings; i++)
		run_stages_print(&log->rings[i].stages);
	if (log->in.xdp)
		xdp_print(log->in.xdp);
}

static int check_streams(const struct log *log, const struct io_unified_stats *s)
{
	unsigned long long i = 0, nr = nr_failed(log);

	if (!nr)
		return 0;
	while (!log->streams[i].result)
		i++;
	if (log->streams[i].result == -ENOSPC)
		return error("the recording is full: %llu bytes received were not written; give it more space, or --rotate",
			     s->failed.bytes);
	return error("%llu of %llu streams ended early, the first was stream %llu: %s; %llu bytes received were not written",
		     nr, log->nr_streams, i + 1, strerror(-log->streams[i].result),
		     s->failed.bytes);
}

static int check_index(const struct log *log)
{
	unsigned long long lost = place_lost(log->rings[0].place);
	int err = log->index_error;

	if (err == -ENOSPC)
		return error("the index is full: what was written last cannot be read; give a larger --index-size, or --rotate");
	if (err)
		return error("writing the index of %s: %s; what was written last cannot be read",
			     log->devs.list[0].node, strerror(-err));
	if (lost)
		return error("%llu extents are not in the index: their reports found no room; what they have cannot be read",
			     lost);
	if (log->nr_streams == log->max_streams && !log->stopping)
		return error("the index has room for %llu streams, and they have come; give a larger --index-size, or --rotate",
			     log->max_streams);
	return 0;
}

int log_summary(const struct log *log)
{
	struct io_unified_stats s;

	log_stats(log, &s);
	if (json_output)
		summary_json(log, &s);
	else
		summary_text(log, &s);
	fflush(stdout);
	if (check_index(log) || check_streams(log, &s))
		return -1;
	return run_check_stats(&s);
}
