#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/directory/feeder_private.h"

#include <string.h>

#define SCAN_COUNT "100"
/* Between two parts of a whole read. */
#define PAUSE_MS 5
/* A few deletions are an order, however few recipients there are. */
#define GONE_LIMIT 10

/* One SCAN: names, and the cursor of the next one ("0": it was the last). */
static int
scan(struct ph_feeder *feeder, char **cursor, GPtrArray *names,
     struct ph_err *err)
{
	g_autofree char *literal = ph_redis_literal(feeder->prefix);
	g_autofree char *pattern = g_strconcat(literal, "*", NULL);
	const char *const args[] = {"SCAN",  *cursor, "MATCH",
				    pattern, "COUNT", SCAN_COUNT};
	const struct ph_command command = {G_N_ELEMENTS(args), args, NULL};
	struct ph_reply *reply = NULL;
	const struct ph_reply *keys;

	if (ph_redis_watch_pipeline(feeder->watch, &command, 1, false, &reply,
				    err) < 0)
		return -1;
	if (ph_reply_count(reply) != 2) {
		(void)ph_err_set(err, PH_ERR_TEMP, "SCAN: %s",
				 ph_reply_text(reply, NULL));
		ph_reply_free(&reply);
		return -1;
	}
	g_free(*cursor);
	*cursor = g_strdup(ph_reply_text(ph_reply_at(reply, 0), NULL));
	keys = ph_reply_at(reply, 1);
	for (size_t i = 0; i < ph_reply_count(keys); i++) {
		size_t size;
		const char *key = ph_reply_text(ph_reply_at(keys, i), &size);

		/* No name of ours holds NUL. */
		if (strlen(key) == size &&
		    g_str_has_prefix(key, feeder->prefix))
			g_ptr_array_add(names,
					g_strdup(key + strlen(feeder->prefix)));
	}
	ph_reply_free(&reply);
	return 0;
}

static int
scan_all(struct ph_feeder *feeder, struct ph_feeder_seen *seen,
	 struct ph_err *err)
{
	g_autofree char *cursor = g_strdup("0");

	do {
		g_autoptr(GPtrArray) names =
		    g_ptr_array_new_with_free_func(g_free);
		int r;

		if (g_atomic_int_get(&feeder->stopping) != 0)
			return ph_err_set(err, PH_ERR_TEMP, "stopping");
		do
			if (scan(feeder, &cursor, names, err) < 0)
				return -1;
		while (names->len < PH_FEEDER_WHOLE &&
		       strcmp(cursor, "0") != 0);
		r = ph_feeder_read(feeder, names, seen, err);
		if (r != 1)
			return r;
		if (ph_feeder_listen(feeder, PAUSE_MS, err) < 0)
			return -1;
		if (feeder->whole)
			return ph_feeder_closed(err,
						"Redis was emptied meanwhile");
		/* Nobody's change waits until all are read. */
		r = ph_feeder_read_changed(feeder, seen, err);
		if (r != 1)
			return r;
	} while (strcmp(cursor, "0") != 0);
	return 1;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool
is_unseen(uint64_t hash, const void *data)
{
	const struct ph_feeder_seen *seen = data;

	return !g_array_binary_search(seen->hashes, &hash, compare_hashes,
				      NULL);
}

static bool
is_newer(const char *adopted, const char *recorded)
{
	int64_t new, old;

	if (ph_parse_date(adopted, &new, NULL) < 0 ||
	    ph_parse_date(recorded, &old, NULL) < 0)
		return strcmp(adopted, recorded) > 0;
	return new > old;
}

static bool
is_filled(const struct ph_feeder *feeder)
{
	return feeder->recorded.organization != NULL &&
	       *feeder->recorded.organization != '\0';
}

/*
 * The rule of the empty Redis, with what the file itself remembers: it is a
 * last good state of its own, and the daemon's snapshot may have been lost.
 */
static int
judge_organization(const struct ph_feeder *feeder,
		   const struct ph_feeder_verdict *verdict, struct ph_err *err)
{
	const struct ph_feeder_verdict *recorded = &feeder->recorded;

	if (!is_filled(feeder) ||
	    ph_feeder_same_organization(recorded->organization,
					verdict->organization) ||
	    is_newer(verdict->adopted, recorded->adopted))
		return 1;
	return ph_feeder_closed(
	    err, "Redis holds another organisation than the "
		 "directory file; \"posthub state adopt\" accepts "
		 "it");
}

static int
judge_gone(const struct ph_feeder *feeder, struct ph_dirwrite *write,
	   const struct ph_feeder_verdict *verdict, size_t gone,
	   struct ph_err *err)
{
	struct ph_dirfile_counts counts;

	if (ph_dirwrite_counts(write, &counts, err) < 0)
		return -1;
	if (gone <= GONE_LIMIT || gone * 2 <= counts.entries ||
	    !is_filled(feeder) ||
	    is_newer(verdict->adopted, feeder->recorded.adopted))
		return 1;
	(void)ph_err_set(err, PH_ERR_TEMP,
			 "%zu of %" G_GUINT64_FORMAT
			 " recipients are gone at once; \"posthub state "
			 "adopt\" accepts that",
			 gone, counts.entries);
	return 0;
}

/* Names of the file that Redis did not show. */
static int
find_gone(struct ph_feeder *feeder, struct ph_feeder_seen *seen,
	  const struct ph_feeder_verdict *verdict, GPtrArray *names,
	  struct ph_err *err)
{
	struct ph_dirwrite *write = NULL;
	int r = ph_dirwrite_begin(feeder->file, &write, err);

	g_array_sort(seen->hashes, compare_hashes);
	if (r == 0)
		r = ph_dirwrite_names(write, false, is_unseen, seen, names,
				      err);
	if (r == 0)
		r = judge_gone(feeder, write, verdict, names->len, err);
	if (r == 1 &&
	    ph_dirwrite_names(write, true, is_unseen, seen, names, err) < 0)
		r = -1;
	ph_dirwrite_abort(&write);
	return r;
}

/* From here on the file answers, and remembers what it was filled from. */
static int
record(struct ph_feeder *feeder, const struct ph_feeder_verdict *verdict,
       struct ph_err *err)
{
	struct ph_dirwrite *write = NULL;
	int r = ph_dirwrite_begin(feeder->file, &write, err);

	if (r == 0)
		r = ph_dirwrite_set_info(write, "organization",
					 verdict->organization, err);
	if (r == 0)
		r = ph_dirwrite_set_info(write, "adopted", verdict->adopted,
					 err);
	if (r == 0)
		r = ph_dirwrite_set_info(write, "complete", "1", err);
	if (r == 0)
		r = ph_feeder_remember(feeder, write, err);
	if (r == 0)
		r = ph_feeder_commit(feeder, &write, err);
	ph_dirwrite_abort(&write);
	return r == 0 ? 1 : -1;
}

/* Until the state's verdict changes, reading again would end the same way. */
static void
note_refusal(struct ph_feeder *feeder, const struct ph_feeder_verdict *verdict)
{
	feeder->refused =
	    g_strconcat(verdict->organization, "\n", verdict->adopted, NULL);
	feeder->refused_at = ph_clock_mono();
}

/* 1: nothing more is to be read; 0: emptied meanwhile; -1. */
static int
settle(struct ph_feeder *feeder, struct ph_err *err)
{
	int r = ph_feeder_read_pending(feeder, err);

	if (r == 1 && ph_feeder_listen(feeder, 0, err) < 0)
		return -1;
	return r == 1 && feeder->whole
		   ? ph_feeder_closed(err, "Redis was emptied meanwhile")
		   : r;
}

static int
read_all(struct ph_feeder *feeder, const struct ph_feeder_verdict *verdict,
	 struct ph_err *err)
{
	struct ph_feeder_seen seen = {
	    g_array_new(FALSE, FALSE, sizeof(uint64_t))};
	g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
	int r = scan_all(feeder, &seen, err);

	if (r == 1) {
		r = find_gone(feeder, &seen, verdict, gone, err);
		if (r == 0)
			note_refusal(feeder, verdict);
	}
	g_array_unref(seen.hashes);
	/* Each is asked for once more before it is removed, together with
	 * meta: Redis may have been emptied a moment ago. */
	if (r == 1)
		r = ph_feeder_read(feeder, gone, NULL, err);
	if (r == 1)
		r = settle(feeder, err);
	return r == 1 ? record(feeder, verdict, err) : r;
}

int
ph_feeder_read_all(struct ph_feeder *feeder, struct ph_err *err)
{
	const int64_t started = ph_clock_mono();
	struct ph_feeder_verdict verdict;
	struct ph_directory_status status;
	int r = ph_feeder_gate(feeder, &verdict, err);

	g_clear_pointer(&feeder->refused, g_free);
	if (r == 1)
		r = judge_organization(feeder, &verdict, err);
	if (r == 1) {
		feeder->whole = false;
		g_hash_table_remove_all(feeder->pending);
		ph_dirfile_round(feeder->file);
		r = read_all(feeder, &verdict, err);
	}
	ph_feeder_verdict_clear(&verdict);
	if (r != 1) {
		feeder->whole = true;
		return r;
	}
	g_mutex_lock(&feeder->lock);
	feeder->status.reads++;
	status = feeder->status;
	g_mutex_unlock(&feeder->lock);
	ph_info("directory: %" G_GUINT64_FORMAT
		" recipients, %" G_GUINT64_FORMAT
		" keys not valid, read in %" G_GINT64_FORMAT " ms",
		status.entries, status.errors, ph_clock_mono() - started);
	return 1;
}
