/* SPDX-License-Identifier: GPL-2.0 */
/* What the netdev netlink family says of an interface's queues. */
#ifndef NETDEV_H
#define NETDEV_H

/* The NAPI that receives by queue @queue, as SO_INCOMING_NAPI_ID has it; 0: unknown */
unsigned int netdev_napi_id(unsigned int ifindex, unsigned int queue);

#endif
