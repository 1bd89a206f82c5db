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

#include "complete.h"
#include "config.h"
#include "options.h"
#include "output.h"
#include "pipeline.h"
#include "suggest.h"
#include "verbs.h"

#define SLUICE_VERSION	"0.1"

static int do_help(int argc, char **argv);

static int do_version(int argc, char **argv)
{
	static const struct verb_desc verb = {
		"version", "", "Print the versions of sluice and its libraries.", NULL,
	};
	int ret = options_parse(&verb, NULL, argc, argv);
	struct json_object *obj;

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	if (json_output) {
		obj = json_object_new_object();
		json_add_str(obj, "sluice", SLUICE_VERSION);
		json_add_str(obj, "libbpf", libbpf_version_string());
		json_print(obj);
	} else {
		printf("sluice %s\nlibbpf %s\n", SLUICE_VERSION, libbpf_version_string());
	}
	return 0;
}

static const struct {
	const char	*name;
	int		(*run)(int argc, char **argv);
	const char	*help;
} verbs[] = {
	{ "record", do_record, "receive a TCP stream and write it to an NVMe namespace" },
	{ "serve", do_serve, "send a range of an NVMe namespace to TCP clients" },
	{ "tap", do_tap, "receive a TCP stream and write it to standard output" },
	{ "capture", do_capture, "write the frames of a NIC queue to an NVMe namespace" },
	{ "export", do_export, "make a pcapng file of a capture" },
	{ "list", do_list, "list the streams of a recording" },
	{ "read", do_read, "read a stream of a recording" },
	{ "show", do_show, "list the pipelines that run" },
	{ "attach", do_attach, "attach a stage to a pipeline that runs, or replace one" },
	{ "detach", do_detach, "detach a stage from a pipeline that runs" },
	{ "stage", do_stage, "the stages: list, help, check, new" },
	{ "stat", do_stat, "what the pipelines move, each second" },
	{ "doctor", do_doctor, "what kernel, NIC, NVMe and privileges lack, and the remedy" },
	{ "help", do_help, "this text, or that of a verb" },
	{ "version", do_version, "the versions of sluice and its libraries" },
};

#define NR_VERBS	(sizeof(verbs) / sizeof(verbs[0]))

const char *verb_name(size_t nr)
{
	return nr < NR_VERBS ? verbs[nr].name : NULL;
}

static int run_verb(const char *name, int argc, char **argv)
{
	struct suggest s = SUGGEST(name);

	for (size_t i = 0; i < NR_VERBS; i++) {
		if (!strcmp(verbs[i].name, name)) {
			/* what a pipeline is called to others */
			pipeline_set_kind(name);
			return verbs[i].run(argc, argv);
		}
		suggest_try(&s, verbs[i].name);
	}
	error("no verb '%s'; %s", name,
	      suggest_text(&s, "", "'sluice help' lists them"));
	return EXIT_USAGE;
}

static int help_all(void)
{
	printf("Usage: sluice VERB [OPTIONS]\n\n"
	       "Moves data between a NIC and NVMe without copying it.\n\n");
	for (size_t i = 0; i < NR_VERBS; i++)
		printf("  %-10s %s\n", verbs[i].name, verbs[i].help);
	printf("\n'sluice VERB --help' tells more; sluice(8) all of it. --config FILE\n"
	       "takes what is not on the command line from a file.\n");
	return 0;
}

static int do_help(int argc, char **argv)
{
	static const struct verb_desc verb = {
		"help", "[VERB]", "List the verbs, or what one of them takes.", NULL,
	};
	int first = options_parse(&verb, NULL, argc, argv);
	char *args[] = { NULL, (char *)"--help", NULL };

	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	if (options_args(&verb, argc, argv, first, 0, 1))
		return EXIT_USAGE;
	if (first == argc)
		return help_all();
	args[0] = argv[first];
	return run_verb(args[0], 2, args);
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

/* --config may stand in front of the verb; where that is */
static int skip_config(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--config=", 9))
			options_config = argv[i] + 9;
		else if (strcmp(argv[i], "--config"))
			break;
		else if (++i < argc)
			options_config = argv[i];
		else
			return error("--config needs a value, FILE, and then a verb");
	}
	return i;
}

/* The words behind "sluice", the last of which is to be completed */
static int do_complete(int argc, char **argv)
{
	int skip = 1;

	while (skip + 2 < argc && !strcmp(argv[skip], "--config"))
		skip += 2;
	if (argc - skip < 1)
		return 0;
	if (argc - skip > 1) {
		options_instead = complete_options;
		quiet = true;
		return run_verb(argv[skip], argc - skip, argv + skip);
	}
	for (size_t i = 0; i < NR_VERBS; i++)
		complete_word(argv[skip], verbs[i].name);
	complete_word(argv[skip], "--config");
	complete_word(argv[skip], "--help");
	complete_word(argv[skip], "--version");
	return 0;
}

static int run(int argc, char **argv)
{
	int skip = skip_config(argc, argv) - 1;

	if (skip < 0)
		return EXIT_USAGE;
	argc -= skip;
	argv += skip;
	if (argc < 2) {
		error("no verb; 'sluice help' lists them");
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "__complete"))
		return do_complete(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help_all();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return do_version(argc - 1, argv + 1);
	if (argv[1][0] == '-') {
		error("'%s' is no verb; options stand behind one: sluice VERB [OPTIONS]",
		      argv[1]);
		return EXIT_USAGE;
	}
	return run_verb(argv[1], argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int ret;

	output_open();
	libbpf_set_print(print_libbpf);
	libxdp_set_print(print_libxdp);
	ret = run(argc, argv);
	config_free();
	/* an answer that nobody got is a failure */
	if (output_close() && !ret)
		ret = 1;
	return ret;
}
