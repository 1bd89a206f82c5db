// SPDX-License-Identifier: GPL-2.0
/*
 * serve: NVMe -> stages -> network.
 *
 * Each client gets the same range or recorded stream, from its own place in it,
 * through its own slots of the region: client.c.  This accepts them, and adds up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "devs.h"
#include "extent.h"
#include "net.h"
#include "nvme.h"
#include "options.h"
#include "output.h"
#include "pin.h"
#include "privileges.h"
#include "region.h"
#include "replay.h"
#include "run.h"
#include "service.h"
#include "verbs.h"

#define CHUNK_MAX	(128u << 10)	/* of a command of the kernel's */
#define DEPTH_MAX	64
#define CLIENTS_MAX	1024
#define SLOTS_MAX	16384		/* requests that a region has room for */
#define NO_STREAM	(-1ULL)
#define REPORTS_MAX	4096		/* clients that the summary lists */

/* user_data of the requests in flight; those of clients are in client.h */
enum { REQ_ACCEPT = 1, REQ_SIGNAL, REQ_CANCEL };

struct serve_options {
	const char		*nvme;
	const char		*listen;
	unsigned long long	lba;
	unsigned long long	blocks;		/* 0, as @bytes: to the end */
	unsigned long long	bytes;
	unsigned long long	stream;		/* NO_STREAM: a range */
	struct option_list	stages;
	unsigned long long	chunk;		/* 0: what goes */
	unsigned long long	depth;
	unsigned long long	clients;
	bool			once;
	unsigned long long	region_size;	/* 0: what is needed */
	const char		*name;
	const char		*user;
};

#define OPT(field)	offsetof(struct serve_options, field)
static const struct option_desc options[] = {
	{ "nvme", 'n', OPT_STRING, OPT(nvme), "DEV[,DEV...]",
	  "namespace to read, /dev/nvme0n1 or /dev/ng0n1; several with --stream", true },
	{ "listen", 'l', OPT_STRING, OPT(listen), "ADDR:PORT", "where to accept clients",
	  true },
	{ "lba", 0, OPT_NUMBER, OPT(lba), "N", "first block to send, or of the recording",
	  .def = "0" },
	{ "blocks", 0, OPT_NUMBER, OPT(blocks), "N", "how many blocks (to the end)" },
	{ "bytes", 0, OPT_SIZE, OPT(bytes), "BYTES", "or how many bytes" },
	{ "stream", 0, OPT_NUMBER, OPT(stream), "N",
	  "or a recorded stream, see 'sluice list'" },
	{ "stage", 's', OPT_LIST, OPT(stages), "STAGE",
	  "NAME[:KEY=VALUE,...], see 'sluice stage list'; repeatable, in order" },
	{ "chunk", 0, OPT_SIZE, OPT(chunk), "BYTES",
	  "what is read, and decided about, at a time (128K)" },
	{ "depth", 0, OPT_NUMBER, OPT(depth), "N", "chunks in flight for a client",
	  .def = "8", .min = 1, .max = DEPTH_MAX },
	{ "clients", 0, OPT_NUMBER, OPT(clients), "N",
	  "clients at a time, more have to wait", .def = "16", .min = 1,
	  .max = CLIENTS_MAX },
	{ "once", 0, OPT_FLAG, OPT(once), NULL, "serve one client, then end" },
	{ "region-size", 0, OPT_SIZE, OPT(region_size), "BYTES",
	  "memory for all of them (what they need)" },
	{ "name", 0, OPT_STRING, OPT(name), "NAME", "folder below " PIN_ROOT,
	  .def = "serve" },
	{ "user", 0, OPT_STRING, OPT(user), "USER",
	  "become that user when everything is set up" },
	{ }
};

static const struct verb_desc verb = {
	"serve", "",
	"Send a range of an NVMe namespace, or a recorded stream, to each TCP client\n"
	"that connects, from the memory that the device has read it into. Ends on\n"
	"SIGINT when those that are connected have got all of it, or at once on the\n"
	"second.",
	options,
};

/* A client that has ended */
struct report {
	char			peer[64];
	char			reason[160];
	enum client_end		end;
	struct client_stats	stats;
	long long		ns;
};

struct serve {
	struct serve_options	opt;
	struct devs		devs;
	unsigned int		block_size;
	struct extent_range	range;		/* what is sent, */
	struct replay		replay;		/* one of them */
	struct extent_source	*src;
	unsigned long long	bytes;		/* of it */
	struct region		region;
	struct run_stages	stages;
	struct run_signals	signals;
	struct client_params	params;
	int			listen_fd;
	unsigned short		port;
	struct timespec		start;

	struct client		*clients[CLIENTS_MAX];
	unsigned int		nr_clients;	/* connected now */
	unsigned int		touched[CLIENTS_MAX];	/* there was a completion */
	bool			is_touched[CLIENTS_MAX];
	unsigned int		nr_touched;
	unsigned long long	nr_accepted;
	bool			accepting;	/* a request is in flight */
	bool			stopping;
	int			accept_error;

	unsigned long long	ends[CLIENT_ABORTED + 1];
	struct client_stats	total;		/* of those that have ended */
	struct report		*reports;
	unsigned int		nr_reports;
	char			reason[160];	/* of the last that failed */
};

/*
 * Set-up
 */

static unsigned int round_up_pow2(unsigned int n)
{
	return n < 2 ? 1 : 1u << (32 - __builtin_clz(n - 1));
}

/* What one request may move, in whole blocks */
static unsigned int largest_chunk(const struct serve *srv)
{
	unsigned int max = CHUNK_MAX;

	for (unsigned int i = 0; i < srv->devs.nr; i++) {
		unsigned int len = nvme_max_len(&srv->devs.list[i].ns);

		if (len && len < max)
			max = len;
	}
	return max / srv->block_size * srv->block_size;
}

static int check_chunk(struct serve *srv)
{
	struct serve_options *o = &srv->opt;
	unsigned int block = srv->block_size, max = largest_chunk(srv);

	if (!o->chunk)
		o->chunk = max;
	if (o->chunk % block)
		return error("--chunk %llu is no multiple of the blocks of %s, which have %u bytes",
			     o->chunk, o->nvme, block);
	if (o->chunk > max)
		return error("--chunk %llu is more than a command to %s can carry; give %u or less",
			     o->chunk, o->nvme, max);
	if (o->once)
		o->clients = 1;
	if (o->depth * o->clients > SLOTS_MAX)
		return error("--clients %llu with --depth %llu are more than %u chunks; give less of one",
			     o->clients, o->depth, SLOTS_MAX);
	return 0;
}

/* The range as one extent */
static int check_range(struct serve *srv)
{
	const struct serve_options *o = &srv->opt;
	unsigned long long blocks = srv->devs.list[0].blocks;
	struct extent e = { .lba = o->lba, .block_size = srv->block_size };

	if (o->blocks && o->bytes)
		return error("--blocks %llu and --bytes %llu exclude each other; give one",
			     o->blocks, o->bytes);
	if (o->lba >= blocks)
		return error("--lba %llu: %s ends at block %llu; give a lower one",
			     o->lba, o->nvme, blocks - 1);
	if (o->blocks > blocks - o->lba)
		return error("--blocks %llu: %s has %llu from block %llu on; give that or less",
			     o->blocks, o->nvme, blocks - o->lba, o->lba);
	e.bytes = (o->blocks ?: blocks - o->lba) * e.block_size;
	if (o->bytes > e.bytes)
		return error("--bytes %llu: %s has %llu from block %llu on; give that or less",
			     o->bytes, o->nvme, e.bytes, o->lba);
	if (o->bytes)
		e.bytes = o->bytes;
	extent_range_init(&srv->range, &e);
	srv->src = &srv->range.src;
	srv->bytes = e.bytes;
	return 0;
}

static int find_stream(struct serve *srv)
{
	const struct serve_options *o = &srv->opt;

	if (o->blocks || o->bytes)
		return error("--stream %llu and --%s exclude each other; give one", o->stream,
			     o->blocks ? "blocks" : "bytes");
	if (replay_open(&srv->replay, o->nvme, o->lba, o->stream))
		return -1;
	srv->src = &srv->replay.src;
	srv->bytes = srv->replay.stream->readable;
	return 0;
}

static int add_node(struct serve *srv, const char *node)
{
	unsigned int nr = srv->devs.nr, block;
	struct nvme_ns *ns = &srv->devs.list[nr].ns;
	const char *why;

	if (nvme_find(ns, node))
		return -1;
	block = nvme_block_size(ns);
	if (!block)
		return error("%s: its block size is not known; 'lsblk -o NAME,LOG-SEC' shows it",
			     node);
	srv->block_size = block;
	srv->devs.list[nr].node = node;
	srv->devs.list[nr].blocks = nvme_blocks(ns);
	srv->devs.list[nr].fd = -1;
	srv->devs.nr++;
	/* what is on it may be read */
	why = nvme_in_use(ns);
	return why && !strstr(why, "--force") ? error("%s", why) : 0;
}

/* Everything that can be told to be wrong before anything is touched */
static int check_options(struct serve *srv)
{
	if (srv->opt.stream == NO_STREAM)
		return add_node(srv, srv->opt.nvme) || check_chunk(srv) ||
		       check_range(srv) ? -1 : 0;
	if (find_stream(srv))
		return -1;
	for (unsigned int i = 0; i < srv->replay.nr_nodes; i++)
		if (add_node(srv, srv->replay.nodes[i]))
			return -1;
	if (srv->block_size != srv->replay.rec.super.block_size)
		return error("%s: the recording is of blocks of %u bytes, and now they have %u; format it back",
			     srv->opt.nvme, srv->replay.rec.super.block_size,
			     srv->block_size);
	return check_chunk(srv);
}

/* Nothing here can write */
static int open_nodes(struct serve *srv)
{
	for (unsigned int i = 0; i < srv->devs.nr; i++) {
		int fd = open(srv->devs.list[i].node, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return error("%s: %s%s", srv->devs.list[i].node, strerror(errno),
				     errno == EACCES ? "; run as root" : "");
		srv->devs.list[i].fd = fd;
	}
	return 0;
}

/* Each client is up to two open files; what we have besides is a few dozen */
static int allow_files(const struct serve *srv)
{
	unsigned long long need = 2 * srv->opt.clients + 128;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return error("RLIMIT_NOFILE: %s", strerror(errno));
	if (limit.rlim_cur >= need)
		return 0;
	limit.rlim_cur = need;
	if (need > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit))
		return error("--clients %llu needs %llu open files, but %llu are allowed; 'ulimit -Hn' raises that",
			     srv->opt.clients, need, (unsigned long long)limit.rlim_max);
	return 0;
}

static int open_region(struct serve *srv)
{
	const struct serve_options *o = &srv->opt;
	unsigned int slots = o->depth * o->clients, entries = round_up_pow2(slots);
	struct region_params p = {
		.nvme	 = srv->devs.list[0].node,
		.entries = entries < REGION_ENTRIES ? REGION_ENTRIES : entries,
	};
	unsigned long long need;

	need = sluice_region_size(p.entries, p.entries, o->chunk * slots);
	p.size = o->region_size ?: need;
	if (p.size < need)
		return error("--region-size %llu: %llu clients with %llu chunks of %llu bytes need %llu; give more of it, or less of these",
			     p.size, o->clients, o->depth, o->chunk, need);
	if (open_nodes(srv))
		return -1;
	p.nvme_fd = srv->devs.list[0].fd;
	if (region_open(&srv->region, &p) || devs_register(&srv->devs, &srv->region))
		return -1;
	srv->params = (struct client_params) {
		.region = &srv->region,
		.devs	= &srv->devs,
		.src	= srv->src,
		.chunk	= o->chunk,
		.depth	= o->depth,
	};
	return 0;
}

/* What takes privileges again, done by the process that has kept them */
static void serve_undo(void *arg)
{
	(void)arg;
	pin_close();
}

static int serve_open(struct serve *srv)
{
	if (check_options(srv) || privileges_check(srv->opt.user) ||
	    allow_files(srv) || run_signals_open(&srv->signals) ||
	    open_region(srv) ||
	    pin_open(srv->opt.name, srv->region.ring.ring_fd) ||
	    run_stages_open(&srv->stages, &srv->opt.stages, NULL,
			    srv->region.ring.ring_fd))
		return -1;
	srv->listen_fd = net_listen(srv->opt.listen, 0, &srv->port);
	if (srv->listen_fd < 0)
		return -1;
	return privileges_drop(srv->opt.user, serve_undo, NULL);
}

static void serve_close(struct serve *srv)
{
	service_stopping();
	if (srv->listen_fd >= 0)
		close(srv->listen_fd);
	privileges_undo();
	run_stages_close(&srv->stages);
	pin_close();
	region_close(&srv->region);
	devs_close(&srv->devs);
	replay_close(&srv->replay);
	free(srv->reports);
}

/*
 * Clients
 */

/* Those that are too many wait in the listener's queue */
static bool wants_more(const struct serve *srv)
{
	return !srv->stopping && srv->nr_clients < srv->opt.clients &&
	       !(srv->opt.once && srv->nr_accepted);
}

static void accept_more(struct serve *srv)
{
	struct io_uring_sqe *sqe;

	if (srv->accepting || !wants_more(srv))
		return;
	sqe = region_get_sqe(&srv->region);
	io_uring_prep_accept(sqe, srv->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, REQ_ACCEPT);
	srv->accepting = true;
}

static void stop_listening(struct serve *srv)
{
	struct io_uring_sqe *sqe;

	srv->stopping = true;
	service_stopping();
	if (srv->accepting) {
		sqe = region_get_sqe(&srv->region);
		io_uring_prep_cancel64(sqe, REQ_ACCEPT, 0);
		io_uring_sqe_set_data64(sqe, REQ_CANCEL);
	}
	/* who comes now is refused, not left waiting */
	shutdown(srv->listen_fd, SHUT_RD);
}

static void on_accept(struct serve *srv, int res)
{
	unsigned int i = 0;

	srv->accepting = false;
	if (res < 0) {
		/* a client that went before it was accepted is no error */
		if (!srv->stopping && res != -ECONNABORTED && res != -EINTR) {
			srv->accept_error = res;
			stop_listening(srv);
		}
		return;
	}
	if (srv->stopping) {
		close(res);
		return;
	}
	while (srv->clients[i])
		i++;
	srv->clients[i] = client_open(&srv->params, i, res);
	if (!srv->clients[i])
		return;
	srv->nr_clients++;
	srv->nr_accepted++;
	if (srv->opt.once)
		stop_listening(srv);
}

static void add_count(struct client_count *to, const struct client_count *from)
{
	to->chunks += from->chunks;
	to->bytes += from->bytes;
}

static void add_stats(struct client_stats *to, const struct client_stats *from)
{
	add_count(&to->read, &from->read);
	add_count(&to->sent, &from->sent);
	add_count(&to->dropped, &from->dropped);
	add_count(&to->lost, &from->lost);
	to->acked_bytes += from->acked_bytes;
	to->read_errors += from->read_errors;
}

static bool balanced(const struct client_stats *s)
{
	return s->read.bytes == s->sent.bytes + s->dropped.bytes + s->lost.bytes;
}

static void report(struct serve *srv, const struct client *c)
{
	struct report *r;

	if (srv->nr_reports == REPORTS_MAX)
		return;
	r = realloc(srv->reports, (srv->nr_reports + 1) * sizeof(*r));
	if (!r)
		return;
	srv->reports = r;
	r += srv->nr_reports++;
	memset(r, 0, sizeof(*r));
	snprintf(r->peer, sizeof(r->peer), "%s", client_peer(c));
	snprintf(r->reason, sizeof(r->reason), "%s", client_reason(c));
	r->end = client_end(c);
	r->stats = *client_stats(c);
	r->ns = client_elapsed_ns(c);
}

static void client_ended(struct serve *srv, unsigned int index)
{
	struct client *c = srv->clients[index];
	const struct client_stats *s = client_stats(c);

	note("%s: sent %llu bytes in %.2f s%s%s", client_peer(c), s->sent.bytes,
	     client_elapsed_ns(c) / 1e9, client_reason(c)[0] ? ", " : "",
	     client_reason(c));
	srv->ends[client_end(c)]++;
	/* what went wrong here is more than who went away */
	if (client_end(c) == CLIENT_FAILED || !srv->ends[CLIENT_FAILED])
		snprintf(srv->reason, sizeof(srv->reason), "%s", client_reason(c));
	add_stats(&srv->total, s);
	report(srv, c);
	client_close(c);
	srv->clients[index] = NULL;
	srv->nr_clients--;
}

/*
 * The loop
 */

/* The first signal lets those that are there get all, the second does not */
static void on_signal(struct serve *srv)
{
	if (!srv->stopping) {
		stop_listening(srv);
		if (srv->nr_clients)
			note("stopping: %u clients get the rest (again to cut them off)",
			     srv->nr_clients);
		run_signals_wait(&srv->signals, &srv->region, REQ_SIGNAL);
		return;
	}
	for (unsigned int i = 0; i < srv->opt.clients; i++)
		if (srv->clients[i])
			client_abort(srv->clients[i]);
	run_signals_wait(&srv->signals, &srv->region, REQ_SIGNAL);
}

static void touch(struct serve *srv, unsigned int index)
{
	if (srv->is_touched[index])
		return;
	srv->is_touched[index] = true;
	srv->touched[srv->nr_touched++] = index;
}

static bool on_completion(void *arg, const struct io_uring_cqe *cqe)
{
	struct serve *srv = arg;

	switch (cqe->user_data) {
	case REQ_ACCEPT:
		on_accept(srv, cqe->res);
		break;
	case REQ_SIGNAL:
		if (cqe->res > 0)
			on_signal(srv);
		break;
	case REQ_CANCEL:
		break;
	default:
		touch(srv, client_data_client(cqe->user_data));
		client_complete(srv->clients[client_data_client(cqe->user_data)], cqe);
	}
	return false;
}

/* What each client does next follows from all of its completions together */
static bool on_batch(void *arg)
{
	struct serve *srv = arg;

	while (srv->nr_touched) {
		unsigned int index = srv->touched[--srv->nr_touched];

		srv->is_touched[index] = false;
		if (client_step(srv->clients[index]))
			client_ended(srv, index);
	}
	accept_more(srv);
	return srv->stopping && !srv->accepting && !srv->nr_clients;
}

static struct client_stats totals(const struct serve *srv)
{
	struct client_stats sum = srv->total;

	for (unsigned int i = 0; i < srv->opt.clients; i++)
		if (srv->clients[i])
			add_stats(&sum, client_stats(srv->clients[i]));
	return sum;
}

static void show_progress(void *arg)
{
	const struct serve *srv = arg;
	double secs = elapsed_ns(&srv->start) / 1e9;
	struct client_stats sum;

	if (!run_progress_due())
		return;
	sum = totals(srv);
	progress("%u clients of %llu, sent %s (%s/s), dropped %s", srv->nr_clients,
		 srv->nr_accepted, human_bytes(sum.sent.bytes),
		 human_bytes(sum.sent.bytes / (secs ?: 1)),
		 human_bytes(sum.dropped.bytes));
}

static int run_serve(struct serve *srv)
{
	const struct run_loop loop = {
		.region = &srv->region, .arg = srv,
		.complete = on_completion, .batch = on_batch, .progress = show_progress,
	};

	clock_gettime(CLOCK_MONOTONIC, &srv->start);
	run_listening(srv->opt.listen, srv->port);
	run_signals_wait(&srv->signals, &srv->region, REQ_SIGNAL);
	accept_more(srv);
	return run_loop(&loop);
}

/*
 * Summary
 */

static const char * const end_names[] = { "complete", "gone", "failed", "stopped" };

static void json_add_client_count(struct json_object *obj, const char *name,
				  const struct client_count *count)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_chunks", name);
	json_add_u64(obj, key, count->chunks);
	snprintf(key, sizeof(key), "%s_bytes", name);
	json_add_u64(obj, key, count->bytes);
}

static void json_add_client_stats(struct json_object *obj, const struct client_stats *s)
{
	json_add_client_count(obj, "read", &s->read);
	json_add_client_count(obj, "sent", &s->sent);
	json_add_client_count(obj, "dropped", &s->dropped);
	json_add_client_count(obj, "lost", &s->lost);
	json_add_u64(obj, "acked_bytes", s->acked_bytes);
	json_add_u64(obj, "read_errors", s->read_errors);
	json_add_bool(obj, "conserved", balanced(s));
}

static struct json_object *report_json(const struct report *r)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "peer", r->peer);
	json_add_str(obj, "end", end_names[r->end]);
	json_add_str(obj, "reason", r->reason);
	json_add_client_stats(obj, &r->stats);
	json_add_u64(obj, "duration_ns", r->ns);
	return obj;
}

static struct json_object *reports_json(const struct serve *srv)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < srv->nr_reports; i++)
		json_object_array_add(list, report_json(&srv->reports[i]));
	return list;
}

static void summary_json(const struct serve *srv, const struct io_unified_stats *s)
{
	struct json_object *obj = json_object_new_object();
	const struct serve_options *o = &srv->opt;
	char key[64];

	json_add_str(obj, "pipeline", o->name);
	json_add_u64(obj, "accepted", srv->nr_accepted);
	for (int i = 0; i <= CLIENT_ABORTED; i++) {
		snprintf(key, sizeof(key), "%s_clients", end_names[i]);
		json_add_u64(obj, key, srv->ends[i]);
	}
	json_add_client_stats(obj, &srv->total);
	json_add_u64(obj, "copied_bytes", s->copied_bytes);
	json_add_u64(obj, "nvme_cmds", s->nvme_cmds);
	json_add_u64(obj, "nvme_errors", s->nvme_errors);
	json_add_u64(obj, "stage_errors", s->stage_errors);
	json_add_u64(obj, "start_lba", o->lba);
	if (o->stream != NO_STREAM)
		json_add_u64(obj, "stream", o->stream);
	json_add_u64(obj, "range_bytes", srv->bytes);
	json_add_u64(obj, "block_size", srv->block_size);
	json_add_u64(obj, "chunk", o->chunk);
	json_add_u64(obj, "depth", o->depth);
	json_add_u64(obj, "region_size", srv->region.size);
	json_add_u64(obj, "duration_ns", elapsed_ns(&srv->start));
	json_object_object_add(obj, "stages", run_stages_json(&srv->stages));
	json_object_object_add(obj, "clients", reports_json(srv));
	json_print(obj);
}

static void summary_text(const struct serve *srv, const struct io_unified_stats *s)
{
	const struct client_stats *t = &srv->total;

	printf("%s: %llu clients in %.2f s", srv->opt.name, srv->nr_accepted,
	       elapsed_ns(&srv->start) / 1e9);
	for (int i = 0; i <= CLIENT_ABORTED; i++)
		if (srv->ends[i])
			printf(", %llu %s", srv->ends[i], end_names[i]);
	if (srv->opt.stream != NO_STREAM)
		printf("\n  stream   %12llu bytes, number %llu, in chunks of %llu\n",
		       srv->bytes, srv->opt.stream, srv->opt.chunk);
	else
		printf("\n  range    %12llu bytes from block %llu on, in chunks of %llu\n",
		       srv->bytes, srv->opt.lba, srv->opt.chunk);
	printf("  read     %12llu bytes in %llu chunks, %llu errors\n", t->read.bytes,
	       t->read.chunks, t->read_errors);
	printf("  dropped  %12llu bytes in %llu chunks\n", t->dropped.bytes,
	       t->dropped.chunks);
	printf("  sent     %12llu bytes in %llu chunks\n", t->sent.bytes, t->sent.chunks);
	printf("  lost     %12llu bytes, read for clients that went away\n", t->lost.bytes);
	printf("  copied   %12llu bytes\n", s->copied_bytes);
	run_stages_print(&srv->stages);
}

static int summary(const struct serve *srv)
{
	struct io_unified_stats s;

	region_stats(&srv->region, &s);
	if (json_output)
		summary_json(srv, &s);
	else
		summary_text(srv, &s);
	fflush(stdout);
	if (srv->accept_error)
		return error("accepting a client on %s: %s", srv->opt.listen,
			     strerror(-srv->accept_error));
	if (srv->ends[CLIENT_FAILED])
		return error("%llu clients did not get all of it: the last, because of %s",
			     srv->ends[CLIENT_FAILED], srv->reason);
	if (srv->ends[CLIENT_ABORTED])
		return error("%llu clients were cut off before the end", srv->ends[CLIENT_ABORTED]);
	if (srv->opt.once && srv->ends[CLIENT_GONE])
		return error("the client %s", srv->reason);
	if (!balanced(&srv->total) || !sluice_stats_conserved(&s))
		return error("the counters do not add up; please report it with the summary");
	return 0;
}

int do_serve(int argc, char **argv)
{
	static struct serve srv = { .opt.stream = NO_STREAM, .listen_fd = -1 };
	int ret = options_parse(&verb, &srv.opt, argc, argv);

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	ret = serve_open(&srv);
	if (!ret)
		ret = run_serve(&srv);
	if (!ret)
		ret = summary(&srv);
	serve_close(&srv);
	return ret ? 1 : 0;
}
