/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * libsluice: unified I/O regions for programs that use liburing.
 *
 * All of it is inline: include this and link with liburing.  It works on the
 * program's own struct io_uring and has liburing's conventions: 0 or a count is
 * success, -errno an error; an entry comes from sluice_get_sqe(), a
 * sluice_prep_*() fills it, sluice_submit() publishes it.  sluice(3) is the
 * manual, <linux/io_uring/unified.h> the ABI.
 *
 *	region.h	register a region, map it, find the way in it, statistics
 *	queue.h		the region's SQ and CQ
 *	prep.h		SQEs of the region, and of the ring for IORING_OP_UNIFIED
 *	status.h	what a status means
 *
 * Threads: one at a time may use the SQ, and one at a time the CQ; these may
 * be two.  io_uring_enter() is called from both, so that on a ring with
 * IORING_SETUP_SINGLE_ISSUER both are the ring's task.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <sluice/region.h>
#include <sluice/queue.h>
#include <sluice/prep.h>
#include <sluice/status.h>

#endif /* SLUICE_H */
