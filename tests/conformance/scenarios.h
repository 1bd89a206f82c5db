/* SPDX-License-Identifier: GPL-2.0 */
/*
 * scenarios: what a process may be doing with a region when it dies.
 */
#ifndef _SCENARIOS_H
#define _SCENARIOS_H

#include "request.h"

/*
 * Each runs for ever in a region with a NIC queue and a device, and writes a byte to
 * fd when it is in the middle of what it is about.
 */
struct scenario {
	void		(*run)(struct setup *s, struct peer *p, int fd);
	void		(*peer)(int sock, void *arg);
	const char	*what;
};

extern const struct scenario scenarios[];
extern const unsigned int nr_scenarios;

/* Queue and device are free, and a stream is received and written by them */
bool is_free(void);

#endif /* _SCENARIOS_H */
