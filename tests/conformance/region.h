/* SPDX-License-Identifier: GPL-2.0 */
/*
 * region: a unified region and its rings, without any library.
 */
#ifndef _REGION_H
#define _REGION_H

#include <stddef.h>
#include <stdint.h>
#include <linux/io_uring.h>
#include <linux/io_uring/unified.h>

struct region {
	int			ring;
	char			*base;
	size_t			size;
	struct io_unified_ring	*sq, *cq;
	struct io_unified_sqe	*sqes;
	struct io_unified_cqe	*cqes;
	struct io_unified_stats	*stats;
	char			*data;
	size_t			data_size;
	unsigned int		queued;		/* by region_queue() */
};

/* All return 0 or -errno */
int ring_create(unsigned int entries, unsigned int flags);
int ring_register(int ring, unsigned int op, void *arg, unsigned int nr);
int ring_enter(int ring);

#define REGION_ENTRIES	64
#define REGION_USER	1	/* the memory is ours, not the kernel's */
#define REGION_DEFER	2	/* on a ring with DEFER_TASKRUN */
#define REGION_DISABLED	4	/* on a ring that is not enabled yet */
#define REGION_IDLE_MS	100

/* Of the poller, with IO_UNIFIED_REG_POLL: REGION_IDLE_MS unless changed */
extern unsigned int region_idle_ms;

/*
 * A region with data_size bytes of data, on a ring without flags unless how says
 * otherwise.  nvme_fd may be 0, reg_flags are enum io_unified_reg_flags.
 */
int region_open(struct region *r, int nvme_fd, size_t data_size,
		unsigned int reg_flags, unsigned int how);
/* The same with the other layout, by the path of a node */
int region_open_ifq(struct region *r, const char *path, size_t data_size,
		    unsigned int reg_flags);
/* Waits for the device to be free again, which closing alone does not */
int region_close(struct region *r);
/* One more device: its index, or -errno; reg may be NULL */
int region_add_dev(struct region *r, int fd, struct io_unified_dev_reg *reg);

/* A copy of the entry goes into the SQ; the kernel sees it at region_submit() */
void region_queue(struct region *r, const struct io_unified_sqe *sqe);
int region_submit(struct region *r);
/* The next completion; -ETIME if none comes */
int region_reap(struct region *r, struct io_unified_cqe *cqe, unsigned int ms);
/* One command from beginning to end */
struct io_unified_cqe region_run(struct region *r, const struct io_unified_sqe *sqe);

uint64_t now_ms(void);
/* Between two looks at what changes without an event, which began at begin */
void be_patient(uint64_t begin);

#endif /* _REGION_H */
