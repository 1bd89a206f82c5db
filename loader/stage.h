/* SPDX-License-Identifier: GPL-2.0 */
/* The stages of a pipeline: load, attach in order, read their counters. */
#ifndef STAGE_H
#define STAGE_H

#include <bpf/libbpf.h>
#include <json-c/json.h>

struct stage;

/*
 * A stage from @spec, "NAME" or "NAME:KEY=VALUE,...", for the region of
 * @ring_fd; loaded, pinned and attached with priority @prio.  @nr tells two of
 * the same name apart.  NULL after an error message.
 */
struct stage *stage_open(const char *spec, int ring_fd, int prio, unsigned int nr);
void stage_close(struct stage *stage);

/*
 * {"drop": {"records", "bytes"}, ...} of a map that UNIFIED_VERDICTS() declared;
 * NULL if @map_fd is another.
 */
struct json_object *stage_counters_json(int map_fd);
/* {"name", "prio", "counters": {"drop": {"records", "bytes"}, ...}} */
struct json_object *stage_json(const struct stage *stage);
/* One line for a person */
void stage_print(const struct stage *stage);

#endif
