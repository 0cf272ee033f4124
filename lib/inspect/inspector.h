#ifndef PH_INSPECT_INSPECTOR_H
#define PH_INSPECT_INSPECTOR_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/inspect/walk.h"
#include "lib/message/content.h"
#include "lib/message/inspect.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Looks into attachments without touching them: workers in a sandbox
 * (sandbox.h) do. A child of the program, which never sees a message, forks
 * them, so that a new one costs a fork of a small process that has all its
 * tables; each serves some messages and is replaced. A worker that crashes,
 * takes too long, too much or does what it may not costs the attachment that
 * it was at: the next ones go to another.
 *
 * Thread-safe. Threads wait for a worker, and then for its answers, no longer
 * than the timeout each.
 */
struct ph_inspector;

/* The program as its own child: argv[1]. */
#define PH_INSPECT_SWITCH "--inspect-attachments"

struct ph_inspector_options {
	/* The child's program and first arguments, NULL-terminated; what it
	 * needs to know is added. Borrowed for ever. */
	const char *const *child;
	const char *user;  /* borrowed for ever; matters to root alone */
	uint32_t workers;  /* at once */
	uint32_t messages; /* that a worker serves */
	int64_t timeout;   /* ms, of a message */
	uint64_t memory;   /* bytes, of a worker */
	struct ph_walk_limits limits; /* zeros are the defaults */
};
/* From the section [inspect]; child is the program itself. */
void ph_inspector_options_read(const struct ph_conf *conf,
			       struct ph_inspector_options *options_r);

/*
 * Starts the child: called as root and before the first thread it has a user of
 * its own and an empty root directory. Never fails: what cannot be started is
 * logged, and tried again for the next message. borrow options' texts.
 */
struct ph_inspector *
ph_inspector_start(const struct ph_inspector_options *options);
/* Nobody may use it any more. NULL is fine. */
void ph_inspector_stop(struct ph_inspector **inspector);

/* What became of an attachment. */
enum ph_inspected_state {
	PH_INSPECTED_NOT,  /* nobody could be asked: why */
	PH_INSPECTED_LOST, /* the worker ended at it: why; files are those that
			    * it had told of */
	PH_INSPECTED_DONE, /* the last of files is the attachment itself */
};

struct ph_inspected {
	enum ph_inspected_state state;
	GPtrArray *files; /* struct ph_walked */
	char *why;	  /* for people; NULL if DONE */
};

/* All n attachments: an array of n results, for ph_inspected_free. */
struct ph_inspected *ph_inspector_run(struct ph_inspector *inspector,
				      const struct ph_walk_source *parts,
				      uint32_t n);
void ph_inspected_free(struct ph_inspected *results, uint32_t n);

/* The attachments among the parts of a message, in order; n_r: how many; NULL:
 * there is none, and nobody was asked. */
struct ph_inspected *ph_inspector_run_content(struct ph_inspector *inspector,
					      const struct ph_content *content,
					      uint32_t *n_r);

/* Since the start. */
struct ph_inspector_counts {
	uint64_t messages, files, limits;
	uint64_t crashed, out_of_memory, timed_out, forbidden, malformed;
	uint64_t unavailable;
};
void ph_inspector_counts(struct ph_inspector *inspector,
			 struct ph_inspector_counts *counts_r);
/* The layers that workers have (sandbox.h); 0: none has been there yet. */
unsigned ph_inspector_layers(struct ph_inspector *inspector);
/* Logs them, and which are missing. */
void ph_inspector_report(struct ph_inspector *inspector);

/*
 * The back end of ph_inspection: asks at the first question, and not at all if
 * there is no attachment. An attachment that was lost has LIMIT; all else about
 * it is "cannot say" (TEMP), as it is about each while nobody can be asked.
 * Both are borrowed until the inspection is freed.
 */
struct ph_inspection *ph_inspect_sandboxed(struct ph_inspector *inspector,
					   struct ph_content *content);
/* The same of answers that are there already: those of
 * ph_inspector_run_content; both are borrowed. */
struct ph_inspection *ph_inspect_answered(const struct ph_inspected *results,
					  struct ph_content *content);

/* ---- the child ---------------------------------------------------------- */

/* What a worker does with a request from one attachment on; tests have their
 * own. fd: where records go. */
struct ph_request;
typedef void ph_worker_work(struct ph_types *types,
			    const struct ph_request *request, uint32_t first,
			    int fd);
ph_worker_work ph_worker_inspect;

/* main() of the program as child, argv as it came. Exit status. */
int ph_inspect_child_main(int argc, char **argv, ph_worker_work *work);

#endif
