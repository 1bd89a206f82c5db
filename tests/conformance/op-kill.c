// SPDX-License-Identifier: GPL-2.0
/*
 * op-kill: a process that is killed in the middle of an IORING_OP_UNIFIED: its
 * NIC queue and its device are free for the next one, and work.
 *
 * Usage: op-kill NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios.h"
#include "tap.h"

#define LIMIT	10000		/* ms until all is free again */

static void kill_in(const struct scenario *sc)
{
	int fds[2], pid, status;
	uint64_t begin;
	char c;

	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		struct peer p;
		struct setup s;

		/* with its peer, which is left behind, and has nothing of the ring */
		setpgid(0, 0);
		close(fds[0]);
		p = connect_peer(sc->peer, NULL);
		set_up(&s, NET_FLAGS, true, true);
		sc->run(&s, &p, fds[1]);
		_exit(1);
	}
	close(fds[1]);
	if (read(fds[0], &c, 1) != 1)
		bail_out("killed %s: it did not get there", sc->what);
	begin = now_ms();
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	while (!is_free() && now_ms() - begin < LIMIT)
		be_patient(begin);
	ok(now_ms() - begin < LIMIT && WTERMSIG(status) == SIGKILL,
	   "killed %s: NIC queue and device are free, and work", sc->what);
	note("%llu ms", (unsigned long long)(now_ms() - begin));
	kill(-pid, SIGKILL);
	/* for the next one, or nothing that follows would make sense */
	while (!is_free())
		if (now_ms() - begin > 10 * LIMIT)
			bail_out("killed %s: never free again", sc->what);
	close(fds[0]);
}

int main(int argc, char **argv)
{
	if (argc != 8 || !request_args(argv + 1)) {
		fprintf(stderr, "usage: op-kill NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS\n");
		return 2;
	}
	for (unsigned int i = 0; i < nr_scenarios; i++)
		kill_in(&scenarios[i]);
	return tap_end();
}
