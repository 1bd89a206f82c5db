// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output.h"
#include "privileges.h"

static pid_t other;		/* the process that undoes */
static int lifeline = -1;	/* it waits for this to be closed */

int privileges_check(const char *name)
{
	if (!name || getpwnam(name))
		return 0;
	return error("--user '%s' is no user; 'getent passwd' lists them", name);
}

/* What BPF is, undo() needs; sockets and rings have to be closed when they are */
static void close_others(int keep)
{
	DIR *dir = opendir("/proc/self/fd");
	char path[64], target[32];
	struct dirent *e;
	ssize_t len;
	int fd;

	while (dir && (e = readdir(dir))) {
		fd = atoi(e->d_name);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		if (fd > STDERR_FILENO && fd != keep && fd != dirfd(dir) &&
		    strncmp(target, "anon_inode:bpf", 14))
			close(fd);
	}
	if (dir)
		closedir(dir);
}

/*
 * SIGINT of a terminal and SIGTERM of a service manager go to both processes, but
 * mean the first.
 */
static void __attribute__((noreturn)) wait_and_undo(int fd, void (*undo)(void *), void *arg)
{
	sigset_t set;
	char c;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	prctl(PR_SET_NAME, "sluice-undo");
	close_others(fd);
	/* who reads what the first one says waits for its end, not for ours */
	close(STDOUT_FILENO);
	while (read(fd, &c, 1) < 0 && errno == EINTR)
		;
	undo(arg);
	_exit(0);
}

static int start_other(void (*undo)(void *), void *arg)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return error("pipe: %s", strerror(errno));
	fflush(NULL);
	other = fork();
	if (!other) {
		close(fds[1]);
		wait_and_undo(fds[0], undo, arg);
	}
	close(fds[0]);
	lifeline = fds[1];
	if (other > 0)
		return 0;
	close(lifeline);
	return error("fork: %s", strerror(errno));
}

/* What could come back by executing something; it takes a capability to do that */
static int drop_bounding_set(void)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (cap_drop_bound(cap) && errno != EPERM)
			return error("dropping a capability: %s", strerror(errno));
	return 0;
}

static int drop_capabilities(void)
{
	cap_t none = cap_init();
	int ret;

	cap_reset_ambient();
	ret = cap_set_proc(none);
	cap_free(none);
	return ret ? error("dropping the capabilities: %s", strerror(errno)) : 0;
}

static int become(const char *name)
{
	struct passwd *pw = getpwnam(name);

	if (!pw)
		return privileges_check(name);
	if (initgroups(name, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return error("--user %s: %s; run as root", name, strerror(errno));
	return 0;
}

static int no_new_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error("no_new_privs: %s", strerror(errno));
	return 0;
}

int privileges_drop(const char *user, void (*undo)(void *), void *arg)
{
	if (start_other(undo, arg) || drop_bounding_set() || (user && become(user)) ||
	    drop_capabilities())
		return -1;
	return no_new_privileges();
}

/* Users are the process's, by the C library; all else is each thread's */
int privileges_drop_thread(void)
{
	return drop_bounding_set() || drop_capabilities() ? -1 : no_new_privileges();
}

bool privileges_undo(void)
{
	if (other <= 0)
		return false;
	close(lifeline);
	while (waitpid(other, NULL, 0) < 0 && errno == EINTR)
		;
	other = 0;
	return true;
}
