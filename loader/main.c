// SPDX-License-Identifier: GPL-2.0
/*
 * sluice: the control plane.  It sets a pipeline up, watches it and takes it
 * down; the data does not come by here.
 */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "output.h"
#include "verbs.h"

#define SLUICE_VERSION	"0.1"

static int do_help(int argc, char **argv);

static int do_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("sluice %s\nlibbpf %s\n", SLUICE_VERSION, libbpf_version_string());
	return 0;
}

static const struct {
	const char	*name;
	int		(*run)(int argc, char **argv);
	const char	*help;
} verbs[] = {
	{ "record", do_record, "receive a TCP stream and write it to an NVMe namespace" },
	{ "show", do_show, "list the pipelines that run" },
	{ "attach", do_attach, "attach a stage to a pipeline that runs, or replace one" },
	{ "detach", do_detach, "detach a stage from a pipeline that runs" },
	{ "stage", do_stage, "the stages: list, help, check, new" },
	{ "doctor", do_doctor, "what kernel, NIC, NVMe and privileges lack, and the remedy" },
	{ "help", do_help, "this text, or that of a verb" },
	{ "version", do_version, "the versions of sluice and its libraries" },
};

#define NR_VERBS	(sizeof(verbs) / sizeof(verbs[0]))

static int run_verb(const char *name, int argc, char **argv)
{
	for (size_t i = 0; i < NR_VERBS; i++)
		if (!strcmp(verbs[i].name, name))
			return verbs[i].run(argc, argv);
	error("no verb '%s'; see 'sluice help'", name);
	return EXIT_USAGE;
}

static int do_help(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "help")) {
		char *args[] = { argv[1], (char *)"--help", NULL };

		return run_verb(argv[1], 2, args);
	}
	printf("Usage: sluice VERB [OPTIONS]\n\n"
	       "Moves data between a NIC and NVMe without copying it.\n\n");
	for (size_t i = 0; i < NR_VERBS; i++)
		printf("  %-10s %s\n", verbs[i].name, verbs[i].help);
	printf("\n'sluice VERB --help' tells more; sluice(8) all of it.\n");
	return 0;
}

/* What libbpf says matters when something fails, not before */
static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level > LIBBPF_WARN && !getenv("SLUICE_DEBUG"))
		return 0;
	return vfprintf(stderr, fmt, ap);
}

static int print_libxdp(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	if (level > LIBXDP_WARN && !getenv("SLUICE_DEBUG"))
		return 0;
	return vfprintf(stderr, fmt, ap);
}

int main(int argc, char **argv)
{
	libbpf_set_print(print_libbpf);
	libxdp_set_print(print_libxdp);
	if (argc < 2) {
		do_help(0, NULL);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return do_help(0, NULL);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return do_version(0, NULL);
	return run_verb(argv[1], argc - 1, argv + 1);
}
