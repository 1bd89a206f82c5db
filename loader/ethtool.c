// SPDX-License-Identifier: GPL-2.0
#include <linux/ethtool_netlink.h>

#include "ethtool.h"
#include "genl.h"

/* newer than some headers */
#define RINGS_HDS_THRESH	17

struct rings {
	int split, thresh;
};

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

int ethtool_header_split(const char *ifname, int *on, int *thresh)
{
	struct rings rings = { .split = -1 };
	struct nlattr *nest;
	struct nlmsghdr *nlh;
	struct genl genl;
	int ret;

	if (genl_open(&genl, ETHTOOL_GENL_NAME))
		return -1;
	nlh = genl_request(&genl, ETHTOOL_MSG_RINGS_GET);
	nest = mnl_attr_nest_start(nlh, ETHTOOL_A_RINGS_HEADER);
	mnl_attr_put_strz(nlh, ETHTOOL_A_HEADER_DEV_NAME, ifname);
	mnl_attr_nest_end(nlh, nest);
	ret = genl_talk(&genl, nlh, on_ring, &rings);
	genl_close(&genl);
	if (ret || rings.split < 0)
		return -1;
	*on = rings.split == ETHTOOL_TCP_DATA_SPLIT_ENABLED;
	*thresh = rings.thresh;
	return 0;
}
