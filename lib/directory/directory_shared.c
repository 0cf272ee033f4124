#include "lib/directory/directory_shared.h"
#include "lib/base/log.h"
#include "lib/directory/answers_keeper.h"

#include <glib.h>

struct shared {
	struct ph_directory *inner;
	struct ph_cache_limits limits;
	char *origin;
	int64_t (*clock)(void);
	struct ph_keeper *keeper; /* NULL: not the writer */
	struct ph_dirfile *file;
};

/* What the file says, and how old it is. */
struct known {
	struct ph_answer answer;
	bool found;
	bool future; /* then age is 0 */
	int64_t age;
};

static void
look(const struct shared *shared, const char *address, struct known *known_r)
{
	struct ph_err why = PH_ERR_INIT;
	int r = ph_answers_find(shared->file, shared->origin, address,
				&known_r->answer, &why);

	if (r < 0)
		ph_debug("directory: %s", why.text);
	known_r->found = r == 1;
	known_r->age = shared->clock() - known_r->answer.at;
	known_r->future = known_r->age < 0;
	known_r->age = MAX(known_r->age, 0);
}

static bool
is_fresh(const struct shared *shared, const struct known *known)
{
	const struct ph_cache_limits *limits = &shared->limits;

	return known->found && !known->future &&
	       known->age < (known->answer.entry != NULL
				 ? limits->positive_ttl
				 : limits->negative_ttl);
}

static bool
may_be_stale(const struct shared *shared, const struct known *known)
{
	return known->found && known->answer.entry != NULL &&
	       known->age < shared->limits.stale_ttl;
}

static void
give(const struct shared *shared, struct known *known, bool stale,
     struct ph_directory_answer *answer)
{
	answer->found =
	    (struct ph_found){.source = ph_directory_name(shared->inner),
			      .age = known->age,
			      .stale = stale};
	answer->entry = g_steal_pointer(&known->answer.entry);
	answer->r = answer->entry != NULL;
}

/* What the inner one said is noted; or what it said before serves instead. */
static void
settle(const struct shared *shared, const char *address, struct known *known,
       struct ph_directory_answer *answer)
{
	const struct ph_err *why =
	    answer->r < 0 && answer->err.kind == PH_ERR_TEMP ? &answer->err
							     : NULL;

	if (shared->keeper != NULL)
		ph_keeper_tell(shared->keeper, why);
	if (answer->r >= 0 && shared->keeper != NULL)
		ph_keeper_note(shared->keeper, address, answer->entry);
	if (answer->r < 0 && answer->err.kind != PH_ERR_PERM &&
	    may_be_stale(shared, known))
		give(shared, known, true, answer);
	ph_object_unref(&known->answer.entry);
}

static int
shared_find(void *self, const char *address, struct ph_object **entry_r,
	    struct ph_found *found_r, struct ph_err *err)
{
	struct shared *shared = self;
	struct ph_directory_answer answer = {.found = *found_r};
	struct known known;

	look(shared, address, &known);
	if (is_fresh(shared, &known)) {
		give(shared, &known, false, &answer);
	} else {
		answer.r = ph_directory_find_from(shared->inner, address,
						  &answer.entry, &answer.found,
						  &answer.err);
		settle(shared, address, &known, &answer);
	}
	*entry_r = answer.entry;
	*found_r = answer.found;
	return answer.r < 0
		   ? ph_err_set(err, answer.err.kind, "%s", answer.err.text)
		   : answer.r;
}

static void
shared_find_many(void *self, const char *const *addresses, size_t n,
		 struct ph_directory_answer *answers)
{
	struct shared *shared = self;
	g_autofree const char **rest = g_new(const char *, n);
	g_autofree size_t *places = g_new(size_t, n);
	g_autofree struct known *known = g_new(struct known, n);
	g_autofree struct ph_directory_answer *told =
	    g_new(struct ph_directory_answer, n);
	size_t asked = 0;

	for (size_t i = 0; i < n; i++) {
		look(shared, addresses[i], &known[asked]);
		if (is_fresh(shared, &known[asked])) {
			give(shared, &known[asked], false, &answers[i]);
			continue;
		}
		rest[asked] = addresses[i];
		places[asked++] = i;
	}
	ph_directory_find_many(shared->inner, rest, asked, told);
	for (size_t i = 0; i < asked; i++) {
		settle(shared, rest[i], &known[i], &told[i]);
		answers[places[i]] = told[i];
	}
}

static int
shared_excludes(void *self, const char *const *groups,
		const char *const *addresses, struct ph_err *err)
{
	const struct shared *shared = self;

	return ph_directory_excludes(shared->inner, groups, addresses, err);
}

static int
shared_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	    void *arg, struct ph_err *err)
{
	const struct shared *shared = self;

	return ph_directory_walk(shared->inner, group, each, arg, err);
}

static void
shared_close(void *self)
{
	struct shared *shared = self;

	ph_dirfile_unref(&shared->file);
	ph_keeper_stop(&shared->keeper);
	ph_directory_close(&shared->inner);
	g_free(shared->origin);
	g_free(shared);
}

static const struct ph_directory_ops shared_ops = {
    .name = "shared cache",
    .find = shared_find,
    .find_many = shared_find_many,
    .excludes = shared_excludes,
    .walk = shared_walk,
    .close = shared_close,
};

struct ph_directory *
ph_directory_shared(struct ph_directory *inner,
		    const struct ph_shared_settings *settings)
{
	const struct ph_keeper_settings keeper = {
	    .path = settings->path,
	    .map_size = settings->map_size,
	    .size = settings->limits.size,
	    .origin = settings->origin,
	    .status = settings->status,
	    .clock = settings->clock,
	};
	struct shared *shared = g_new0(struct shared, 1);

	shared->inner = inner;
	shared->limits = settings->limits;
	shared->origin = g_strdup(settings->origin);
	shared->clock = settings->clock;
	if (settings->writer) {
		shared->keeper = ph_keeper_start(&keeper);
		shared->file = ph_dirfile_ref(ph_keeper_file(shared->keeper));
	} else {
		shared->file =
		    ph_answers_new(settings->path, settings->map_size, false);
	}
	return ph_directory_new(&shared_ops, shared);
}
