/* SPDX-License-Identifier: GPL-2.0 */
/* What a pipeline has of BPF, under the numbers and names that bpftool shows. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include <json-c/json.h>

/*
 * [{"type", "id", "name", "pin"}]: what is pinned in @folder, and without "pin" the
 * maps that this uses, by type and number.
 */
struct json_object *objects_json(const char *folder);

/*
 * Add to @stage what the link of it says that is pinned as @pin: {"prio", "state"},
 * "attached" or "detached".
 */
void objects_add_link(struct json_object *stage, const char *folder, const char *pin);

/* The map that @link_fd has attached, to be closed; -1 if it is none of struct_ops, or detached */
int objects_link_map(int link_fd);
/* The priority of the stage that @link_fd attaches; 0 if that is not known */
int objects_prio(int link_fd);

#endif
