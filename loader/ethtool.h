/* SPDX-License-Identifier: GPL-2.0 */
/* What ethtool's netlink family says of an interface's rings. */
#ifndef ETHTOOL_H
#define ETHTOOL_H

/* Header split on? From how many bytes of payload? 0, or -1 if it is not said */
int ethtool_header_split(const char *ifname, int *on, int *thresh);

#endif
