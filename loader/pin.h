/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The folder of a pipeline in bpffs, /sys/fs/bpf/sluice/NAME: everything that
 * the loader creates has a name there, for bpftool and for `sluice show`.
 */
#ifndef PIN_H
#define PIN_H

#include <bpf/libbpf.h>
#include <stdbool.h>

#include "pipeline.h"

#define PIN_ROOT	"/sys/fs/bpf/sluice"

/* Make the folder of @name; -1 after an error message, if it is in use say */
int pin_open(const char *name, int ring_fd);
/* Pin into the folder of the pipeline @name, which is another process's */
int pin_join(const char *name, struct pipeline_info *info);
void pin_close(void);

/* Pin the programs and maps of @obj, named with @prefix; 0 or -1 as above */
int pin_object(struct bpf_object *obj, const char *prefix);
int pin_link(struct bpf_link *link, const char *prefix);
int pin_fd(int fd, const char *name);
/* What follows is about ring @nr's pins: those of 0 have no prefix, others "ringN-" */
void pin_ring(unsigned int nr);
int pin_fd_name(int fd, const char *prefix, const char *name);
/* A descriptor of what is pinned as PREFIX-NAME, or -1 and errno */
int pin_get(const char *prefix, const char *name);
/* "PREFIX, PREFIX" of everything that is pinned with @name, of ring 0, in @text */
void pin_list(const char *name, char *text, size_t size);
/* Is anything pinned with @prefix?  Remove all of it */
bool pin_exists(const char *prefix);
void pin_remove(const char *prefix);

/* Is program @id pinned, under @name, in the folder of any pipeline? */
bool pin_has_prog(const char *name, unsigned int id);

#endif
