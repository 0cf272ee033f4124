#include "lib/match/match_private.h"

#include <hs.h>
#include <stdlib.h>
#include <string.h>

/*
 * An image, in the machine's own byte order (a database is for one kind of
 * machine anyway):
 *
 *	magic, size of what follows the sum, SHA-256 of it
 *	kind, expressions, refused ones, databases: uint32_t
 *	the numbers of the refused expressions: uint32_t
 *	for each database: its size, uint64_t; its bytes
 *
 * There is more than one database when Hyperscan does not take all of the
 * expressions together.
 */
#define MAGIC "phmatch1"

struct header {
	char magic[8];
	uint64_t size;
	uint8_t sum[32];
};

struct counts {
	uint32_t kind;
	uint32_t n;
	uint32_t n_refused;
	uint32_t n_databases;
};

void
ph_set_init(struct ph_set *set, enum ph_term_kind kind, uint32_t n)
{
	set->kind = kind;
	set->n = n;
	set->texts = g_new0(const char *, n);
	set->sizes = g_new0(size_t, n);
}

void
ph_set_clear(struct ph_set *set)
{
	g_free(set->texts);
	g_free(set->sizes);
	set->texts = NULL;
	set->sizes = NULL;
	set->n = 0;
}

static void
checksum(const guint8 *data, size_t size, uint8_t sum[32])
{
	GChecksum *c = g_checksum_new(G_CHECKSUM_SHA256);
	gsize n = 32;

	for (size_t at = 0; at < size; at += G_MAXINT)
		g_checksum_update(c, data + at,
				  (gssize)MIN(size - at, (size_t)G_MAXINT));
	g_checksum_get_digest(c, sum, &n);
	g_checksum_free(c);
}

/* ---- compiling ---- */

struct compilation {
	const struct ph_set *set;
	bool *refused;
	GByteArray *databases; /* sizes and bytes */
	uint32_t n_databases;
	bool failed;
};

/* The expressions of a range that are not refused. */
struct range {
	uint32_t n;
	const char **texts;
	size_t *sizes;
	unsigned *ids;
	unsigned *flags;
};

static void
range_init(struct range *r, const struct compilation *c, uint32_t first,
	   uint32_t end)
{
	r->n = 0;
	r->texts = g_new(const char *, end - first);
	r->sizes = g_new(size_t, end - first);
	r->ids = g_new(unsigned, end - first);
	r->flags = g_new(unsigned, end - first);
	for (uint32_t i = first; i < end; i++) {
		if (c->refused[i])
			continue;
		r->texts[r->n] = c->set->texts[i];
		r->sizes[r->n] = c->set->sizes[i];
		r->ids[r->n] = i;
		r->flags[r->n++] =
		    c->set->kind == PH_TERM_WORD
			? 0
			: HS_FLAG_CASELESS | HS_FLAG_UTF8 | HS_FLAG_PREFILTER |
			      HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY;
	}
}

static void
range_clear(struct range *r)
{
	g_free(r->texts);
	g_free(r->sizes);
	g_free(r->ids);
	g_free(r->flags);
}

/* The answer, with expression 0, when nobody is to blame. */
static bool
is_out_of_memory(const hs_compile_error_t *error)
{
	return error != NULL && error->message != NULL &&
	       strstr(error->message, "allocate memory") != NULL;
}

/* 1, 0: *culprit_r is refused, or if it is -1 the whole; -1: no memory. */
static int
compile(const struct range *r, enum ph_term_kind kind, hs_database_t **db_r,
	int *culprit_r)
{
	hs_compile_error_t *error = NULL;
	hs_error_t rc;
	bool starved;

	if (kind == PH_TERM_WORD)
		rc = hs_compile_lit_multi(r->texts, r->flags, r->ids, r->sizes,
					  r->n, HS_MODE_BLOCK, NULL, db_r,
					  &error);
	else
		rc = hs_compile_multi(r->texts, r->flags, r->ids, r->n,
				      HS_MODE_BLOCK, NULL, db_r, &error);
	*culprit_r = error == NULL || error->expression >= (int)r->n
			 ? -1
			 : error->expression;
	starved = is_out_of_memory(error);
	hs_free_compile_error(error);
	return rc == HS_SUCCESS ? 1 : starved ? -1 : 0;
}

static void
keep_database(struct compilation *c, hs_database_t *db)
{
	char *bytes = NULL;
	size_t size = 0;
	uint64_t stored;

	if (hs_serialize_database(db, &bytes, &size) != HS_SUCCESS ||
	    c->databases->len + sizeof stored + size > PH_IMAGE_LIMIT) {
		c->failed = true;
	} else {
		stored = size;
		g_byte_array_append(c->databases, (const guint8 *)&stored,
				    sizeof stored);
		g_byte_array_append(c->databases, (const guint8 *)bytes,
				    (guint)size);
		c->n_databases++;
	}
	free(bytes);
	hs_free_database(db);
}

/* One database of the range without what Hyperscan names. False: it blames the
 * whole of several. */
static bool
compile_together(struct compilation *c, uint32_t first, uint32_t end)
{
	hs_database_t *db = NULL;
	struct range r;
	int done = 0;

	while (done == 0) {
		int culprit = -1;

		range_init(&r, c, first, end);
		done = r.n == 0 ? 1 : compile(&r, c->set->kind, &db, &culprit);
		if (done == 0 && culprit < 0 && r.n > 1) {
			range_clear(&r);
			return false;
		}
		if (done == 0)
			c->refused[r.ids[MAX(culprit, 0)]] = true;
		range_clear(&r);
	}
	if (done < 0)
		c->failed = true;
	if (db != NULL)
		keep_database(c, db);
	return true;
}

/* Depth: the logarithm of the number of expressions. */
static void
compile_range(struct compilation *c, uint32_t first, uint32_t end)
{
	uint32_t middle = first + (end - first) / 2;

	if (c->failed || compile_together(c, first, end))
		return;
	compile_range(c, first, middle);
	compile_range(c, middle, end);
}

/* A cheap look at each, so that a refusal does not cost a compilation. */
static void
refuse_patterns(struct compilation *c)
{
	for (uint32_t i = 0; i < c->set->n; i++) {
		hs_expr_info_t *info = NULL;
		hs_compile_error_t *error = NULL;

		c->refused[i] = hs_expression_info(
				    c->set->texts[i],
				    HS_FLAG_CASELESS | HS_FLAG_UTF8 |
					HS_FLAG_PREFILTER | HS_FLAG_ALLOWEMPTY,
				    &info, &error) != HS_SUCCESS;
		free(info);
		hs_free_compile_error(error);
	}
}

static GByteArray *
assemble(const struct compilation *c)
{
	GByteArray *image = g_byte_array_new();
	struct header header = {.size = 0};
	struct counts counts = {c->set->kind, c->set->n, 0, c->n_databases};

	g_byte_array_append(image, (const guint8 *)&header, sizeof header);
	g_byte_array_append(image, (const guint8 *)&counts, sizeof counts);
	for (uint32_t i = 0; i < c->set->n; i++) {
		if (!c->refused[i])
			continue;
		g_byte_array_append(image, (const guint8 *)&i, sizeof i);
		counts.n_refused++;
	}
	g_byte_array_append(image, c->databases->data, c->databases->len);
	memcpy(image->data + sizeof header, &counts, sizeof counts);
	memcpy(header.magic, MAGIC, sizeof header.magic);
	header.size = image->len - sizeof header;
	checksum(image->data + sizeof header, header.size, header.sum);
	memcpy(image->data, &header, sizeof header);
	return image;
}

GByteArray *
ph_set_compile(const struct ph_set *set)
{
	struct compilation c = {.set = set};
	GByteArray *image = NULL;

	if (hs_valid_platform() != HS_SUCCESS)
		return NULL;
	c.refused = g_new0(bool, set->n);
	c.databases = g_byte_array_new();
	if (set->kind == PH_TERM_PATTERN)
		refuse_patterns(&c);
	compile_range(&c, 0, set->n);
	if (!c.failed)
		image = assemble(&c);
	g_byte_array_unref(c.databases);
	g_free(c.refused);
	return image;
}

/* ---- reading ---- */

struct cursor {
	const guint8 *data;
	size_t left;
};

static bool
read_bytes(struct cursor *c, void *to, size_t size)
{
	if (c->left < size)
		return false;
	memcpy(to, c->data, size);
	c->data += size;
	c->left -= size;
	return true;
}

static bool
read_refused(struct cursor *c, struct ph_image *image)
{
	for (uint32_t i = 0; i < image->n_refused; i++) {
		uint32_t number;

		if (!read_bytes(c, &number, sizeof number) ||
		    number >= image->n)
			return false;
		g_array_append_val(image->refused, number);
	}
	return true;
}

static bool
read_databases(struct cursor *c, struct ph_image *image)
{
	for (uint32_t i = 0; i < image->n_databases; i++) {
		uint64_t stored;
		size_t size;

		if (!read_bytes(c, &stored, sizeof stored) || stored > c->left)
			return false;
		size = (size_t)stored;
		g_ptr_array_add(image->starts, (gpointer)(uintptr_t)c->data);
		g_array_append_val(image->sizes, size);
		c->data += size;
		c->left -= size;
	}
	return true;
}

static bool
read_payload(struct cursor *c, struct ph_image *image)
{
	struct counts counts;

	if (!read_bytes(c, &counts, sizeof counts) ||
	    counts.kind >= PH_TERM_KINDS)
		return false;
	image->kind = counts.kind;
	image->n = counts.n;
	image->n_refused = counts.n_refused;
	image->n_databases = counts.n_databases;
	return read_refused(c, image) && read_databases(c, image) &&
	       c->left == 0;
}

int
ph_image_parse(const GByteArray *bytes, struct ph_image *image_r,
	       struct ph_err *err)
{
	struct cursor c = {bytes->data, bytes->len};
	struct header header;
	uint8_t sum[32];

	memset(image_r, 0, sizeof *image_r);
	if (!read_bytes(&c, &header, sizeof header) ||
	    memcmp(header.magic, MAGIC, sizeof header.magic) != 0 ||
	    header.size != c.left)
		return ph_err_set(err, PH_ERR_PERM, "not a database");
	checksum(c.data, c.left, sum);
	if (memcmp(sum, header.sum, sizeof sum) != 0)
		return ph_err_set(err, PH_ERR_PERM, "wrong checksum");
	image_r->refused = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	image_r->starts = g_ptr_array_new();
	image_r->sizes = g_array_new(FALSE, FALSE, sizeof(size_t));
	if (read_payload(&c, image_r))
		return 0;
	ph_image_clear(image_r);
	return ph_err_set(err, PH_ERR_PERM, "malformed database");
}

void
ph_image_clear(struct ph_image *image)
{
	g_array_unref(image->refused);
	g_ptr_array_unref(image->starts);
	g_array_unref(image->sizes);
	memset(image, 0, sizeof *image);
}
