/* SPDX-License-Identifier: GPL-2.0 */
/* One question to a generic netlink family. */
#ifndef GENL_H
#define GENL_H

#include <libmnl/libmnl.h>

struct genl {
	struct mnl_socket	*nl;
	unsigned short		family;
	char			buf[8192];	/* MNL_SOCKET_BUFFER_SIZE at most */
};

/* 0, or -1 where there is no such family; says nothing */
int genl_open(struct genl *genl, const char *family);
void genl_close(struct genl *genl);

/* A request, to which the caller adds attributes */
struct nlmsghdr *genl_request(struct genl *genl, unsigned char cmd);
/* Send it; @cb gets each attribute of the answer.  0 or -1 */
int genl_talk(struct genl *genl, struct nlmsghdr *nlh, mnl_attr_cb_t cb, void *data);

#endif
