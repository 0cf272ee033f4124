#ifndef SOURCE_H
#define SOURCE_H

#include "tests/unit/lib/directory/people.h"

/* A back end that can be told what to answer, and counts. */
struct source {
	struct ph_object *entry; /* NULL: nobody */
	enum ph_err_kind error;	 /* NONE: it answers */
	struct ph_found found;	 /* source NULL: as it is without */
	unsigned asked;
	unsigned walked;
};

static int
source_find(void *self, const char *address, struct ph_object **entry_r,
	    struct ph_found *found_r, struct ph_err *err)
{
	struct source *source = self;

	source->asked++;
	if (source->error != PH_ERR_NONE)
		return ph_err_set(err, source->error, "%s: away", address);
	if (source->found.source != NULL)
		*found_r = source->found;
	if (source->entry != NULL)
		*entry_r = ph_object_ref(source->entry);
	return source->entry != NULL;
}

static int
source_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	    void *arg, struct ph_err *err)
{
	struct source *source = self;

	source->walked++;
	if (source->error != PH_ERR_NONE)
		return ph_err_set(err, source->error, "away");
	return each(group != NULL ? group : source->entry, arg, err);
}

static void
source_close(void *self)
{
	struct source *source = self;

	ph_object_unref(&source->entry);
}

static const struct ph_directory_ops source_ops = {
    .name = "source",
    .find = source_find,
    .walk = source_walk,
    .close = source_close,
};

/* The same as what it says, with where it is from and how old:
 * "a@test.org source 60 stale". */
G_GNUC_UNUSED static const char *
source_told(struct ph_directory *directory, const char *address)
{
	struct ph_object *entry = NULL;
	struct ph_err err = PH_ERR_INIT;
	struct ph_found found;
	g_autofree char *text = NULL;
	int r =
	    ph_directory_find_from(directory, address, &entry, &found, &err);

	if (r < 0)
		return ph_err_kind_name(err.kind);
	text =
	    g_strdup_printf("%s %s %" G_GINT64_FORMAT "%s",
			    r == 1 ? ph_object_name(entry) : "-", found.source,
			    found.age, found.stale ? " stale" : "");
	ph_object_unref(&entry);
	return g_intern_string(text);
}

#endif
