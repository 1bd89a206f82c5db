// SPDX-License-Identifier: GPL-2.0
/* doctor: each thing that a pipeline needs, yes or no, and the remedy. */
#include <bpf/btf.h>
#include <errno.h>
#include <limits.h>
#include <liburing.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <linux/io_uring/unified.h>
#include <linux/magic.h>

#include "ethtool.h"
#include "net.h"
#include "nvme.h"
#include "options.h"
#include "output.h"
#include "verbs.h"

#define REGION_SIZE	(64u << 20)	/* what record takes by default */

struct doctor_options {
	const char		*dev;
	unsigned long long	queue;
	const char		*nvme;
};

#define OPT(field)	offsetof(struct doctor_options, field)
static const struct option_desc options[] = {
	{ "dev", 'd', OPT_STRING, OPT(dev), "IF", "look at this interface, too" },
	{ "queue", 0, OPT_NUMBER, OPT(queue), "N", "and this receive queue of it",
	  .max = UINT_MAX },
	{ "nvme", 'n', OPT_STRING, OPT(nvme), "DEV", "look at this namespace, too" },
	{ }
};

static const struct verb_desc verb = {
	"doctor", "",
	"Say of each thing that a pipeline needs whether it is there, and what to do\n"
	"if not. Changes nothing. Exit code 1 if something is missing.",
	options,
};

static struct json_object *results;
static int missing;

/* @ok: 1 yes, 0 no, -1 cannot be told */
static void __attribute__((format(printf, 4, 5)))
check(const char *area, const char *what, int ok, const char *remedy, ...)
{
	struct json_object *obj = json_object_new_object();
	const char *word = ok > 0 ? "yes" : ok ? "?" : "no";
	char text[512] = "";
	va_list ap;

	if (ok <= 0) {
		va_start(ap, remedy);
		vsnprintf(text, sizeof(text), remedy, ap);
		va_end(ap);
	}
	missing += !ok;
	json_add_str(obj, "area", area);
	json_add_str(obj, "check", what);
	json_add_str(obj, "result", ok < 0 ? "unknown" : word);
	if (text[0])
		json_add_str(obj, "remedy", text);
	json_object_array_add(results, obj);
	if (json_output)
		return;
	printf("%-7s %-64s %s\n", area, what, word);
	if (text[0])
		printf("%-7s   %s\n", "", text);
}

static int has_opcode(void)
{
	struct io_uring_probe *probe = io_uring_get_probe();
	int ret = probe && io_uring_opcode_supported(probe, IORING_OP_UNIFIED);

	io_uring_free_probe(probe);
	return ret;
}

static int btf_has(const struct btf *btf, const char *name, int kind)
{
	return btf && btf__find_by_name_kind(btf, name, kind) > 0;
}

/* What the stages that come with sluice call */
static const char *missing_kfunc(const struct btf *btf)
{
	static const char * const names[] = {
		"bpf_io_unified_buf_data", "bpf_io_unified_buf_load",
		"bpf_io_unified_buf_store", "bpf_io_unified_buf_crc32c",
		"bpf_io_unified_alloc", "bpf_io_unified_buf_clone",
		"bpf_io_unified_buf_write", "bpf_io_unified_buf_read",
		"bpf_io_unified_buf_pass", "bpf_io_unified_buf_drop",
		"bpf_io_unified_stream_storage", "bpf_io_unified_get_stats",
		"bpf_io_unified_exit",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!btf_has(btf, names[i], BTF_KIND_FUNC))
			return names[i];
	return NULL;
}

static int is_mounted(const char *path, long magic)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == magic;
}

static void check_kernel(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const char *kfunc;
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	check("kernel", "Linux 7.3 or later", major > 7 || (major == 7 && minor >= 3),
	      "this is %s; boot 7.3 with the patches of kernel/", u.release);
	check("kernel", "io_uring knows IORING_OP_UNIFIED", has_opcode(),
	      "apply the patches of kernel/, set CONFIG_IO_URING_UNIFIED");
	check("kernel", "BTF", btf != NULL, "set CONFIG_DEBUG_INFO_BTF");
	check("kernel", "stages (struct io_unified_ops)",
	      btf_has(btf, "io_unified_ops", BTF_KIND_STRUCT),
	      "set CONFIG_BPF_JIT and CONFIG_DEBUG_INFO_BTF");
	kfunc = missing_kfunc(btf);
	check("kernel", "functions for stages (kfuncs)", !kfunc,
	      "no %s: apply the patches that came with this sluice", kfunc);
	check("kernel", "bpffs on /sys/fs/bpf",
	      is_mounted("/sys/fs/bpf", BPF_FS_MAGIC),
	      "mount -t bpf bpf /sys/fs/bpf");
	btf__free(btf);
}

static bool has_cap(cap_value_t cap)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (caps)
		cap_get_flag(caps, cap, CAP_EFFECTIVE, &value);
	cap_free(caps);
	return value == CAP_SET;
}

/* A file of /proc/sys; -1 if there is none */
static long sysctl_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long v = -1;

	if (f && fscanf(f, "%ld", &v) != 1)
		v = -1;
	if (f)
		fclose(f);
	return v;
}

static void check_settings(void)
{
	long jit = sysctl_number("/proc/sys/net/core/bpf_jit_enable");
	long uring = sysctl_number("/proc/sys/kernel/io_uring_disabled");

	/* without the file it is always on */
	check("kernel", "BPF is compiled (JIT)", jit != 0,
	      "sysctl net.core.bpf_jit_enable=1");
	/* 1: only for some, of whom those with CAP_SYS_ADMIN are */
	check("kernel", "io_uring is enabled", uring != 2,
	      "sysctl kernel.io_uring_disabled=0");
}

static void check_memlock(void)
{
	struct rlimit lim;
	bool enough;

	getrlimit(RLIMIT_MEMLOCK, &lim);
	enough = lim.rlim_cur >= REGION_SIZE || has_cap(CAP_IPC_LOCK);
	check("rights", "locked memory (RLIMIT_MEMLOCK, CAP_IPC_LOCK)", enough,
	      "'ulimit -l' allows %llu KiB, a region takes %u unless --region-size says less",
	      (unsigned long long)lim.rlim_cur >> 10, REGION_SIZE >> 10);
}

static void check_cap(cap_value_t cap, const char *name, const char *why)
{
	char what[64];

	snprintf(what, sizeof(what), "%s (%s)", name, why);
	check("rights", what, has_cap(cap), "run as root, or with that capability");
}

/* One that is not libxdp's has the interface to itself */
static void check_xdp(const char *dev)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(if_nametoindex(dev));
	bool alone = !libxdp_get_error(mp) && xdp_multiprog__is_legacy(mp);

	check("NIC", "there is room for an XDP program", !alone,
	      "ip link set %s xdp off, or --xdp off", dev);
	if (!libxdp_get_error(mp))
		xdp_multiprog__close(mp);
}

static void check_nic(const struct doctor_options *o)
{
	int queues = net_rx_queues(o->dev), split, thresh, rss;

	check("NIC", "the interface is there", if_nametoindex(o->dev) != 0,
	      "'ip link' lists what is in this network namespace");
	if (!if_nametoindex(o->dev))
		return;
	check("NIC", "it is up", net_is_up(o->dev), "ip link set %s up", o->dev);
	check_xdp(o->dev);
	check("NIC", "the queue is there",
	      queues < 0 ? -1 : o->queue < (unsigned long long)queues,
	      "'ethtool -l %s' shows how many there are, 'ethtool -L %s' adds",
	      o->dev, o->dev);
	if (ethtool_header_split(o->dev, &split, &thresh)) {
		check("NIC", "header split", -1, "the driver does not say");
		return;
	}
	check("NIC", "header split", split, "ethtool -G %s tcp-data-split on", o->dev);
	check("NIC", "split of all packets (hds-thresh 0)", !thresh,
	      "ethtool -G %s hds-thresh 0 (it is %d)", o->dev, thresh);
	rss = net_rss_uses(o->dev, o->queue);
	/* what is not for the pipeline is dropped there, which may be meant */
	if (rss >= 0)
		check("NIC", "the queue gets only what is steered to it (RSS)", rss ? -1 : 1,
		      "ethtool -X %s equal N, for the first N queues; it has %llu", o->dev,
		      o->queue);
	/* other ways to steer may do */
	check("NIC", "rules that steer flows (ntuple)",
	      net_has_ntuple(o->dev) ? 1 : -1,
	      "ethtool -K %s ntuple on, or steer in another way", o->dev);
}

static void check_nvme(const struct doctor_options *o)
{
	struct nvme_ns ns;
	const char *why;
	int found = !nvme_find(&ns, o->nvme), sgl;

	check("NVMe", "is a namespace", found, "'nvme list' shows them");
	if (!found)
		return;
	why = nvme_in_use(&ns);
	check("NVMe", "is nobody's", !why, "%s", why ?: "");
	check("NVMe", "can be written", !nvme_read_only(&ns),
	      "blockdev --setrw /dev/%s, unless the device itself is write-protected", ns.disk);
	sgl = nvme_has_sgl(&ns);
	/* it works without */
	check("NVMe", "gathers (SGL)", sgl > 0 ? 1 : -1,
	      "segments that are no whole pages will be copied");
}

int do_doctor(int argc, char **argv)
{
	struct doctor_options o = { };
	int ret = options_parse(&verb, &o, argc, argv);

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	results = json_object_new_array();
	check_kernel();
	check_settings();
	check_cap(CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "regions");
	check_cap(CAP_NET_ADMIN, "CAP_NET_ADMIN", "NIC queues");
	check_cap(CAP_BPF, "CAP_BPF", "stages");
	check_cap(CAP_PERFMON, "CAP_PERFMON", "stages");
	check_cap(CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "counters of other processes");
	check_memlock();
	if (o.dev)
		check_nic(&o);
	if (o.nvme)
		check_nvme(&o);
	if (json_output)
		json_print(results);
	else
		json_object_put(results);
	if (missing)
		note("%d %s missing", missing, missing == 1 ? "thing is" : "things are");
	return missing ? 1 : 0;
}
