/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a pipeline tells a service manager, see sd_notify(3).  Without one nothing
 * of this does anything.
 */
#ifndef SERVICE_H
#define SERVICE_H

/* It is set up: who waits for it can go on.  progress() is its status from now on */
void service_ready(void);
/* What `systemctl status` shows; not more often than once a second */
void service_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The loop goes round; called as often as service_timeout() says, or more often */
void service_watchdog(void);
/* It ends, which may take a while */
void service_stopping(void);

/* Milliseconds to wait at most, where @ms would do otherwise (-1: forever) */
int service_timeout(int ms);

#endif
