/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One at a time: pipelines that start or end at the same moment share the folder
 * in bpffs, and the XDP dispatcher of an interface.
 */
#ifndef LOCK_H
#define LOCK_H

/*
 * Wait for the others; may be nested, each has to be given back.  It goes with
 * the process, also with one that is killed.
 */
void lock_take(void);
void lock_give(void);

#endif
