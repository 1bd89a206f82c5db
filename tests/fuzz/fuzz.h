/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fuzz: what the fuzzers have in common: chance that a seed repeats, values that
 * are wrong on purpose, the end of a run, connections, and whether all is free
 * again.
 */
#ifndef _FUZZ_H
#define _FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/types.h>
#include "stage.h"

struct bpf_link;

struct fuzz {
	uint64_t	seed;
	uint64_t	max_ops;	/* 0: until the time is up */
	uint64_t	end;		/* by now_ms(), 0: until max_ops */
	const char	*corpus;	/* file, or NULL */
	const char	*found;		/* file to append to, or NULL */
	/* what the kernel was asked to do: system calls and entries of rings */
	uint64_t	ops;
};

extern struct fuzz fuzz;

/*
 * Takes the options --seed N, --ops N, --seconds N, --corpus FILE and --found FILE:
 * how many arguments that were.  Without a seed, the time is one; it is printed.
 */
int fuzz_args(int argc, char **argv);
bool fuzz_goes_on(void);
/* A line now and then, for those who watch: what has been counted so far */
void fuzz_progress(const char *what, uint64_t nr);

uint64_t rnd(void);
void rnd_seed(uint64_t seed);
/* 0 to n - 1 */
uint32_t below(uint32_t n);
static inline bool one_in(uint32_t n)
{
	return !below(n);
}

/*
 * A value that whoever expects something like @base may stumble over, which of
 * them by chance's @r: the ends of types, powers of two, pages, its neighbours,
 * one bit wrong, or anything.
 */
uint64_t odd_value(uint64_t base, uint64_t r);

/*
 * The stage fuzz.bpf.c, from the file in request.h's stage_path: loaded once, by
 * fuzz_load_stage(), and attached as often as one likes, to the ring that has the
 * descriptor FUZZ_RING_FD then.
 */
#define FUZZ_RING_FD	100
extern volatile struct fuzz_stage *fuzz_stage;

void fuzz_load_stage(void);
/* NULL: it cannot be attached now; ended by bpf_link__destroy() */
struct bpf_link *fuzz_attach_stage(void);

/*
 * A TCP connection by the NIC to the address of request.h: both ends are in this
 * process, which goes to the peer's namespace to make one of them.  Nothing blocks.
 */
struct conn {
	int	near;	/* where the region is */
	int	far;
};

void conn_open(struct conn *c);
void conn_close(struct conn *c);

/*
 * Admin commands that take away what the driver stands on: queues, namespaces,
 * the controller.  Root can send them by ioctl, too, and what follows tells
 * nothing of regions.
 */
bool takes_ground_away(unsigned int admin_opcode);

/* @opcode, unless it is that of Copy: QEMU dies of wrong ranges in one */
uint8_t harmless(uint8_t opcode);

/*
 * Device and NIC, unless nic is false, can be had again, and the next pipeline
 * works: a block goes to the device and comes back, and a stream arrives.  Says
 * what does not, and waits for a while before.
 */
bool all_free(bool nic);

#endif /* _FUZZ_H */
