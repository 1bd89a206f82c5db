/* SPDX-License-Identifier: GPL-2.0 */
/* What the security module of module.bpf.c refuses, and how */
#ifndef _MODULE_H
#define _MODULE_H

#define MODULE_ERROR	121	/* EREMOTEIO, which nobody else answers */

enum { REFUSE_NOTHING, REFUSE_CMD, REFUSE_ADMIN, REFUSE_POLL, REFUSE_SEND };

#endif
