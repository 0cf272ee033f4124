#ifndef BUILTIN_H
#define BUILTIN_H

#include "lib/classify/classify.h"
#include "tests/unit/unit.h"

#define BUILTIN "share/posthub/sensitive-types"

static void
builtin_refused(const struct ph_package *package, const char *text,
		void *context)
{
	(void)context;
	ck_abort_msg("%s: %s", package->name, text);
}

/* The built-in types, and a package of its own, NULL: none. */
static inline struct ph_classifier *
builtin_with(struct ph_package *own, ph_classify_refused *refused)
{
	GPtrArray *packages = NULL;
	struct ph_err err = PH_ERR_INIT;
	struct ph_classify_options options = {
	    .own = &own,
	    .n_own = own != NULL ? 1 : 0,
	    .refused = refused != NULL ? refused : builtin_refused};
	struct ph_classifier *classifier;

	ck_assert_msg(ph_classify_read(BUILTIN, &packages, &err) == 0,
		      "%s (run it from the top of the tree)", err.text);
	options.library = (struct ph_package *const *)packages->pdata;
	options.n_library = packages->len;
	classifier = ph_classifier_new(&options);
	g_ptr_array_unref(packages);
	return classifier;
}

#endif
