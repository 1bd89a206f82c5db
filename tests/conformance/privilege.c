// SPDX-License-Identifier: GPL-2.0
/*
 * privilege: who may do what.  Each row of the table is tried by each of those who
 * are its columns; what they get is a check, and the table as it came out is
 * written to TABLE, as Markdown.
 *
 * Usage: privilege GENERIC_NODE STAGE.bpf.o NIC QUEUE TABLE [MODULE.bpf.o MODULE_TABLE]
 *
 * The caller is root in the NIC's network namespace.  Overwrites the first block of
 * the namespace.  With MODULE.bpf.o there is a table more, of what a security module
 * refuses and of a kernel that is locked down, as it is afterwards; that needs a kernel
 * with both.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>

#include "device.h"
#include "module.h"
#include "request.h"
#include "tap.h"

#define NOBODY		65534
#define CAP(name)	(1ull << CAP_##name)
#define DISABLED	"/proc/sys/kernel/io_uring_disabled"
#define GROUP		"/proc/sys/kernel/io_uring_group"
#define LOCKDOWN	"/sys/kernel/security/lockdown"

static const struct who {
	const char	*name;
	uint64_t	caps;
	bool		root;
	bool		container;
} who[] = {
	{ "root", .root = true },
	{ "a user" },
	{ "SYS_ADMIN", CAP(SYS_ADMIN) },
	{ "NET_ADMIN", CAP(NET_ADMIN) },
	{ "SYS_ADMIN, NET_ADMIN", CAP(SYS_ADMIN) | CAP(NET_ADMIN) },
	{ "BPF", CAP(BPF) },
	{ "PERFMON", CAP(PERFMON) },
	{ "BPF, PERFMON", CAP(BPF) | CAP(PERFMON) },
	{ "user namespace", .container = true },
};

#define NR_WHO	(sizeof(who) / sizeof(*who))

/* What comes of it, in the order above; one letter each keeps the rows readable */
static const struct outcome {
	char		letter;
	int		err;
	const char	*name;
} outcomes[] = {
	{ '+', 0, "yes" },
	{ 'P', EPERM, "EPERM" },
	{ 'A', EACCES, "EACCES" },
	{ 'D', ENODEV, "ENODEV" },
	{ 'M', ENOMEM, "ENOMEM" },
	{ 'R', MODULE_ERROR, "refused" },
};

enum { NO_DEVICE, WRITABLE, READ_ONLY };

struct row {
	const char	*what;
	const char	*want;
	int		(*run)(void);
	/* the region that is there, and is root's, if any */
	bool		region;
	int		dev;
	unsigned int	flags;
	unsigned int	how;
	/* of those who try */
	bool		elsewhere;	/* in another network namespace */
	bool		memlock;
	/* of the machine */
	const char	*disabled;	/* io_uring_disabled */
	bool		group;
	unsigned int	refuse;		/* by the security module */
};

static struct device dev;
static int read_only, nic_queue;
static unsigned int nic;
static struct region reg;
static void *stage;
static size_t stage_size;
static struct bpf_object *loaded;
static int connection;
static unsigned int *refused;

static const char *outcome(int err)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
		if (outcomes[i].err == err)
			return outcomes[i].name;
	return strerrorname_np(err) ?: "?";
}

static int wanted(char letter)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
		if (outcomes[i].letter == letter)
			return outcomes[i].err;
	bail_out("no outcome '%c'", letter);
}

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		bail_out("%s: %s", path, strerror(errno));
	close(fd);
}

static void *slurp(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		bail_out("%s: %s", path, strerror(errno));
	p = malloc(st.st_size);
	if (read(fd, p, st.st_size) != st.st_size)
		bail_out("%s: %s", path, strerror(errno));
	close(fd);
	*size = st.st_size;
	return p;
}

/* --- those who try -------------------------------------------------------- */

/* Root of a user namespace, which has all capabilities there */
static void enter_container(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC))
		bail_out("unshare: %s", strerror(errno));
	/* or the map would be root's to write */
	prctl(PR_SET_DUMPABLE, 1);
	put("/proc/self/uid_map", "0 65534 1");
	if (geteuid())
		bail_out("not root of the user namespace");
}

static void become(const struct who *w)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { };

	if (w->root)
		return;
	for (int i = 0; i < 2; i++) {
		data[i].permitted = w->caps >> 32 * i;
		data[i].effective = data[i].permitted;
	}
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) ||
	    setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY) ||
	    syscall(SYS_capset, &hdr, data))
		bail_out("cannot become %s: %s", w->name, strerror(errno));
	if (w->container)
		enter_container();
}

/* --- what they try: 0 or -errno ------------------------------------------- */

static int try_ring(void)
{
	int ring = ring_create(8, 0);

	return ring < 0 ? ring : 0;
}

static int new_region(unsigned int ring_flags, int fd, size_t size, unsigned int ifindex)
{
	struct io_uring_unified_region_reg r = {
		.sq_entries = 1, .cq_entries = 1, .region_size = size,
		.nvme_fd = fd, .net_ifindex = ifindex,
		.net_rxq = ifindex ? nic_queue : 0,
	};
	int ring = ring_create(8, ring_flags), ret;

	if (ring < 0)
		return ring;
	ret = ring_register(ring, IORING_REGISTER_UNIFIED_REGION, &r, 1);
	/* queue and device are free before the next one tries */
	return ret ?: ring_register(ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
}

static int try_region_only(void)
{
	return new_region(0, 0, 16384, 0);
}

static int try_region_device(void)
{
	return new_region(0, dev.fd, 16384, 0);
}

static int try_region_flags(unsigned int flags)
{
	struct region r;

	return region_open(&r, dev.fd, 16384, flags, 0) ?: region_close(&r);
}

static int try_region_admin(void)
{
	return try_region_flags(IO_UNIFIED_REG_ADMIN);
}

static int try_region_poller(void)
{
	return try_region_flags(IO_UNIFIED_REG_POLL);
}

static int try_region_large(void)
{
	return new_region(0, 0, 8 << 20, 0);
}

static int try_region_nic(void)
{
	return new_region(IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32, 0, 2 << 20, nic);
}

static int try_ifq(void)
{
	struct region r;

	return region_open_ifq(&r, dev.block, 4096, 0) ?: region_close(&r);
}

static int try_add_dev(void)
{
	int ret = region_add_dev(&reg, dev.fd, NULL);

	return ret < 0 ? ret : 0;
}

static int try_add_sock(void)
{
	struct io_unified_sock_reg sock = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
	int ret = ring_register(reg.ring, IORING_REGISTER_UNIFIED_SOCK, &sock, 1);

	/* an unconnected one is no use, but that is looked at afterwards */
	return ret == -ENOTCONN ? 0 : ret;
}

static int try_unregister(void)
{
	return ring_register(reg.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
}

static int try_map(void)
{
	char *p = mmap(NULL, reg.size, PROT_READ | PROT_WRITE, MAP_SHARED, reg.ring,
		       IORING_MAP_OFF_UNIFIED_REGION);

	return p == MAP_FAILED ? -errno : 0;
}

/* A command by the SQ; what the device says of it is no matter of rights */
static int command(const struct io_unified_sqe *sqe)
{
	struct io_unified_cqe cqe = region_run(&reg, sqe);

	return cqe.status == IO_UNIFIED_STATUS_HOST ? cqe.result : 0;
}

static int try_sq_read(void)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_READ, 0, 1, 0);

	return command(&sqe);
}

static int try_sq_write(void)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_WRITE, 0, 1, 0);

	return command(&sqe);
}

static int try_sq_zeroes(void)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_WRITE_ZEROES, 0, 1, 0);

	return command(&sqe);
}

static int try_sq_vendor(void)
{
	struct io_unified_sqe sqe = cmd_bare(&dev, 0xc1);

	return command(&sqe);
}

static int try_identify(void)
{
	struct io_unified_sqe sqe = cmd_admin(NVME_IDENTIFY, 0, 0, 4096);

	sqe.nvme_cmd.cdw10 = 1;
	return command(&sqe);
}

static int try_log(void)
{
	struct io_unified_sqe sqe = cmd_admin(NVME_GET_LOG, dev.nsid, 0, 512);

	sqe.nvme_cmd.cdw10 = 2 | (512 / 4 - 1) << 16;
	return command(&sqe);
}

static int try_format(void)
{
	struct io_unified_sqe sqe = cmd_admin(NVME_FORMAT, dev.nsid, 0, 0);

	return command(&sqe);
}

/* A request of one block, by the region's ring */
static int request(int fd, unsigned int mask, unsigned int flags)
{
	struct io_uring_params p = { };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int ret;

	/* where things are in a ring like that */
	ret = io_uring_queue_init_params(8, &ring, &p);
	if (ret)
		return ret;
	io_uring_queue_exit(&ring);
	ret = io_uring_queue_mmap(reg.ring, &p, &ring);
	if (ret)
		return ret;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_rw(IORING_OP_UNIFIED, sqe, fd, NULL, dev.lba_size, mask);
	sqe->rw_flags = flags;
	ret = io_uring_submit_and_wait(&ring, 1);
	if (ret < 0)
		return ret;
	ret = io_uring_wait_cqe(&ring, &cqe);
	return ret ?: cqe->res < 0 ? cqe->res : 0;
}

static int try_op_read(void)
{
	return request(-1, NVME, 0);
}

static int try_op_write(void)
{
	return request(-1, NVME, IORING_UNIFIED_F_WRITE);
}

static int try_op_send(void)
{
	return request(connection, NET, IORING_UNIFIED_F_SEND);
}

static struct bpf_object *open_stage(struct bpf_map **map)
{
	struct bpf_object *obj = bpf_object__open_mem(stage, stage_size, NULL);

	if (!obj)
		bail_out("no stage: %s", strerror(errno));
	*map = bpf_object__find_map_by_name(obj, "op");
	*(int *)stage_member(obj, *map, "ring_fd") = reg.ring;
	return obj;
}

static int try_load(void)
{
	struct bpf_map *map;

	return bpf_object__load(open_stage(&map));
}

static int try_attach(void)
{
	struct bpf_map *map = bpf_object__find_map_by_name(loaded, "op");

	return bpf_map__attach_struct_ops(map) ? 0 : -errno;
}

static int try_fdinfo(void)
{
	char path[64], text[4096];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", getppid(), reg.ring);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	text[n] = 0;
	return strstr(text, "UnifiedRegion") ? 0 : -ENODATA;
}

#define REGION(dev_, ...)	.region = true, .dev = dev_, ##__VA_ARGS__

static const struct row rows[] = {
	{ "create a ring", "+++++++++", try_ring },
	{ "... `io_uring_disabled` 1", "+P+P+PPPP", try_ring, .disabled = "1" },
	{ "... in `io_uring_group`", "+++++++++", try_ring, .disabled = "1", .group = true },
	{ "... `io_uring_disabled` 2", "PPPPPPPPP", try_ring, .disabled = "2" },
	{ "use a region that is there, `io_uring_disabled` 2", "+++++++++", try_sq_read,
	  REGION(WRITABLE), .disabled = "2" },

	{ "`UNIFIED_REGION` without a device", "+P+P+PPPP", try_region_only },
	{ "... more than `RLIMIT_MEMLOCK`", "+PMPMPPPP", try_region_large, .memlock = true },
	{ "... with a device, whose descriptor it was given", "+P+P+PPPP", try_region_device },
	{ "... with a NIC queue", "+PPP+PPPP", try_region_nic },
	{ "... with a NIC queue of another network namespace", "DPPPDPPPP", try_region_nic,
	  .elsewhere = true },
	{ "`UNIFIED_IFQ`, by the path of a node of root's", "+PAPAPPPP", try_ifq },

	{ "Of a ring with a region, which it was given: `UNIFIED_DEV`", "+P+P+PPPP", try_add_dev,
	  REGION(NO_DEVICE) },
	{ "... `UNIFIED_SOCK`", "+P+P+PPPP", try_add_sock, REGION(NO_DEVICE) },
	{ "... `fdinfo` of another process", "+AAAAAAAA", try_fdinfo, REGION(WRITABLE) },
	{ "... mmap", "+++++++++", try_map, REGION(WRITABLE) },
	{ "... Read", "+++++++++", try_sq_read, REGION(WRITABLE) },
	{ "... Write", "+++++++++", try_sq_write, REGION(WRITABLE) },
	{ "... a vendor's command", "+A+A+AAAA", try_sq_vendor, REGION(WRITABLE) },
	{ "... the same, sent by the poller", "+++++++++", try_sq_vendor,
	  REGION(WRITABLE, .flags = IO_UNIFIED_REG_POLL) },
	{ "... Identify, without `IO_UNIFIED_REG_ADMIN`", "AAAAAAAAA", try_identify,
	  REGION(WRITABLE) },
	{ "... Identify, with it", "+++++++++", try_identify,
	  REGION(WRITABLE, .flags = IO_UNIFIED_REG_ADMIN) },
	{ "... Get Log Page", "+A+A+AAAA", try_log,
	  REGION(WRITABLE, .flags = IO_UNIFIED_REG_ADMIN) },
	{ "... the same, sent by the poller", "+++++++++", try_log,
	  REGION(WRITABLE, .flags = IO_UNIFIED_REG_ADMIN | IO_UNIFIED_REG_POLL) },
	{ "... `IORING_OP_UNIFIED` that reads", "+++++++++", try_op_read, REGION(WRITABLE) },
	{ "... that writes", "+++++++++", try_op_write, REGION(WRITABLE) },
	{ "... unregister", "+++++++++", try_unregister, REGION(WRITABLE) },

	{ "Its device was opened read-only: Read", "+++++++++", try_sq_read, REGION(READ_ONLY) },
	{ "... Write", "AAAAAAAAA", try_sq_write, REGION(READ_ONLY) },
	{ "... Write, sent by the poller", "AAAAAAAAA", try_sq_write,
	  REGION(READ_ONLY, .flags = IO_UNIFIED_REG_POLL) },
	{ "... Write Zeroes", "AAAAAAAAA", try_sq_zeroes, REGION(READ_ONLY) },
	{ "... Format", "AAAAAAAAA", try_format,
	  REGION(READ_ONLY, .flags = IO_UNIFIED_REG_ADMIN) },
	{ "... `IORING_OP_UNIFIED` that writes", "AAAAAAAAA", try_op_write, REGION(READ_ONLY) },

	{ "The ring may do nothing but NOP: Read", "AAAAAAAAA", try_sq_read,
	  REGION(WRITABLE, .how = REGION_DISABLED) },
	{ "... `IORING_OP_UNIFIED`", "AAAAAAAAA", try_op_read,
	  REGION(WRITABLE, .how = REGION_DISABLED) },
	{ "... unregister", "AAAAAAAAA", try_unregister,
	  REGION(WRITABLE, .how = REGION_DISABLED) },

	{ "load a stage", "+P+P+PP+P", try_load, REGION(WRITABLE) },
	{ "attach one that it was given", "+++++++++", try_attach, REGION(WRITABLE) },
};

/* Asked in this order: rights first, then the security module */
static const struct row module_rows[] = {
	{ "`uring_cmd` is refused: `UNIFIED_REGION` without a device", "+P+P+PPPP",
	  try_region_only, .refuse = REFUSE_CMD },
	{ "... with a device", "RPRPRPPPP", try_region_device, .refuse = REFUSE_CMD },
	{ "... `UNIFIED_IFQ`", "RPAPAPPPP", try_ifq, .refuse = REFUSE_CMD },
	{ "... `UNIFIED_DEV`", "RPRPRPPPP", try_add_dev,
	  REGION(NO_DEVICE), .refuse = REFUSE_CMD },
	{ "... Read, by a region that is there", "+++++++++", try_sq_read,
	  REGION(WRITABLE), .refuse = REFUSE_CMD },
	{ "Only for admin commands: `UNIFIED_REGION` with a device", "+P+P+PPPP",
	  try_region_device, .refuse = REFUSE_ADMIN },
	{ "... with `IO_UNIFIED_REG_ADMIN`", "RPRPRPPPP", try_region_admin,
	  .refuse = REFUSE_ADMIN },
	{ "`uring_sqpoll` is refused: `UNIFIED_REGION` with a device", "+P+P+PPPP",
	  try_region_device, .refuse = REFUSE_POLL },
	{ "... with `IO_UNIFIED_REG_POLL`", "RPRPRPPPP", try_region_poller,
	  .refuse = REFUSE_POLL },
	{ "`socket_sendmsg` is refused: `IORING_OP_UNIFIED` that sends", "RRRRRRRRR",
	  try_op_send, REGION(NO_DEVICE), .refuse = REFUSE_SEND },
	{ "... without that", "+++++++++", try_op_send, REGION(NO_DEVICE) },
};

static const struct row lockdown_rows[] = {
	{ "Lockdown for confidentiality: `UNIFIED_REGION` with a device", "+P+P+PPPP",
	  try_region_device },
	{ "... with a NIC queue", "+PPP+PPPP", try_region_nic },
	{ "... a vendor's command", "+A+A+AAAA", try_sq_vendor, REGION(WRITABLE) },
	{ "... load a stage", "+P+P+PP+P", try_load, REGION(WRITABLE) },
};

/* --- one cell, one row ----------------------------------------------------- */

static int cell(const struct row *row, const struct who *w)
{
	struct rlimit lim = { .rlim_cur = 4 << 20, .rlim_max = 4 << 20 };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (row->elsewhere && unshare(CLONE_NEWNET))
			bail_out("unshare: %s", strerror(errno));
		if (row->memlock && setrlimit(RLIMIT_MEMLOCK, &lim))
			bail_out("setrlimit: %s", strerror(errno));
		become(w);
		_exit(-row->run());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void restrict_ring(void)
{
	struct io_uring_restriction res = {
		.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP,
	}, call = {
		.opcode = IORING_RESTRICTION_REGISTER_OP,
		.register_op = IORING_REGISTER_ENABLE_RINGS,
	}, both[] = { res, call };

	if (ring_register(reg.ring, IORING_REGISTER_RESTRICTIONS, both, 2) ||
	    ring_register(reg.ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0))
		bail_out("restrictions");
}

/* Root's region; who tries a row may have unregistered it */
static void open_row(const struct row *row)
{
	int fd = row->dev == WRITABLE ? dev.fd : row->dev == READ_ONLY ? read_only : 0, ret;
	struct bpf_map *map;

	if (!row->region)
		return;
	ret = region_open(&reg, fd, 65536, row->flags, row->how);
	if (ret)
		bail_out("%s: no region: %s", row->what, strerror(-ret));
	if (row->how & REGION_DISABLED)
		restrict_ring();
	if (row->run == try_attach) {
		loaded = open_stage(&map);
		if (bpf_object__load(loaded))
			bail_out("no stage: %s", strerror(errno));
	}
}

/* The next one may need the device: it is free some time after a restricted ring's end */
static void close_row(const struct row *row)
{
	uint64_t begin = now_ms();
	int fd;

	if (!row->region)
		return;
	bpf_object__close(loaded);
	loaded = NULL;
	region_close(&reg);
	while ((fd = open(dev.block, O_RDWR | O_EXCL)) < 0 && now_ms() - begin < 30000)
		be_patient(begin);
	if (fd < 0)
		bail_out("%s: the device is not free again", row->what);
	close(fd);
}

static void try_row(const struct row *row, FILE *table)
{
	fprintf(table, "| %s |", row->what);
	for (size_t i = 0; i < NR_WHO; i++) {
		int got, want = wanted(row->want[i]);

		open_row(row);
		if (row->disabled)
			put(DISABLED, row->disabled);
		if (row->group)
			put(GROUP, "65534");
		if (row->refuse)
			*refused = row->refuse;
		got = cell(row, &who[i]);
		if (row->disabled)
			put(DISABLED, "0");
		if (row->group)
			put(GROUP, "-1");
		if (row->refuse)
			*refused = REFUSE_NOTHING;
		close_row(row);
		if (!ok(got == want, "%s: %s: %s", row->what, who[i].name, outcome(want)))
			note("got %s", outcome(got));
		fprintf(table, " %s |", outcome(got));
	}
	fprintf(table, "\n");
}

static FILE *table_begin(const char *name)
{
	FILE *table = fopen(name, "w");

	if (!table)
		bail_out("%s: %s", name, strerror(errno));
	fprintf(table, "| |");
	for (size_t i = 0; i < NR_WHO; i++)
		fprintf(table, " %s |", who[i].name);
	fprintf(table, "\n| --- |");
	for (size_t i = 0; i < NR_WHO; i++)
		fprintf(table, " --- |");
	fprintf(table, "\n");
	return table;
}

#define TRY_ROWS(rows, table) do {						\
	for (size_t i = 0; i < sizeof(rows) / sizeof(*(rows)); i++)	\
		try_row(&(rows)[i], table);				\
} while (0)

static void load_module(const char *path)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;
	struct bpf_map *map;
	size_t size;

	if (!obj || bpf_object__load(obj))
		bail_out("no security module %s: %s", path, strerror(errno));
	bpf_object__for_each_program(prog, obj)
		if (!bpf_program__attach(prog))
			bail_out("%s: %s", bpf_program__name(prog), strerror(errno));
	map = bpf_object__find_map_by_name(obj, ".bss");
	refused = bpf_map__initial_value(map, &size);
}

/* Both ends are ours, and nobody reads: what is sent here is little */
static int connect_to_self(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int server = socket(AF_INET, SOCK_STREAM, 0), sock = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(addr);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(server, (struct sockaddr *)&addr, len) || listen(server, 1) ||
	    getsockname(server, (struct sockaddr *)&addr, &len) ||
	    connect(sock, (struct sockaddr *)&addr, len) || accept(server, NULL, NULL) < 0)
		bail_out("no connection to ourselves: %s", strerror(errno));
	return sock;
}

static void table_end(FILE *table, const char *name)
{
	if (fclose(table))
		bail_out("%s: %s", name, strerror(errno));
}

static void try_module(const char *path, const char *name)
{
	FILE *table = table_begin(name);

	connection = connect_to_self();
	load_module(path);
	TRY_ROWS(module_rows, table);
	put(LOCKDOWN, "confidentiality");
	TRY_ROWS(lockdown_rows, table);
	table_end(table, name);
}

int main(int argc, char **argv)
{
	FILE *table;

	if (argc != 6 && argc != 8) {
		fprintf(stderr, "usage: privilege GENERIC_NODE STAGE.bpf.o NIC QUEUE TABLE [MODULE.bpf.o MODULE_TABLE]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(NULL);
	device_open(&dev, argv[1], O_RDWR);
	read_only = open(argv[1], O_RDONLY);
	stage = slurp(argv[2], &stage_size);
	nic = if_nametoindex(argv[3]);
	nic_queue = atoi(argv[4]);
	if (!nic)
		bail_out("%s: %s", argv[3], strerror(errno));
	table = table_begin(argv[5]);
	TRY_ROWS(rows, table);
	table_end(table, argv[5]);
	if (argc == 8)
		try_module(argv[6], argv[7]);
	return tap_end();
}
