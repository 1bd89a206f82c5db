// SPDX-License-Identifier: GPL-2.0
/* attach, detach: stages of a pipeline that runs, which is another process. */
#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "objects.h"
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
	"Attach a stage to a pipeline that runs, to each of its rings. It is there until\n"
	"it is detached or the pipeline ends.",
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

/* A stage for each ring of the pipeline, all with the same name, which is given */
struct attached {
	struct stage	*stages[PIPELINE_MAX_RINGS];
	unsigned int	nr;
};

static void close_all(struct attached *a, bool remove)
{
	for (unsigned int i = 0; i < a->nr; i++) {
		pin_ring(i);
		if (remove)
			pin_remove(stage_name(a->stages[i]));
		stage_close(a->stages[i]);
	}
	a->nr = 0;
}

/* To all rings, or to none */
static int attach_new(struct attached *a, const char *pipeline,
		      const struct pipeline_info *info, const char *spec, int prio)
{
	for (a->nr = 0; a->nr < info->nr_rings; a->nr++) {
		int ring_fd = pipeline_ring(pipeline, info, a->nr);

		pin_ring(a->nr);
		a->stages[a->nr] = ring_fd < 0 ? NULL : stage_attach(spec, ring_fd, prio);
		if (ring_fd >= 0)
			close(ring_fd);
		if (!a->stages[a->nr]) {
			close_all(a, true);
			return -1;
		}
	}
	return 0;
}

/* What is to be replaced in a ring: the link, and the map that it has attached */
struct place {
	int	link_fd, map_fd;
};

static int find_place(struct place *p, const char *pipeline, const char *stage)
{
	p->link_fd = open_link(pipeline, stage);
	if (p->link_fd < 0)
		return -1;
	p->map_fd = objects_link_map(p->link_fd);
	if (p->map_fd >= 0)
		return 0;
	close(p->link_fd);
	return error("stage %s of %s is not attached any more; 'sluice detach' removes it, attach the new one without --replace",
		     stage, pipeline);
}

/* Take the places one ring after the other; all of them, or none */
static int take_places(struct attached *a, const struct place *places, const char *old)
{
	unsigned int done;

	for (done = 0; done < a->nr; done++) {
		pin_ring(done);
		if (stage_replace(a->stages[done], places[done].link_fd))
			break;
	}
	if (done < a->nr) {
		while (done--)
			bpf_link_update(places[done].link_fd, places[done].map_fd, NULL);
		return -1;
	}
	for (unsigned int i = 0; i < a->nr; i++) {
		pin_ring(i);
		pin_remove(old);
	}
	return 0;
}

/* In all rings, or in none: each is ready before the first takes its place */
static int attach_instead(struct attached *a, const char *pipeline,
			  const struct pipeline_info *info, const char *spec, const char *old)
{
	struct place places[PIPELINE_MAX_RINGS];
	unsigned int nr;
	int ret = 0;

	for (nr = 0; !ret && nr < info->nr_rings; nr++) {
		pin_ring(nr);
		if (find_place(&places[nr], pipeline, old)) {
			ret = -1;
			break;
		}
		a->stages[nr] = stage_open_replacement(spec, places[nr].link_fd);
		if (a->stages[nr])
			a->nr++;
		else
			ret = -1;
	}
	if (!ret)
		ret = take_places(a, places, old);
	if (ret)
		close_all(a, true);
	while (nr--) {
		close(places[nr].link_fd);
		close(places[nr].map_fd);
	}
	return ret;
}

static int detach(const char *pipeline, const struct pipeline_info *info, const char *stage)
{
	for (unsigned int i = 0; i < info->nr_rings; i++) {
		int fd, ret;

		pin_ring(i);
		fd = open_link(pipeline, stage);
		if (fd < 0)
			return -1;
		/* not by removing the pin alone: the pipeline may hold the link */
		ret = bpf_link_detach(fd);
		close(fd);
		if (ret)
			return error("detaching stage %s of %s: %s", stage, pipeline,
				     strerror(-ret));
		pin_remove(stage);
	}
	return 0;
}

/* WHAT is "attached" or "detached" */
static void report(const char *pipeline, const char *stage, const char *what,
		   const char *replaced)
{
	struct json_object *obj;

	if (!json_output) {
		printf("%s: %s is %s%s\n", pipeline, stage,
		       replaced ? "in the place of " : what, replaced ?: "");
		return;
	}
	obj = json_object_new_object();
	json_add_str(obj, "pipeline", pipeline);
	json_add_str(obj, what, stage);
	if (replaced)
		json_add_str(obj, "replaced", replaced);
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
	struct pipeline_info info;
	struct attached a = { };
	int ret;

	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	if (opt.prio > INT_MAX) {
		error("--prio %llu is not 0 to %d", opt.prio, INT_MAX);
		return EXIT_USAGE;
	}
	pipeline = argv[first];
	spec = argv[first + 1];
	if (pin_join(pipeline, &info))
		return 1;
	ret = opt.replace ? attach_instead(&a, pipeline, &info, spec, opt.replace) :
			    attach_new(&a, pipeline, &info, spec, opt.prio);
	if (ret)
		return 1;
	report(pipeline, stage_name(a.stages[0]), "attached", opt.replace);
	close_all(&a, false);
	return 0;
}

int do_detach(int argc, char **argv)
{
	int first = parse(&detach_verb, NULL, argc, argv);
	const char *pipeline, *stage;
	struct pipeline_info info;

	if (first < 0)
		return first == -2 ? 0 : EXIT_USAGE;
	pipeline = argv[first];
	stage = argv[first + 1];
	if (pin_join(pipeline, &info))
		return 1;
	if (detach(pipeline, &info, stage))
		return 1;
	report(pipeline, stage, "detached", NULL);
	return 0;
}
