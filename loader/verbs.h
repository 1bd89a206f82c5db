/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs, each in a file of its name.  They return the exit code. */
#ifndef VERBS_H
#define VERBS_H

#include <stddef.h>

#define EXIT_USAGE	2	/* the command line is wrong; nothing was done */

int do_record(int argc, char **argv);
int do_serve(int argc, char **argv);
int do_tap(int argc, char **argv);
int do_capture(int argc, char **argv);
int do_export(int argc, char **argv);
int do_list(int argc, char **argv);
int do_read(int argc, char **argv);
int do_show(int argc, char **argv);
int do_attach(int argc, char **argv);
int do_detach(int argc, char **argv);
int do_stage(int argc, char **argv);
int do_stat(int argc, char **argv);
int do_doctor(int argc, char **argv);

/* One after the other; NULL behind the last */
const char *verb_name(size_t nr);

#endif
