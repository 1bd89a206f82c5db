// SPDX-License-Identifier: GPL-2.0
/*
 * torture: a process with a region, a NIC queue, a device and perhaps a stage under
 * load, and what can befall it, singly, in pairs, and death at any moment: afterwards
 * queue and device are free, and the next stream is received and written by them.
 *
 * Usage: torture NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS NETNS EVENT
 *		  KILLS MATRIX SEED
 *
 * The NIC is in NETNS, which is a file that is a network namespace.  KILLS is how often
 * the process is killed, MATRIX how many of the events and pairs of them there are (all
 * of them, if it is more).  EVENT is a command: "EVENT break NAME" lets something happen
 * to the NIC or the device, "EVENT mend NAME" undoes it.  What happens follows from SEED,
 * but for when.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios.h"
#include "tap.h"

#define LIMIT	60000		/* ms until all is free again */
#define MIDDLE	20000		/* ms until a process is where it is to be */

static const char *netns, *event_command;

/* What the process does itself, when it gets a signal */
static struct setup *victim;
static int with_victim = -1;	/* to the one that a descriptor is passed to */

static void close_ring(void)
{
	munmap(victim->r.base, victim->r.size);
	io_uring_queue_exit(&victim->ring);
}

static void unregister(void)
{
	/* refused while it is in use, which it may be; that is tried elsewhere */
	ring_register(victim->r.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
}

static void unmap(void)
{
	munmap(victim->r.base, victim->r.size);
}

/* A child has all of it, and dies some time after us */
static void fork_away(void)
{
	if (!fork())
		while (1)
			pause();
	_exit(0);
}

static void pass_ring(void)
{
	union {
		struct cmsghdr	hdr;
		char		space[CMSG_SPACE(sizeof(int))];
	} control = { .hdr = {
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	} };
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control.space),
	};

	memcpy(CMSG_DATA(&control.hdr), &victim->r.ring, sizeof(int));
	sendmsg(with_victim, &msg, 0);
	_exit(0);
}

static void drop_link(void)
{
	if (victim->link)
		close(bpf_link__fd(victim->link));
}

static const struct event {
	const char	*what;
	void		(*self)(void);	/* or EVENT does it */
	bool		goes_on;	/* under load */
} events[] = {
	{ "kill" },
	{ "close the ring", close_ring },
	{ "unregister", unregister },
	{ "unmap", unmap },
	{ "fork and exit", fork_away },
	{ "pass the ring and exit", pass_ring },
	{ "drop the stage's link", drop_link, .goes_on = true },
	{ "reset-queue" },
	{ "reset-controller" },
	{ "remove-controller" },
	{ "detach-namespace" },
	{ "delete-port" },
	{ "delete-netns" },
};

#define NR_EVENTS	(sizeof(events) / sizeof(*events))
#define KILL		0

/* --- the process ----------------------------------------------------------- */

static int doing[2];

static void on_signal(int sig)
{
	const struct event *e = &events[doing[sig == SIGUSR2]];

	/* it has not got so far */
	if (!victim)
		_exit(0);
	e->self();
	while (!e->goes_on)
		pause();
}

static void enter_netns(void)
{
	int fd = open(netns, O_RDONLY);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		_exit(95);
	close(fd);
}

static void be_victim(const struct scenario *sc, int fd)
{
	static struct setup s;
	struct peer p;

	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	enter_netns();
	p = connect_peer(sc->peer, NULL);
	set_up(&s, NET_FLAGS, true, true);
	victim = &s;
	sc->run(&s, &p, fd);
	_exit(1);
}

static pid_t fork_quietly(void)
{
	int null;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		null = open("/dev/null", O_WRONLY);
		if (null < 0)
			_exit(97);
		/* nobody is to bail out but us */
		dup2(null, STDOUT_FILENO);
		close(null);
		setpgid(0, 0);
	}
	return pid;
}

/* As is_free(), from there; one that hangs is none, and its peer goes, too */
static bool is_free_there(void)
{
	pid_t pid = fork_quietly();
	int status;

	if (!pid) {
		alarm(20);
		enter_netns();
		_exit(!is_free());
	}
	waitpid(pid, &status, 0);
	kill(-pid, SIGKILL);
	return !status;
}

/* --- what befalls it -------------------------------------------------------- */

static pid_t start_event(const char *how, const char *name)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		execl(event_command, event_command, how, name, NULL);
		_exit(127);
	}
	return pid;
}

/* One of two may come too late */
static void end_event(pid_t pid, const char *how, const char *name, bool may_fail)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || (status && !may_fail))
		bail_out("%s %s %s failed", event_command, how, name);
}

static void random_sleep(unsigned int max_us)
{
	usleep(random() % (max_us + 1));
}

struct round {
	const struct scenario	*sc;
	int			event[2];
	int			nr;
	unsigned int		delay_us;	/* or wait until it is in the middle */
};

static void begin_event(const struct round *r, int i, pid_t victim_pid, pid_t *pid)
{
	const struct event *e = &events[r->event[i]];

	*pid = 0;
	if (e->self)
		kill(victim_pid, i ? SIGUSR2 : SIGUSR1);
	else if (r->event[i] == KILL)
		kill(victim_pid, SIGKILL);
	else
		*pid = start_event("break", e->what);
}

static bool wait_free(void)
{
	uint64_t begin = now_ms();

	while (!is_free_there()) {
		if (now_ms() - begin > LIMIT)
			return false;
		be_patient(begin);
	}
	return true;
}

static bool run_round(const struct round *r)
{
	int pipes[2], socks[2], status;
	struct pollfd fd;
	pid_t pid, pids[2];
	char c;

	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, socks))
		bail_out("pipe: %s", strerror(errno));
	memcpy(doing, r->event, sizeof(doing));
	with_victim = socks[1];
	pid = fork_quietly();
	if (!pid) {
		close(pipes[0]);
		close(socks[0]);
		be_victim(r->sc, pipes[1]);
	}
	close(pipes[1]);
	close(socks[1]);
	fd = (struct pollfd) { .fd = pipes[0], .events = POLLIN };
	if (r->delay_us)
		usleep(r->delay_us);
	else if (poll(&fd, 1, MIDDLE) != 1 || read(pipes[0], &c, 1) != 1)
		bail_out("%s: it did not get there", r->sc->what);
	for (int i = 0; i < r->nr; i++) {
		if (i)
			random_sleep(20000);
		begin_event(r, i, pid, &pids[i]);
	}
	/* the load goes on while it happens */
	for (int i = 0; i < r->nr; i++)
		if (pids[i])
			end_event(pids[i], "break", events[r->event[i]].what, r->nr > 1);
	random_sleep(20000);
	/* with its peer, and whom it has forked; what it has passed is closed after it */
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(pipes[0]);
	close(socks[0]);
	for (int i = r->nr - 1; i >= 0; i--)
		if (pids[i])
			end_event(start_event("mend", events[r->event[i]].what), "mend",
				  events[r->event[i]].what, false);
	return wait_free();
}

static const struct scenario *any_scenario(void)
{
	return &scenarios[random() % nr_scenarios];
}

/* One with a stage, if that is what it is about */
static const struct scenario *scenario_for(const struct event *a, const struct event *b)
{
	const struct scenario *sc;

	do {
		sc = any_scenario();
	} while ((a->self == drop_link || b->self == drop_link) && !strstr(sc->what, "stage"));
	return sc;
}

/* --- the rounds ------------------------------------------------------------- */

/* From the first thing that it does to long after it is at work */
static void test_kills(unsigned int kills)
{
	unsigned int lost = 0, i;
	uint64_t begin = now_ms(), usual;
	struct round r = { .nr = 1, .event = { KILL } };

	r.sc = &scenarios[0];
	if (!run_round(&r))
		bail_out("killed %s: not free again", r.sc->what);
	usual = (now_ms() - begin) / 2;
	for (i = 1; i < kills; i++) {
		r.sc = any_scenario();
		r.delay_us = i % 4 ? 1 + random() % (usual * 1000) : 0;
		if (!run_round(&r)) {
			note("killed %s after %u us", r.sc->what, r.delay_us);
			lost++;
			break;
		}
		if (i % 100 == 0)
			note("%u kills, %llu s", i, (unsigned long long)(now_ms() - begin) / 1000);
	}
	ok(!lost, "killed at any moment: queue and device are free, and work");
	note("%u kills in %llu s", i, (unsigned long long)(now_ms() - begin) / 1000);
}

static void test_events(unsigned int max)
{
	unsigned int nr = 0, all = NR_EVENTS * (NR_EVENTS + 1) / 2;
	unsigned int pick[NR_EVENTS * (NR_EVENTS + 1) / 2][2];

	for (unsigned int a = 0; a < NR_EVENTS; a++)
		for (unsigned int b = a; b < NR_EVENTS; b++) {
			pick[nr][0] = a;
			pick[nr++][1] = b;
		}
	/* which of them, when it is not all, and in which order */
	for (unsigned int i = 0; max < all && i < max; i++) {
		unsigned int j = i + random() % (all - i), a = pick[i][0], b = pick[i][1];

		memcpy(pick[i], pick[j], sizeof(pick[i]));
		pick[j][0] = a;
		pick[j][1] = b;
	}
	for (unsigned int i = 0; i < (max < all ? max : all); i++) {
		struct round r = {
			.sc = scenario_for(&events[pick[i][0]], &events[pick[i][1]]),
			.event = { pick[i][0], pick[i][1] },
			.nr = pick[i][0] == pick[i][1] ? 1 : 2,
		};
		const char *what[2] = { events[r.event[0]].what, events[r.event[1]].what };
		uint64_t begin = now_ms();
		bool good = run_round(&r);

		if (r.nr == 1)
			ok(good, "%s: then all works again", what[0]);
		else
			ok(good, "%s, %s: then all works again", what[0], what[1]);
		note("%s, %llu ms", r.sc->what, (unsigned long long)(now_ms() - begin));
		if (!good)
			bail_out("nothing that follows would make sense");
	}
}

int main(int argc, char **argv)
{
	unsigned int kills, matrix;

	if (argc != 13 || !request_args(argv + 1)) {
		fprintf(stderr, "usage: torture NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS NETNS EVENT KILLS MATRIX SEED\n");
		return 2;
	}
	netns = argv[8];
	event_command = argv[9];
	kills = atoi(argv[10]);
	matrix = atoi(argv[11]);
	srandom(atoi(argv[12]));
	if (!is_free_there())
		bail_out("it does not work before anything has happened");
	if (kills)
		test_kills(kills);
	test_events(matrix);
	return tap_end();
}
