// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture_filter.h"
#include "output.h"

struct name {
	const char	*name;
	unsigned int	value;
};

static const struct name ethertypes[] = {
	{ "ip", 0x0800 }, { "arp", 0x0806 }, { "ipv6", 0x86dd }, { "lldp", 0x88cc },
	{ "ptp", 0x88f7 }, { }
};

static const struct name protos[] = {
	{ "icmp", IPPROTO_ICMP }, { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP },
	{ "icmpv6", IPPROTO_ICMPV6 }, { "sctp", IPPROTO_SCTP }, { }
};

/* A name of @names (may be NULL), or a number up to @max; -1 if neither */
static long parse_value(const struct name *names, const char *text, unsigned long max)
{
	unsigned long v;
	char *end;

	for (; names && names->name; names++)
		if (!strcmp(names->name, text))
			return names->value;
	errno = 0;
	v = strtoul(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || v > max)
		return -1;
	return v;
}

static int set_ethertype(struct capture_filter *f, const char *text)
{
	long v = parse_value(ethertypes, text, 0xffff);

	if (v < 0)
		return error("--filter ethertype=%s is none; give ip, ipv6, arp, lldp, ptp or a number, 0x0800 say",
			     text);
	f->ethertype = v;
	f->has |= CAPTURE_HAS_ETHERTYPE;
	return 0;
}

static int set_proto(struct capture_filter *f, const char *text)
{
	long v = parse_value(protos, text, 0xff);

	if (v < 0)
		return error("--filter proto=%s is none; give tcp, udp, icmp, icmpv6, sctp or a number up to 255",
			     text);
	f->proto = v;
	f->has |= CAPTURE_HAS_PROTO;
	return 0;
}

static int set_port(struct capture_filter *f, const char *text)
{
	long v = parse_value(NULL, text, 0xffff);

	if (v < 0)
		return error("--filter port=%s is no number from 0 to 65535", text);
	f->port = v;
	f->has |= CAPTURE_HAS_PORT;
	return 0;
}

static int set_host(struct capture_filter *f, const char *text)
{
	if (inet_pton(AF_INET, text, f->host) == 1)
		f->ip_version = 4;
	else if (inet_pton(AF_INET6, text, f->host) == 1)
		f->ip_version = 6;
	else
		return error("--filter host=%s is no IPv4 or IPv6 address", text);
	f->has |= CAPTURE_HAS_HOST;
	return 0;
}

static const struct {
	const char	*key;
	unsigned int	has;
	int		(*set)(struct capture_filter *f, const char *text);
} keys[] = {
	{ "ethertype", CAPTURE_HAS_ETHERTYPE, set_ethertype },
	{ "proto", CAPTURE_HAS_PROTO, set_proto },
	{ "port", CAPTURE_HAS_PORT, set_port },
	{ "host", CAPTURE_HAS_HOST, set_host },
};

static int set_key(struct capture_filter *f, char *part)
{
	char *value = strchr(part, '=');

	if (!value)
		return error("--filter '%s' is not KEY=VALUE; keys are ethertype, proto, port and host",
			     part);
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].key, part))
			continue;
		if (f->has & keys[i].has)
			return error("--filter has %s twice; a frame has to match all of it", part);
		return keys[i].set(f, value);
	}
	return error("--filter knows no '%s'; keys are ethertype, proto, port and host", part);
}

int capture_filter_parse(struct capture_filter *filter, const char *text)
{
	char copy[128], *part, *save;

	memset(filter, 0, sizeof(*filter));
	if (!text)
		return 0;
	if (strlen(text) >= sizeof(copy))
		return error("--filter of %zu characters is longer than %zu", strlen(text),
			     sizeof(copy) - 1);
	strcpy(copy, text);
	for (part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save))
		if (set_key(filter, part))
			return -1;
	return filter->has ? 0 : error("--filter '%s' is empty; leave it out to capture all frames", text);
}
