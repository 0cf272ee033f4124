#include "lib/directory/directory_cache.h"

#include <glib.h>
#include <string.h>

/* What an answer takes beside its texts: the object's tables and ours. */
#define OVERHEAD 1024
#define FIELD_OVERHEAD 96

struct answer {
	char *address;
	struct ph_object *entry; /* NULL: nobody has it */
	const char *source;
	int64_t at; /* when the source said so */
	int64_t cost;
	GList link; /* of by_use */
};

struct cache {
	struct ph_directory *inner;
	struct ph_cache_limits limits;
	int64_t (*clock)(void);

	GMutex lock;
	GHashTable *answers; /* address -> answer */
	GQueue by_use;	     /* the last one used is the head */
	int64_t cost;
};

static void
answer_free(struct answer *answer)
{
	ph_object_unref(&answer->entry);
	g_free(answer->address);
	g_free(answer);
}

/* A list is kept twice, as text and as elements. */
static int64_t
cost_of(const char *address, const struct ph_object *entry)
{
	const struct ph_pair *pairs;
	const size_t n = entry != NULL ? ph_object_pairs(entry, &pairs) : 0;
	size_t cost = OVERHEAD + strlen(address);

	for (size_t i = 0; i < n; i++)
		cost += FIELD_OVERHEAD + 3 * strlen(pairs[i].value);
	return (int64_t)cost;
}

/* ---- with the lock ------------------------------------------------------ */

static void
drop(struct cache *cache, struct answer *answer)
{
	g_hash_table_remove(cache->answers, answer->address);
	g_queue_unlink(&cache->by_use, &answer->link);
	cache->cost -= answer->cost;
	answer_free(answer);
}

static void
keep(struct cache *cache, const char *address, const struct ph_object *entry,
     const struct ph_found *found)
{
	struct answer *answer = g_hash_table_lookup(cache->answers, address);
	const int64_t cost = cost_of(address, entry);

	if (answer != NULL)
		drop(cache, answer);
	if (cost > cache->limits.size)
		return;
	while (cache->cost + cost > cache->limits.size)
		drop(cache, g_queue_peek_tail(&cache->by_use));
	answer = g_new0(struct answer, 1);
	answer->address = g_strdup(address);
	answer->entry = entry != NULL ? ph_object_ref(entry) : NULL;
	answer->source = found->source;
	answer->at = cache->clock() - found->age;
	answer->cost = cost;
	answer->link.data = answer;
	g_hash_table_insert(cache->answers, answer->address, answer);
	g_queue_push_head_link(&cache->by_use, &answer->link);
	cache->cost += cost;
}

/* An answer that is no older than it may be. */
static struct answer *
look(struct cache *cache, const char *address, int64_t positive_ttl,
     int64_t negative_ttl)
{
	struct answer *answer = g_hash_table_lookup(cache->answers, address);
	int64_t age;

	if (answer == NULL)
		return NULL;
	age = cache->clock() - answer->at;
	if (age >= (answer->entry != NULL ? positive_ttl : negative_ttl))
		return NULL;
	g_queue_unlink(&cache->by_use, &answer->link);
	g_queue_push_head_link(&cache->by_use, &answer->link);
	return answer;
}

/* ---- the directory ------------------------------------------------------ */

/* true: *r_r is the answer. */
static bool
recall(struct cache *cache, const char *address, int64_t positive_ttl,
       int64_t negative_ttl, struct ph_object **entry_r,
       struct ph_found *found_r, int *r_r)
{
	const struct answer *answer;

	g_mutex_lock(&cache->lock);
	answer = look(cache, address, positive_ttl, negative_ttl);
	if (answer != NULL && answer->entry != NULL)
		*entry_r = ph_object_ref(answer->entry);
	if (answer != NULL) {
		found_r->source = answer->source;
		found_r->age = cache->clock() - answer->at;
	}
	*r_r = answer != NULL && answer->entry != NULL;
	g_mutex_unlock(&cache->lock);
	return answer != NULL;
}

/*
 * The source cannot say. What the inner one knew before (r is 1) is as good as
 * what is known here, if it is newer; that nobody had the address since is no
 * answer any more, but makes the older one none.
 */
static int
recall_stale(struct cache *cache, const char *address, int r,
	     struct ph_object **entry_r, struct ph_found *found_r,
	     struct ph_err *err)
{
	struct ph_object *entry = NULL;
	struct ph_found found = {NULL, 0, true};
	int known;

	if (!recall(cache, address, cache->limits.stale_ttl,
		    cache->limits.stale_ttl, &entry, &found, &known))
		return r;
	if (r == 1 && found.age >= found_r->age) {
		ph_object_unref(&entry);
		return 1;
	}
	ph_object_unref(entry_r);
	if (known == 0 && r == 1)
		return ph_err_set(err, PH_ERR_TEMP,
				  "%s: nobody had it when the directory could "
				  "last be asked",
				  address);
	if (known == 0)
		return r;
	*entry_r = entry;
	*found_r = found;
	return 1;
}

/* What the inner one said is kept; or what it said before serves instead. */
static void
settle(struct cache *cache, const char *address,
       struct ph_directory_answer *answer)
{
	if (answer->r >= 0 && !answer->found.stale) {
		g_mutex_lock(&cache->lock);
		keep(cache, address, answer->entry, &answer->found);
		g_mutex_unlock(&cache->lock);
	} else if (answer->r == 1 || answer->err.kind != PH_ERR_PERM) {
		answer->r =
		    recall_stale(cache, address, answer->r, &answer->entry,
				 &answer->found, &answer->err);
	}
}

static bool
recall_fresh(struct cache *cache, const char *address,
	     struct ph_directory_answer *answer)
{
	return recall(cache, address, cache->limits.positive_ttl,
		      cache->limits.negative_ttl, &answer->entry,
		      &answer->found, &answer->r);
}

static int
cache_find(void *self, const char *address, struct ph_object **entry_r,
	   struct ph_found *found_r, struct ph_err *err)
{
	struct cache *cache = self;
	struct ph_directory_answer answer = {.found = *found_r};

	if (!recall_fresh(cache, address, &answer)) {
		answer.r =
		    ph_directory_find_from(cache->inner, address, &answer.entry,
					   &answer.found, &answer.err);
		settle(cache, address, &answer);
	}
	*entry_r = answer.entry;
	*found_r = answer.found;
	return answer.r < 0
		   ? ph_err_set(err, answer.err.kind, "%s", answer.err.text)
		   : answer.r;
}

static void
cache_find_many(void *self, const char *const *addresses, size_t n,
		struct ph_directory_answer *answers)
{
	struct cache *cache = self;
	g_autofree const char **rest = g_new(const char *, n);
	g_autofree size_t *places = g_new(size_t, n);
	g_autofree struct ph_directory_answer *told =
	    g_new(struct ph_directory_answer, n);
	size_t asked = 0;

	for (size_t i = 0; i < n; i++) {
		if (recall_fresh(cache, addresses[i], &answers[i]))
			continue;
		rest[asked] = addresses[i];
		places[asked++] = i;
	}
	ph_directory_find_many(cache->inner, rest, asked, told);
	for (size_t i = 0; i < asked; i++) {
		settle(cache, rest[i], &told[i]);
		answers[places[i]] = told[i];
	}
}

/* That somebody is in none of some groups is remembered like an address that
 * nobody has. No address begins so. */
static char *
question(const char *const *groups, const char *const *addresses)
{
	g_autofree char *of = g_strjoinv("\n", (char **)(uintptr_t)groups);
	g_autofree char *who = g_strjoinv("\n", (char **)(uintptr_t)addresses);

	return g_strconcat("\n", of, "\n\n", who, NULL);
}

static int
cache_excludes(void *self, const char *const *groups,
	       const char *const *addresses, struct ph_err *err)
{
	struct cache *cache = self;
	g_autofree char *key = question(groups, addresses);
	struct ph_found found = {.source = ph_directory_name(cache->inner)};
	struct ph_object *entry = NULL;
	int r;

	if (recall(cache, key, 0, cache->limits.negative_ttl, &entry, &found,
		   &r))
		return 1;
	r = ph_directory_excludes(cache->inner, groups, addresses, err);
	if (r == 1) {
		found.age = 0;
		g_mutex_lock(&cache->lock);
		keep(cache, key, NULL, &found);
		g_mutex_unlock(&cache->lock);
	}
	return r;
}

/* What was remembered is a part, and none of it is asked for again soon. */
static int
cache_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	   void *arg, struct ph_err *err)
{
	struct cache *cache = self;

	return ph_directory_walk(cache->inner, group, each, arg, err);
}

static void
cache_close(void *self)
{
	struct cache *cache = self;

	while (cache->by_use.head != NULL)
		drop(cache, cache->by_use.head->data);
	g_hash_table_destroy(cache->answers);
	g_mutex_clear(&cache->lock);
	ph_directory_close(&cache->inner);
	g_free(cache);
}

static const struct ph_directory_ops cache_ops = {
    .name = "cache",
    .find = cache_find,
    .find_many = cache_find_many,
    .excludes = cache_excludes,
    .walk = cache_walk,
    .close = cache_close,
};

struct ph_directory *
ph_directory_cached(struct ph_directory *inner,
		    const struct ph_cache_limits *limits,
		    int64_t (*clock)(void))
{
	struct cache *cache = g_new0(struct cache, 1);

	cache->inner = inner;
	cache->limits = *limits;
	cache->clock = clock;
	g_mutex_init(&cache->lock);
	g_queue_init(&cache->by_use);
	cache->answers = g_hash_table_new(g_str_hash, g_str_equal);
	return ph_directory_new(&cache_ops, cache);
}
