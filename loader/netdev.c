// SPDX-License-Identifier: GPL-2.0
#include <linux/netdev.h>

#include "genl.h"
#include "netdev.h"

static int on_queue(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == NETDEV_A_QUEUE_NAPI_ID)
		*(unsigned int *)data = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

unsigned int netdev_napi_id(unsigned int ifindex, unsigned int queue)
{
	unsigned int id = 0;
	struct nlmsghdr *nlh;
	struct genl genl;

	if (genl_open(&genl, NETDEV_FAMILY_NAME))
		return 0;
	nlh = genl_request(&genl, NETDEV_CMD_QUEUE_GET);
	mnl_attr_put_u32(nlh, NETDEV_A_QUEUE_IFINDEX, ifindex);
	mnl_attr_put_u32(nlh, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX);
	mnl_attr_put_u32(nlh, NETDEV_A_QUEUE_ID, queue);
	if (genl_talk(&genl, nlh, on_queue, &id))
		id = 0;
	genl_close(&genl);
	return id;
}
