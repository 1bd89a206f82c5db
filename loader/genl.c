// SPDX-License-Identifier: GPL-2.0
#include <linux/genetlink.h>
#include <string.h>
#include <time.h>

#include "genl.h"

struct answer {
	mnl_attr_cb_t	cb;
	void		*data;
};

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	const struct answer *answer = data;

	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), answer->cb, answer->data);
}

static int on_family(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		*(unsigned short *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

struct nlmsghdr *genl_request(struct genl *genl, unsigned char cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(genl->buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = genl->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = time(NULL);
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = 1;
	return nlh;
}

int genl_talk(struct genl *genl, struct nlmsghdr *nlh, mnl_attr_cb_t cb, void *data)
{
	struct answer answer = { cb, data };
	unsigned int seq = nlh->nlmsg_seq;
	int ret;

	if (mnl_socket_sendto(genl->nl, nlh, nlh->nlmsg_len) < 0)
		return -1;
	do {
		ret = mnl_socket_recvfrom(genl->nl, genl->buf, sizeof(genl->buf));
		if (ret > 0)
			ret = mnl_cb_run(genl->buf, ret, seq,
					 mnl_socket_get_portid(genl->nl),
					 on_message, &answer);
	} while (ret > 0);
	return ret < 0 ? -1 : 0;
}

int genl_open(struct genl *genl, const char *family)
{
	unsigned short id = 0;
	struct nlmsghdr *nlh;

	genl->nl = mnl_socket_open(NETLINK_GENERIC);
	if (!genl->nl)
		return -1;
	genl->family = GENL_ID_CTRL;
	if (mnl_socket_bind(genl->nl, 0, MNL_SOCKET_AUTOPID))
		goto err;
	nlh = genl_request(genl, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, family);
	if (genl_talk(genl, nlh, on_family, &id) || !id)
		goto err;
	genl->family = id;
	return 0;
err:
	genl_close(genl);
	return -1;
}

void genl_close(struct genl *genl)
{
	mnl_socket_close(genl->nl);
}
