/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stage: the stages of stages.bpf.c, as the tests of stages have them.
 */
#ifndef _STAGE_H
#define _STAGE_H

#include "request.h"

/* IO_UNIFIED_OPS_REQUIRED */
#define REQUIRED	1

/* The block bad_lba of this one cannot be written; it is device 1 */
extern const char *bad_node;
extern uint64_t bad_lba;

/* Takes NODE STAGES.bpf.o BAD_NODE BAD_SECTOR IF QUEUE IP PORT PEER_NETNS */
void stage_args(int argc, char **argv);

/* As in bpf/unified.bpf.h */
struct exit_info {
	uint32_t	ended;
	uint32_t	kind;
	int64_t		code;
	char		reason[128];
};

/* A variable of the program, by its name */
void *var(struct setup *s, const char *name);

#define U32(s, name)	(*(volatile uint32_t *)var(s, name))
#define I32(s, name)	(*(volatile int32_t *)var(s, name))
#define U64(s, name)	(*(volatile uint64_t *)var(s, name))
#define BOOL(s, name)	(*(volatile bool *)var(s, name))

struct bpf_map *stage_map(struct setup *s, const char *name);
/* Load all of them, attach none */
void load_stages(struct setup *s, unsigned int flags);
/* The same on a new ring, whose region has both devices; then also the NIC */
void set_up_stages(struct setup *s, unsigned int flags);
void set_up_stages_nic(struct setup *s, unsigned int flags);
int attach(struct setup *s, const char *name);
void must_attach(struct setup *s, const char *name);

struct exit_info exit_info(struct setup *s, const char *map);
void forget_exit(struct setup *s, const char *map);
/* Ejection is done by a worker */
struct exit_info wait_exit(struct setup *s, const char *map);

/* Where ->submit() is to send it */
void goes_to(struct setup *s, uint64_t slba, uint32_t dev, uint32_t mirror);
/* Write 4096 bytes to block @lba as the stage has it; own[0] is no letter */
int write_block(struct setup *s, uint64_t lba, unsigned int seed);
/* @first is the letter by which st_rx() knows what to do */
int ask(struct setup *s, char first, size_t len);
/* All of a stream, to block 4096 on if it is written */
void receive_stream(struct setup *s, struct stream *st, unsigned int mask,
		    int want, const char *text);

#endif /* _STAGE_H */
