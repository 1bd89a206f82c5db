// SPDX-License-Identifier: GPL-2.0
/* attach, detach: stages of a pipeline that runs, which is another process. */
#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "pin.h"
#include "pipeline.h"
#include "stage.h"
#include "verbs.h"

/* Behind the stages that a pipeline is started with, in front of its own last one */
#define PRIO_ATTACHED	100000

struct attach_options {
	unsigned long long	prio;
	const char		*replace;
};

#define OPT(field)	offsetof(struct attach_options, field)
static const struct option_desc attach_opts[] = {
	{ "prio", 'p', OPT_NUMBER, OPT(prio), "N", "lower is asked earlier; --stage of record: 100, 200, ... (100000)", false },
	{ "replace", 'r', OPT_STRING, OPT(replace), "STAGE", "take the place of that one, between two records", false },
	{ }
};

static const struct verb_desc attach_verb = {
	"attach", "PIPELINE STAGE[:KEY=VALUE,...]",
	"Attach a stage to a pipeline that runs. It is there until it is detached or the\n"
	"pipeline ends.",
	attach_opts,
};

static const struct verb_desc detach_verb = {
	"detach", "PIPELINE STAGE",
	"Detach a stage, named as 'sluice show' does, from a pipeline that runs.",
	NULL,
};

/* The link of @stage; -1 after an error message */
static int open_link(const char *pipeline, const char *stage)
{
	char list[256];
	int fd;

	fd = pin_get(stage, "link");
	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return error("stage %s of %s: %s", stage, pipeline, strerror(errno));
	pin_list("link", list, sizeof(list));
	return error("%s has no stage '%s'; it has %s", pipeline, stage,
		     list[0] ? list : "none");
}

static struct stage *attach_new(const char *pipeline, const char *spec, int prio)
{
	struct stage *stage;
	int ring_fd = pipeline_ring(pipeline);

	if (ring_fd < 0)
		return NULL;
	stage = stage_attach(spec, ring_fd, prio);
	close(ring_fd);
	return stage;
}

static struct stage *attach_instead(const char *pipeline, const char *spec, const char *old)
{
	struct stage *stage;
	int link_fd = open_link(pipeline, old);

	if (link_fd < 0)
		return NULL;
	stage = stage_replace(spec, link_fd);
	close(link_fd);
	if (stage)
		pin_remove(old);
	return stage;
}

static void report(const char *pipeline, const char *stage, const char *what,
		   const char *old)
{
	struct json_object *obj;

	if (!json_output) {
		printf("%s: %s %s%s\n", pipeline, stage, what, old ?: "");
		return;
	}
	obj = json_object_new_object();
	json_add_str(obj, "pipeline", pipeline);
	json_add_str(obj, "stage", stage);
	if (old)
		json_add_str(obj, "replaced", old);
	json_print(obj);
}

/* The index of the first of two arguments, or as options_parse() */
static int parse(const struct verb_desc *verb, void *values, int argc, char **argv)
{
	int first = options_parse(verb, values, argc, argv);

	if (first < 0 || argc - first == 2)
		return first;
	return error("%s takes a pipeline and a stage; see 'sluice %s --help'", verb->name,
		     verb->name);
}

int do_attach(int argc, char **argv)
{
	struct attach_options opt = { .prio = PRIO_ATTACHED };
	int first = parse(&attach_verb, &opt, argc, argv);
	const char *pipeline, *spec;
	struct stage *stage;

	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	if (opt.prio > INT_MAX) {
		error("--prio %llu is not 0 to %d", opt.prio, INT_MAX);
		return EXIT_USAGE;
	}
	pipeline = argv[first];
	spec = argv[first + 1];
	if (pin_join(pipeline))
		return 1;
	stage = opt.replace ? attach_instead(pipeline, spec, opt.replace) :
			      attach_new(pipeline, spec, opt.prio);
	if (!stage)
		return 1;
	report(pipeline, stage_name(stage), opt.replace ? "is in the place of " : "is attached",
	       opt.replace);
	stage_close(stage);
	return 0;
}

int do_detach(int argc, char **argv)
{
	int first = parse(&detach_verb, NULL, argc, argv), fd, ret;
	const char *pipeline, *stage;

	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	pipeline = argv[first];
	stage = argv[first + 1];
	if (pin_join(pipeline))
		return 1;
	fd = open_link(pipeline, stage);
	if (fd < 0)
		return 1;
	/* not by removing the pin alone: the pipeline's process may hold the link */
	ret = bpf_link_detach(fd);
	close(fd);
	if (ret) {
		error("detaching stage %s of %s: %s", stage, pipeline, strerror(-ret));
		return 1;
	}
	pin_remove(stage);
	report(pipeline, stage, "is detached", NULL);
	return 0;
}
