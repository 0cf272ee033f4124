#ifndef PH_RULES_SENSITIVE_H
#define PH_RULES_SENSITIVE_H

#include "lib/classify/classify.h"
#include "lib/state/snapshot.h"

/*
 * The sensitive information types of a snapshot: the built-in ones of a
 * directory, read once, and the packages dataclassification:<name>. A package
 * that cannot be used (what only the others can tell: a reference that leads
 * nowhere, a type that another has) leaves the one before in force.
 */
struct ph_sensitive_options {
	const char *directory;		    /* "": beside the program */
	struct ph_match_compiler *compiler; /* NULL: none */
	/* Though no rule asks: for the command. */
	bool always;
};

/* A row of struct ph_derive; context is the options, which must outlive it. */
void *ph_sensitive_build(const struct ph_snapshot *snapshot,
			 const void *previous, void *context,
			 struct ph_err *err);
void ph_sensitive_free(void *sensitive);

/*
 * Would a package of that name and text be in force, beside the built-in types
 * and the others of the snapshot, and they beside it? 1; 0, *err says why not;
 * -1: the built-in types cannot be read.
 */
int ph_sensitive_try(const struct ph_snapshot *snapshot, const char *name,
		     const char *text,
		     const struct ph_sensitive_options *options,
		     struct ph_err *err);

/* Borrowed. NULL: no rule asks, or the built-in types could not be read. */
struct ph_classifier *ph_sensitive_classifier(const void *sensitive);

#endif
