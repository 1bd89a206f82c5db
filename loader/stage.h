/* SPDX-License-Identifier: GPL-2.0 */
/* The stages of a pipeline: load, attach in order, read their counters. */
#ifndef STAGE_H
#define STAGE_H

#include <bpf/libbpf.h>
#include <json-c/json.h>

struct stage;

/*
 * A stage from @spec, "NAME" or "NAME:KEY=VALUE,...", for the region of
 * @ring_fd; loaded, pinned and attached with priority @prio.  NAME is one that is
 * built in, a path, or one of the folder of stages.  @nr tells two of the same
 * name apart.  With @required streams end with it, should it end by itself.  NULL
 * after an error message.
 */
struct stage *stage_open(const char *spec, int ring_fd, int prio, unsigned int nr,
			 bool required);
/* The same; the name's number is the first that is free */
struct stage *stage_attach(const char *spec, int ring_fd, int prio);
/*
 * The same, but it is not attached yet: it has the place of the one that @link_fd has
 * attached when stage_replace(), which returns 0, or -1 after an error message, has
 * given it that.
 */
struct stage *stage_open_replacement(const char *spec, int link_fd);
int stage_replace(struct stage *stage, int link_fd);
/*
 * Load it with these options, attach it to nothing: {"name", "programs": [{"name",
 * "verified_insns"}]}, or NULL after an error message.
 */
struct json_object *stage_check(const char *spec);
/* What is pinned stays */
void stage_close(struct stage *stage);

/* As it is pinned and shown: "filter1" */
const char *stage_name(const struct stage *stage);

/*
 * {"drop": {"records", "bytes"}, ...} of a map that UNIFIED_VERDICTS() declared;
 * NULL if @map_fd is another.
 */
struct json_object *stage_counters_json(int map_fd);
/*
 * In words, how the stage ended that has kept that in a map which UNIFIED_EXIT()
 * declared: "ended by itself: REASON"; NULL if it has not.  Valid until the next
 * call.
 */
const char *stage_exit_text(int map_fd);
const char *stage_exit_reason(const struct stage *stage);
/* The same, but only if nobody has asked for it: it ended by itself, or was ejected */
const char *stage_gave_up(const struct stage *stage);
/* {"name", "prio", "counters": {"drop": {"records", "bytes"}, ...}, "ended"} */
struct json_object *stage_json(const struct stage *stage);
/* One line for a person */
void stage_print(const struct stage *stage);

#endif
