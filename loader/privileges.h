/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Privileges are for setting a pipeline up and for taking it down.  In between its
 * process has none: what takes it down is another one, which waits for the first
 * to end, in whatever way.
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>

/* Is there a user @name?  NULL is nobody and fine; 0, or -1 after an error message */
int privileges_check(const char *name);

/*
 * Give up all capabilities for good and become @user, if that is not NULL.
 * @undo(@arg) is called by the other process; only for the calling thread and those
 * that it starts later, so call it before there are any.  0, or -1 after an error
 * message.
 */
int privileges_drop(const char *user, void (*undo)(void *arg), void *arg);

/* The same for a thread that is there already, after that */
int privileges_drop_thread(void);

/*
 * Have undo() called and wait for it.  True if that was done; false if nothing has
 * been dropped, and the caller has to do it.
 */
bool privileges_undo(void);

#endif
