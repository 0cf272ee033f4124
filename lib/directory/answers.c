#include "lib/directory/answers.h"
#include "lib/directory/file_private.h"

#include <string.h>

enum { ANSWER, TIME, INFO };

enum { NOBODY = 0, SOMEBODY = 1 };

/* Where the parts of a row lie. */
enum { SUM_SIZE = 8, AT = SUM_SIZE, KIND = AT + 8, ADDRESS = KIND + 1 };
enum { TIME_KIND = 0, TIME_AT = 1, TIME_KEY = TIME_AT + 8 };

/* Clocks of a host are set now and then; what is further in the future than
 * this has an age that nobody knows. */
#define FUTURE_MS 60000

static const char origin_name[] = "origin";

/* ---- rows --------------------------------------------------------------- */

static bool
is_answer(const MDB_val *value)
{
	const uint8_t *data = value->mv_data;
	uint64_t sum;

	if (value->mv_size <= ADDRESS || data[KIND] > SOMEBODY ||
	    memchr(data + ADDRESS, '\0', value->mv_size - ADDRESS) == NULL)
		return false;
	memcpy(&sum, data, sizeof sum);
	return sum ==
	       ph_dirfile_sum(data + SUM_SIZE, value->mv_size - SUM_SIZE);
}

static GString *
pack_answer(const char *address, const struct ph_answer *answer)
{
	GString *row = g_string_new(NULL);
	uint64_t sum = 0;

	g_string_append_len(row, (const char *)&sum, sizeof sum);
	g_string_append_len(row, (const char *)&answer->at, sizeof answer->at);
	g_string_append_c(row, answer->entry != NULL ? SOMEBODY : NOBODY);
	g_string_append_len(row, address, (gssize)strlen(address) + 1);
	if (answer->entry != NULL) {
		size_t size;
		g_autofree void *data = ph_object_freeze(answer->entry, &size);

		g_string_append_len(row, data, (gssize)size);
	}
	sum = ph_dirfile_sum(row->str + SUM_SIZE, row->len - SUM_SIZE);
	memcpy(row->str, &sum, sizeof sum);
	return row;
}

static int64_t
answer_at(const MDB_val *value)
{
	int64_t at;

	memcpy(&at, (const uint8_t *)value->mv_data + AT, sizeof at);
	return at;
}

static GString *
time_key(const MDB_val *answer, const GString *key)
{
	const uint8_t kind = ((const uint8_t *)answer->mv_data)[KIND];
	const uint64_t at = GUINT64_TO_BE((uint64_t)answer_at(answer));
	GString *out = g_string_new(NULL);

	g_string_append_c(out, (char)kind);
	g_string_append_len(out, (const char *)&at, sizeof at);
	g_string_append_len(out, key->str, (gssize)key->len);
	return out;
}

static int64_t
time_at(const MDB_val *key)
{
	uint64_t at;

	memcpy(&at, (const uint8_t *)key->mv_data + TIME_AT, sizeof at);
	return (int64_t)GUINT64_FROM_BE(at);
}

static MDB_val
time_answer(const MDB_val *key)
{
	return (MDB_val){key->mv_size - TIME_KEY,
			 (uint8_t *)key->mv_data + TIME_KEY};
}

/* In the child that checks. */
static int
check_row(struct ph_dirfile *file, MDB_txn *txn, MDB_dbi db, const MDB_val *key,
	  const MDB_val *value)
{
	MDB_val answer, found;
	int rc;

	if (db == file->db[ANSWER])
		return is_answer(value) ? 0 : MDB_CORRUPTED;
	if (db != file->db[TIME])
		return 0;
	if (key->mv_size <= TIME_KEY)
		return MDB_CORRUPTED;
	answer = time_answer(key);
	rc = mdb_get(txn, file->db[ANSWER], &answer, &found);
	return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

static const struct ph_dirfile_format answers = {
    .version = "answers 2",
    .db =
	{[ANSWER] = {"answer", 0}, [TIME] = {"time", 0}, [INFO] = {"info", 0}},
    .n_db = 3,
    .info = INFO,
    .check = check_row,
};

struct ph_dirfile *
ph_answers_new(const char *path, int64_t map_size, bool writer)
{
	return ph_dirfile_new_as(&answers, path, map_size, writer);
}

/* ---- looking up --------------------------------------------------------- */

struct search {
	const char *origin, *address;
	struct ph_answer *answer; /* at is set when it was found */
	bool found;
};

/* What this version cannot read is no answer: the next one takes its place. */
static void
take_answer(const struct ph_dirfile *file, const MDB_val *value,
	    struct search *search)
{
	const uint8_t *data = value->mv_data;
	const char *address = (const char *)data + ADDRESS;
	const size_t head = ADDRESS + strlen(address) + 1;

	if (strcmp(address, search->address) != 0)
		return;
	search->answer->at = answer_at(value);
	search->found =
	    data[KIND] == NOBODY ||
	    ph_object_thaw(file->kind, data + head, value->mv_size - head,
			   &search->answer->entry, NULL) == 0;
}

static int
look(struct ph_dirfile *file, struct ph_dirreader *reader, void *arg,
     struct ph_err *err)
{
	MDB_txn *txn = reader->txn;
	struct search *search = arg;
	g_autoptr(GString) key = g_string_new(NULL);
	g_autofree char *origin = NULL;
	MDB_val k, value;
	int r = ph_dirfile_get_info(file, txn, origin_name, &origin, err), rc;

	if (r < 0)
		return -1;
	if (r == 0 || strcmp(origin, search->origin) != 0)
		return 0;
	ph_dirfile_append_part(key, search->address);
	k = ph_dirfile_val(key);
	rc = mdb_get(txn, file->db[ANSWER], &k, &value);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc == 0 && !is_answer(&value))
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return ph_dirfile_fail(file, rc, "an answer", err);
	take_answer(file, &value, search);
	return 0;
}

int
ph_answers_find(struct ph_dirfile *file, const char *origin,
		const char *address, struct ph_answer *answer_r,
		struct ph_err *err)
{
	struct search search = {origin, address, answer_r, false};
	struct ph_err why = PH_ERR_INIT;

	*answer_r = (struct ph_answer){NULL, 0};
	/* No key of LMDB is empty. */
	if (*address == '\0')
		return 0;
	if (ph_dirfile_read(file, look, &search, &why) < 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s", why.text);
	return search.found;
}

/* ---- writing ------------------------------------------------------------ */

int
ph_answers_claim(struct ph_dirwrite *write, const char *origin,
		 struct ph_err *err)
{
	static const size_t emptied[] = {ANSWER, TIME};
	g_autofree char *before = NULL;

	if (ph_dirwrite_info(write, origin_name, &before, err) < 0)
		return -1;
	if (strcmp(before, origin) == 0)
		return 0;
	for (size_t i = 0; i < G_N_ELEMENTS(emptied); i++) {
		int rc = mdb_drop(write->txn, write->file->db[emptied[i]], 0);

		if (rc != 0)
			return ph_dirfile_fail(write->file, rc, "empty", err);
	}
	if (ph_dirwrite_set_info(write, origin_name, origin, err) < 0)
		return -1;
	return *before != '\0';
}

static int
remove_time(struct ph_dirwrite *write, const GString *key, struct ph_err *err)
{
	MDB_val k = ph_dirfile_val(key), old;
	g_autoptr(GString) time = NULL;
	int rc = mdb_get(write->txn, write->file->db[ANSWER], &k, &old);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc == 0 && !is_answer(&old))
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "an answer", err);
	time = time_key(&old, key);
	return ph_dirwrite_row_del(write, TIME, time, NULL, err);
}

int
ph_answers_put(struct ph_dirwrite *write, const char *address,
	       const struct ph_answer *answer, size_t largest,
	       struct ph_err *err)
{
	g_autoptr(GString) key = g_string_new(NULL);
	g_autoptr(GString) row = pack_answer(address, answer);
	g_autoptr(GString) nothing = g_string_new(NULL);
	g_autoptr(GString) time = NULL;
	const MDB_val value = ph_dirfile_val(row);

	if (*address == '\0' || row->len > largest)
		return 0;
	ph_dirfile_append_part(key, address);
	time = time_key(&value, key);
	if (remove_time(write, key, err) < 0 ||
	    ph_dirwrite_row_put(write, ANSWER, key, row, err) < 0)
		return -1;
	return ph_dirwrite_row_put(write, TIME, time, nothing, err);
}

/* ---- room --------------------------------------------------------------- */

int
ph_answers_counts(struct ph_dirwrite *write, struct ph_answers_counts *counts_r,
		  struct ph_err *err)
{
	static const size_t counted[] = {TIME, ANSWER};

	*counts_r = (struct ph_answers_counts){0};
	for (size_t i = 0; i < G_N_ELEMENTS(counted); i++) {
		MDB_stat stat;
		int rc =
		    mdb_stat(write->txn, write->file->db[counted[i]], &stat);

		if (rc != 0)
			return ph_dirfile_fail(write->file, rc, "count", err);
		counts_r->bytes +=
		    (int64_t)((stat.ms_branch_pages + stat.ms_leaf_pages +
			       stat.ms_overflow_pages) *
			      stat.ms_psize);
		counts_r->answers = stat.ms_entries;
	}
	return 0;
}

/* The one that goes next. */
static int
find_next(MDB_cursor *cursor, int64_t now, MDB_val *key)
{
	MDB_val value;
	int rc = mdb_cursor_get(cursor, key, &value, MDB_FIRST);

	if (rc != 0 || ((const uint8_t *)key->mv_data)[TIME_KIND] == NOBODY)
		return rc;
	rc = mdb_cursor_get(cursor, key, &value, MDB_LAST);
	if (rc != 0 || time_at(key) > now + FUTURE_MS)
		return rc;
	return mdb_cursor_get(cursor, key, &value, MDB_FIRST);
}

static int
remove_next(struct ph_dirwrite *write, MDB_cursor *cursor, int64_t now)
{
	MDB_val key, answer;
	int rc = find_next(cursor, now, &key);

	if (rc != 0)
		return rc;
	if (key.mv_size <= TIME_KEY)
		return MDB_CORRUPTED;
	answer = time_answer(&key);
	rc = mdb_del(write->txn, write->file->db[ANSWER], &answer, NULL);
	return rc == 0 || rc == MDB_NOTFOUND ? mdb_cursor_del(cursor, 0) : rc;
}

int
ph_answers_trim(struct ph_dirwrite *write, int64_t bytes, int64_t now,
		size_t most, struct ph_err *err)
{
	struct ph_answers_counts counts;
	MDB_cursor *cursor;
	int r = ph_answers_counts(write, &counts, err), rc;

	if (r < 0 || counts.bytes <= bytes)
		return r;
	rc = mdb_cursor_open(write->txn, write->file->db[TIME], &cursor);
	if (rc != 0)
		return ph_dirfile_fail(write->file, rc, "trim", err);
	while (most-- > 0 && r == 0 && rc == 0 && counts.bytes > bytes &&
	       counts.answers > 0) {
		rc = remove_next(write, cursor, now);
		if (rc == 0)
			r = ph_answers_counts(write, &counts, err);
	}
	mdb_cursor_close(cursor);
	return rc == 0 ? r : ph_dirfile_fail(write->file, rc, "trim", err);
}
