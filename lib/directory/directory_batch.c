#include "lib/directory/directory_batch.h"
#include "lib/base/text.h"

#include <string.h>

struct ph_batch {
	struct ph_directory *inner, *outer;
	GHashTable *answers; /* folded address -> struct ph_directory_answer */
};

static void
free_answer(void *data)
{
	ph_directory_answers_clear(data, 1);
	g_free(data);
}

static int
batch_find(void *self, const char *address, struct ph_object **entry_r,
	   struct ph_found *found_r, struct ph_err *err)
{
	const struct ph_batch *batch = self;
	const struct ph_directory_answer *answer =
	    g_hash_table_lookup(batch->answers, address);

	if (answer == NULL)
		return ph_directory_find_from(batch->inner, address, entry_r,
					      found_r, err);
	*found_r = answer->found;
	if (answer->entry != NULL)
		*entry_r = ph_object_ref(answer->entry);
	return answer->r < 0
		   ? ph_err_set(err, answer->err.kind, "%s", answer->err.text)
		   : answer->r;
}

/* Another piece of work looks ahead within this one. */
static void
batch_find_many(void *self, const char *const *addresses, size_t n,
		struct ph_directory_answer *answers)
{
	const struct ph_batch *batch = self;
	g_autofree const char **rest = g_new(const char *, n);
	g_autofree size_t *places = g_new(size_t, n);
	g_autofree struct ph_directory_answer *told =
	    g_new(struct ph_directory_answer, n);
	size_t asked = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ph_directory_answer *known =
		    g_hash_table_lookup(batch->answers, addresses[i]);

		if (known == NULL) {
			rest[asked] = addresses[i];
			places[asked++] = i;
			continue;
		}
		answers[i] = *known;
		if (known->entry != NULL)
			answers[i].entry = ph_object_ref(known->entry);
	}
	ph_directory_find_many(batch->inner, rest, asked, told);
	for (size_t i = 0; i < asked; i++)
		answers[places[i]] = told[i];
}

static int
batch_excludes(void *self, const char *const *groups,
	       const char *const *addresses, struct ph_err *err)
{
	const struct ph_batch *batch = self;

	return ph_directory_excludes(batch->inner, groups, addresses, err);
}

static int
batch_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	   void *arg, struct ph_err *err)
{
	const struct ph_batch *batch = self;

	return ph_directory_walk(batch->inner, group, each, arg, err);
}

/* Its life is the batch's. */
static void
batch_close(void *self)
{
	(void)self;
}

static const struct ph_directory_ops batch_ops = {
    .name = "batch",
    .find = batch_find,
    .find_many = batch_find_many,
    .excludes = batch_excludes,
    .walk = batch_walk,
    .close = batch_close,
};

struct ph_batch *
ph_batch_new(struct ph_directory *inner)
{
	struct ph_batch *batch = g_new0(struct ph_batch, 1);

	batch->inner = inner;
	batch->outer = ph_directory_new(&batch_ops, batch);
	batch->answers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_answer);
	return batch;
}

void
ph_batch_free(struct ph_batch **batch)
{
	struct ph_batch *b = *batch;

	*batch = NULL;
	if (b == NULL)
		return;
	ph_directory_close(&b->outer);
	g_hash_table_unref(b->answers);
	g_free(b);
}

struct ph_directory *
ph_batch_directory(struct ph_batch *batch)
{
	return batch->outer;
}

/* One that could not be said may be answered when its turn comes. */
static void
ask_inner(struct ph_batch *batch, const GPtrArray *names)
{
	g_autofree struct ph_directory_answer *told =
	    g_new(struct ph_directory_answer, names->len);

	ph_directory_find_many(batch->inner, (const char *const *)names->pdata,
			       names->len, told);
	for (guint i = 0; i < names->len; i++) {
		if (told[i].r < 0 && told[i].err.kind != PH_ERR_PERM)
			continue;
		g_hash_table_insert(batch->answers, g_strdup(names->pdata[i]),
				    g_memdup2(&told[i], sizeof told[i]));
	}
}

void
ph_batch_ask(struct ph_batch *batch, const char *const *addresses, size_t n)
{
	g_autoptr(GHashTable) once = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	if (!ph_directory_takes_many(batch->inner))
		return;
	for (size_t i = 0; i < n; i++) {
		g_autofree char *folded =
		    addresses[i] != NULL ? ph_fold(addresses[i]) : NULL;

		if (folded == NULL || g_hash_table_contains(once, folded) ||
		    g_hash_table_contains(batch->answers, folded))
			continue;
		if (names->len == PH_DIRECTORY_MANY) {
			ask_inner(batch, names);
			g_hash_table_remove_all(once);
			g_ptr_array_set_size(names, 0);
		}
		g_hash_table_add(once, folded);
		g_ptr_array_add(names, g_steal_pointer(&folded));
	}
	/* A single one costs the same later, if it is asked for at all. */
	if (names->len > 1)
		ask_inner(batch, names);
}

const struct ph_object *
ph_batch_entry(const struct ph_batch *batch, const char *address)
{
	g_autofree char *folded = ph_fold(address);
	const struct ph_directory_answer *answer =
	    g_hash_table_lookup(batch->answers, folded);

	return answer != NULL ? answer->entry : NULL;
}

void
ph_batch_forget(struct ph_batch *batch)
{
	g_hash_table_remove_all(batch->answers);
}
