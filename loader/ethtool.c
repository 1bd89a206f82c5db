// SPDX-License-Identifier: GPL-2.0
#include <libmnl/libmnl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "ethtool.h"

/* newer than some headers */
#define RINGS_HDS_THRESH	17

struct rings {
	int split, thresh;
};

static int on_family(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		*(uint16_t *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int family_cb(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_family, data);
}

static int on_ring(const struct nlattr *attr, void *data)
{
	struct rings *r = data;

	switch (mnl_attr_get_type(attr)) {
	case ETHTOOL_A_RINGS_TCP_DATA_SPLIT:
		r->split = mnl_attr_get_u8(attr);
		break;
	case RINGS_HDS_THRESH:
		r->thresh = mnl_attr_get_u32(attr);
		break;
	}
	return MNL_CB_OK;
}

static int rings_cb(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_ring, data);
}

static struct nlmsghdr *request(char *buf, uint16_t family, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = time(NULL);
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = 1;
	return nlh;
}

static int talk(struct mnl_socket *nl, char *buf, struct nlmsghdr *nlh,
		mnl_cb_t cb, void *data)
{
	unsigned int seq = nlh->nlmsg_seq;
	int ret;

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -1;
	do {
		ret = mnl_socket_recvfrom(nl, buf, MNL_SOCKET_BUFFER_SIZE);
		if (ret > 0)
			ret = mnl_cb_run(buf, ret, seq, mnl_socket_get_portid(nl),
					 cb, data);
	} while (ret > 0);
	return ret;
}

static int rings_get(struct mnl_socket *nl, const char *ifname, struct rings *rings)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlattr *nest;
	struct nlmsghdr *nlh;
	uint16_t family = 0;

	nlh = request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME);
	if (talk(nl, buf, nlh, family_cb, &family) < 0 || !family)
		return -1;
	nlh = request(buf, family, ETHTOOL_MSG_RINGS_GET);
	nest = mnl_attr_nest_start(nlh, ETHTOOL_A_RINGS_HEADER);
	mnl_attr_put_strz(nlh, ETHTOOL_A_HEADER_DEV_NAME, ifname);
	mnl_attr_nest_end(nlh, nest);
	return talk(nl, buf, nlh, rings_cb, rings) < 0 ? -1 : 0;
}

int ethtool_header_split(const char *ifname, int *on, int *thresh)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	struct rings rings = { .split = -1 };
	int ret = -1;

	if (!nl)
		return -1;
	if (!mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		ret = rings_get(nl, ifname, &rings);
	mnl_socket_close(nl);
	if (ret || rings.split < 0)
		return -1;
	*on = rings.split == ETHTOOL_TCP_DATA_SPLIT_ENABLED;
	*thresh = rings.thresh;
	return 0;
}
