#include "lib/match/match_private.h"

#include <hs.h>
#include <limits.h>

/* Scratch spaces that are kept for the next scan: as many as threads usually
 * scan at once. */
#define SPARE_LIMIT 16

struct ph_segment {
	gatomicrefcount refs;
	enum ph_term_kind kind;
	GPtrArray *terms; /* struct ph_term */
	bool *refused;
	GPtrArray *databases;	 /* hs_database_t */
	hs_scratch_t *prototype; /* never scanned with */
	GMutex mutex;
	GPtrArray *spare; /* hs_scratch_t; guarded by mutex */
};

static void
free_database(gpointer db)
{
	hs_free_database(db);
}

static void
free_scratch(gpointer scratch)
{
	hs_free_scratch(scratch);
}

static void
unref_term(gpointer term)
{
	ph_term_unref(term);
}

static int
load_databases(struct ph_segment *s, const struct ph_image *image,
	       struct ph_err *err)
{
	for (uint32_t i = 0; i < image->n_databases; i++) {
		hs_database_t *db = NULL;
		hs_error_t rc = hs_deserialize_database(
		    image->starts->pdata[i],
		    g_array_index(image->sizes, size_t, i), &db);

		if (rc == HS_SUCCESS) {
			g_ptr_array_add(s->databases, db);
			rc = hs_alloc_scratch(db, &s->prototype);
		}
		if (rc != HS_SUCCESS)
			return ph_err_set(err, PH_ERR_PERM,
					  "Hyperscan refuses the database: %d",
					  rc);
	}
	return 0;
}

static struct ph_segment *
segment_alloc(enum ph_term_kind kind, const GPtrArray *terms)
{
	struct ph_segment *s = g_new0(struct ph_segment, 1);

	g_atomic_ref_count_init(&s->refs);
	g_mutex_init(&s->mutex);
	s->kind = kind;
	s->terms = g_ptr_array_new_full(terms->len, unref_term);
	for (guint i = 0; i < terms->len; i++)
		g_ptr_array_add(s->terms, ph_term_ref(terms->pdata[i]));
	s->refused = g_new0(bool, terms->len);
	s->databases = g_ptr_array_new_with_free_func(free_database);
	s->spare = g_ptr_array_new_with_free_func(free_scratch);
	return s;
}

struct ph_segment *
ph_segment_new(enum ph_term_kind kind, const GPtrArray *terms,
	       const GByteArray *bytes, struct ph_err *err)
{
	struct ph_image image;
	struct ph_segment *s;

	if (ph_image_parse(bytes, &image, err) != 0)
		return NULL;
	if (image.kind != kind || image.n != terms->len) {
		ph_err_set(err, PH_ERR_PERM, "a database of other terms");
		ph_image_clear(&image);
		return NULL;
	}
	s = segment_alloc(kind, terms);
	for (guint i = 0; i < image.refused->len; i++)
		s->refused[g_array_index(image.refused, uint32_t, i)] = true;
	if (load_databases(s, &image, err) != 0) {
		ph_segment_unref(s);
		s = NULL;
	}
	ph_image_clear(&image);
	return s;
}

struct ph_segment *
ph_segment_ref(struct ph_segment *segment)
{
	g_atomic_ref_count_inc(&segment->refs);
	return segment;
}

void
ph_segment_unref(struct ph_segment *segment)
{
	if (!g_atomic_ref_count_dec(&segment->refs))
		return;
	g_ptr_array_unref(segment->spare);
	hs_free_scratch(segment->prototype);
	g_ptr_array_unref(segment->databases);
	g_ptr_array_unref(segment->terms);
	g_free(segment->refused);
	g_mutex_clear(&segment->mutex);
	g_free(segment);
}

enum ph_term_kind
ph_segment_kind(const struct ph_segment *segment)
{
	return segment->kind;
}

uint32_t
ph_segment_count(const struct ph_segment *segment)
{
	return segment->terms->len;
}

struct ph_term *
ph_segment_term(const struct ph_segment *segment, uint32_t i)
{
	return segment->terms->pdata[i];
}

bool
ph_segment_refused(const struct ph_segment *segment, uint32_t i)
{
	return segment->refused[i];
}

/* ---- scanning ---- */

static hs_scratch_t *
take_scratch(struct ph_segment *s)
{
	hs_scratch_t *scratch = NULL;

	g_mutex_lock(&s->mutex);
	if (s->spare->len > 0)
		scratch =
		    g_ptr_array_steal_index_fast(s->spare, s->spare->len - 1);
	g_mutex_unlock(&s->mutex);
	if (scratch == NULL &&
	    hs_clone_scratch(s->prototype, &scratch) != HS_SUCCESS)
		return NULL;
	return scratch;
}

static void
put_scratch(struct ph_segment *s, hs_scratch_t *scratch)
{
	g_mutex_lock(&s->mutex);
	if (s->spare->len < SPARE_LIMIT) {
		g_ptr_array_add(s->spare, scratch);
		scratch = NULL;
	}
	g_mutex_unlock(&s->mutex);
	hs_free_scratch(scratch);
}

struct call {
	ph_segment_hit hit;
	void *context;
};

static int
on_match(unsigned id, unsigned long long from, unsigned long long to,
	 unsigned flags, void *context)
{
	const struct call *call = context;

	(void)from;
	(void)flags;
	call->hit(id, (size_t)to, call->context);
	return 0;
}

int
ph_segment_scan(struct ph_segment *segment, const char *text, size_t size,
		ph_segment_hit hit, void *context)
{
	struct call call = {hit, context};
	hs_scratch_t *scratch;
	hs_error_t rc = HS_SUCCESS;

	if (segment->databases->len == 0)
		return 0;
	scratch = size > UINT_MAX ? NULL : take_scratch(segment);
	if (scratch == NULL)
		return -1;
	for (guint i = 0; i < segment->databases->len && rc == HS_SUCCESS; i++)
		rc = hs_scan(segment->databases->pdata[i], text, (unsigned)size,
			     0, scratch, on_match, &call);
	put_scratch(segment, scratch);
	return rc == HS_SUCCESS ? 0 : -1;
}
