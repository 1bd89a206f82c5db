// SPDX-License-Identifier: GPL-2.0
/* stage: which stages there are, what they take, and how to write one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "stage.h"
#include "stage_object.h"
#include "stage_option.h"
#include "stage_template.h"	/* loader/template, made at build time */
#include "verbs.h"

/*
 * What an object says of itself
 */

static struct json_object *option_json(const struct stage_options *opts,
				       const struct stage_option *o, const char *value)
{
	struct json_object *obj = json_object_new_object();
	char text[256];

	json_add_str(obj, "name", o->name);
	json_add_str(obj, "type", stage_option_type(opts, o, text, sizeof(text)));
	json_add_str(obj, value, stage_option_value(opts, o, text, sizeof(text)));
	if (o->group)
		json_add_str(obj, "one_of", o->group);
	if (o->help)
		json_add_str(obj, "help", o->help);
	return obj;
}

static struct json_object *options_json(struct bpf_object *bpf, const char *name,
					char *args)
{
	struct json_object *list = NULL;
	struct stage_options opts;

	if (!stage_options_open(&opts, bpf, name) &&
	    (!args || !stage_options_parse(&opts, args)))
		list = json_object_new_array();
	for (size_t i = 0; list && i < opts.nr; i++)
		json_object_array_add(list, option_json(&opts, &opts.options[i],
							args ? "value" : "default"));
	stage_options_close(&opts);
	return list;
}

/* The stage @name, with options set by @args, or NULL; NULL after an error message */
static struct json_object *describe(const char *name, char *args)
{
	struct json_object *obj, *list = NULL;
	struct bpf_object *bpf;
	struct bpf_map *ops;
	char origin[512];

	bpf = stage_object_open(name, NULL);
	ops = bpf ? stage_object_ops(bpf, name) : NULL;
	if (ops)
		list = options_json(bpf, name, args);
	if (!list) {
		bpf_object__close(bpf);
		return NULL;
	}
	obj = json_object_new_object();
	json_add_str(obj, "name", name);
	json_add_str(obj, "about", stage_object_about(bpf, ops) ?: "");
	json_add_str(obj, "origin", stage_object_origin(name, origin, sizeof(origin)));
	json_object_object_add(obj, "options", list);
	bpf_object__close(bpf);
	return obj;
}

static const char *str(struct json_object *obj, const char *key)
{
	return json_object_get_string(json_object_object_get(obj, key)) ?: "";
}

/*
 * The verbs
 */

static int list_stages(int argc, char **argv)
{
	struct json_object *list = json_object_new_array(), *obj;
	const char *name;
	int ret = 0;

	(void)argc;
	(void)argv;
	for (unsigned int i = 0; (name = stage_object_name(i)); i++) {
		obj = describe(name, NULL);
		if (!obj)
			ret = 1;
		else if (json_output)
			json_object_array_add(list, obj);
		else
			printf("%-12s %s\n", name, str(obj, "about"));
		if (!json_output)
			json_object_put(obj);
	}
	if (json_output)
		json_print(list);
	else
		json_object_put(list);
	return ret;
}

static void print_option(struct json_object *o)
{
	const char *value = str(o, "default"), *help = str(o, "help");

	if (!*value)
		value = str(o, "value");
	printf("  %s=\n", str(o, "name"));
	if (*help)
		printf("        %s\n", help);
	printf("        %s", str(o, "type"));
	if (*value)
		printf(" (%s)", value);
	if (json_object_object_get(o, "one_of"))
		printf("; one of these has to be given");
	printf("\n");
}

static int help_stage(int argc, char **argv)
{
	char *args = strchr(argv[0], ':');
	struct json_object *obj, *list;

	(void)argc;
	if (args)
		*args++ = '\0';
	obj = describe(argv[0], args);
	if (!obj)
		return 1;
	if (json_output) {
		json_print(obj);
		return 0;
	}
	list = json_object_object_get(obj, "options");
	printf("%s: %s\n%s\n", str(obj, "name"), str(obj, "about"), str(obj, "origin"));
	if (json_object_array_length(list))
		printf("\n--stage %s:KEY=VALUE,..., with these keys (and their defaults):\n",
		       str(obj, "name"));
	for (size_t i = 0; i < json_object_array_length(list); i++)
		print_option(json_object_array_get_idx(list, i));
	json_object_put(obj);
	return 0;
}

static int check_stage(int argc, char **argv)
{
	struct json_object *obj = stage_check(argv[0]), *list;

	(void)argc;
	if (!obj)
		return 1;
	if (json_output) {
		json_print(obj);
		return 0;
	}
	list = json_object_object_get(obj, "programs");
	printf("%s: the verifier takes it\n", str(obj, "name"));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *prog = json_object_array_get_idx(list, i);

		printf("  %-20s %s instructions verified\n", str(prog, "name"),
		       str(prog, "verified_insns"));
	}
	json_object_put(obj);
	return 0;
}

/*
 * new: a folder from loader/template, where @NAME@ stands for the stage's name
 */

/* A name of BPF programs and maps, with "_verdicts" behind it */
static bool is_stage_name(const char *name)
{
	return strlen(name) <= 15 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(name) &&
	       *name >= 'a' && *name <= 'z';
}

static void write_text(FILE *f, const char *text, const char *name)
{
	static const char mark[] = "@NAME@";
	const char *next;

	for (; (next = strstr(text, mark)); text = next + strlen(mark))
		fprintf(f, "%.*s%s", (int)(next - text), text, name);
	fputs(text, f);
}

static int write_file(const char *folder, const char *file, const char *text)
{
	char path[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/", folder);
	f = fmemopen(path + strlen(path), sizeof(path) - strlen(path), "w");
	if (f) {
		write_text(f, file, folder);
		fclose(f);
	}
	f = fopen(path, "wx");
	if (!f)
		return error("%s: %s", path, strerror(errno));
	write_text(f, text, folder);
	if (fclose(f))
		return error("%s: %s", path, strerror(errno));
	note("wrote %s", path);
	return 0;
}

static int new_stage(int argc, char **argv)
{
	const char *name = argv[0];

	(void)argc;
	if (!is_stage_name(name)) {
		error("'%s' is not 1 to 15 lower case letters, digits and '_', a letter first",
		      name);
		return EXIT_USAGE;
	}
	if (mkdir(name, 0777)) {
		error("%s: %s%s", name, strerror(errno),
		      errno == EEXIST ? "; give another name, or remove it" : "");
		return 1;
	}
	for (size_t i = 0; i < sizeof(stage_template) / sizeof(stage_template[0]); i++)
		if (write_file(name, stage_template[i].file, stage_template[i].text))
			return 1;
	note("'make -C %s check' builds and tests it; %s/README.md says how to go on",
	     name, name);
	return 0;
}

static const struct {
	struct verb_desc	desc;
	int			nr_args;
	int			(*run)(int argc, char **argv);
} commands[] = {
	{ { "stage list", "", "List the stages, built-in ones and those of the folder.",
	    NULL }, 0, list_stages },
	{ { "stage help", "NAME[:KEY=VALUE,...]",
	    "What a stage does, and its options with types and defaults, or with what they\n"
	    "are set to.", NULL }, 1, help_stage },
	{ { "stage check", "NAME[:KEY=VALUE,...]",
	    "Load a stage with these options, attach it to nothing, and say what the\n"
	    "verifier says of it.", NULL }, 1, check_stage },
	{ { "stage new", "NAME", "Begin a stage: a folder NAME with its source, a test and a Makefile.",
	    NULL }, 1, new_stage },
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static const struct verb_desc verb = {
	"stage", "list|help NAME|check NAME[:KEY=VALUE,...]|new NAME",
	"The stages: which there are, what one takes, whether the kernel takes it, and\n"
	"a folder to begin one of your own. NAME is one that is built in, one of the\n"
	"folder of stages, or the path of an object.",
	NULL,
};

static int usage(const char *what)
{
	error("%s; see 'sluice stage --help'", what);
	return EXIT_USAGE;
}

static int run_command(size_t c, int argc, char **argv)
{
	int first = options_parse(&commands[c].desc, NULL, argc, argv);
	char what[64];

	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	if (argc - first != commands[c].nr_args) {
		snprintf(what, sizeof(what), "%s takes %s", commands[c].desc.name,
			 commands[c].nr_args ? "one name" : "no name");
		return usage(what);
	}
	return commands[c].run(argc - first, argv + first);
}

int do_stage(int argc, char **argv)
{
	char what[64];
	int first;

	for (size_t c = 0; argc > 1 && c < NR_COMMANDS; c++)
		if (!strcmp(commands[c].desc.name + strlen("stage "), argv[1]))
			return run_command(c, argc - 1, argv + 1);
	first = options_parse(&verb, NULL, argc, argv);
	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	if (first == argc)
		return usage("stage needs one of list, help, check and new");
	snprintf(what, sizeof(what), "stage knows no '%.20s'", argv[first]);
	return usage(what);
}
