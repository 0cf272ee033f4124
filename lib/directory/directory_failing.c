#include "lib/directory/directory.h"

#include <glib.h>

struct failing {
	enum ph_err_kind kind;
	char *text;
};

static int
failing_find(void *self, const char *address, struct ph_object **entry_r,
	     struct ph_found *found_r, struct ph_err *err)
{
	const struct failing *failing = self;

	(void)found_r;
	(void)address;
	(void)entry_r;
	return ph_err_set(err, failing->kind, "%s", failing->text);
}

static int
failing_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	     void *arg, struct ph_err *err)
{
	const struct failing *failing = self;

	(void)group;
	(void)each;
	(void)arg;
	return ph_err_set(err, failing->kind, "%s", failing->text);
}

static void
failing_close(void *self)
{
	struct failing *failing = self;

	g_free(failing->text);
	g_free(failing);
}

static const struct ph_directory_ops failing_ops = {
    .name = "failing",
    .find = failing_find,
    .walk = failing_walk,
    .close = failing_close,
};

struct ph_directory *
ph_directory_failing(enum ph_err_kind kind, const char *text)
{
	struct failing *failing = g_new0(struct failing, 1);

	failing->kind = kind;
	failing->text = g_strdup(text);
	return ph_directory_new(&failing_ops, failing);
}
