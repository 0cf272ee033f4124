#include "lib/state/snapshot.h"
#include "lib/state/snapshot_private.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORGANIZATION "4ccf6bd2-b11c-46ba-a1f5-6bd69ea0ba4c"

/* Owned by the test until it ends. */
struct set {
	const struct ph_object *objects[16];
	size_t n;
};

static void
add(struct set *set, const char *kind, const char *name, const char *field,
    const char *value)
{
	struct ph_pair pair = {field, value};
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *object = NULL;

	g_assert(set->n < G_N_ELEMENTS(set->objects));
	ck_assert_msg(ph_object_parse(ph_kind_find(kind), name, &pair,
				      field != NULL, &object, &err) == 0,
		      "%s", err.text);
	set->objects[set->n++] = object;
}

static void
drop(struct set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct ph_object *object = (struct ph_object *)set->objects[i];

		ph_object_unref(&object);
	}
	set->n = 0;
}

/* The set is dropped: the snapshot has references of its own. */
static struct ph_snapshot *
build(struct set *set, const struct ph_derive *derive)
{
	struct ph_snapshot *s = ph_snapshot_build(set->objects, set->n, derive);

	drop(set);
	return s;
}

static struct ph_snapshot *
small_organization(void)
{
	struct set set = {.n = 0};

	add(&set, "rule", "zebra", "Enabled", "1");
	add(&set, "site", "Porto", NULL, NULL);
	add(&set, "rule", "Apple", "SubjectContainsWords", "a,\"b,c\"");
	add(&set, "meta", NULL, "Organization", ORGANIZATION);
	add(&set, "rule", "mango \xff", NULL, NULL);
	add(&set, "recipient", "g@example.com", "RecipientType", "MailGroup");
	return build(&set, NULL);
}

START_TEST(objects_are_found_without_case)
{
	struct ph_snapshot *s = small_organization();
	const struct ph_object *o = ph_snapshot_find(s, "rule", "APPLE");

	ck_assert_str_eq(ph_object_name(o), "Apple");
	ck_assert_ptr_eq(ph_snapshot_find(s, "Rule", "apple"), o);
	ck_assert_ptr_nonnull(ph_snapshot_find(s, "rule", "zebra"));
	ck_assert_ptr_nonnull(ph_snapshot_find(s, "rule", "MANGO \xff"));
	ck_assert_ptr_null(ph_snapshot_find(s, "rule", "appl"));
	ck_assert_ptr_null(ph_snapshot_find(s, "rule", "zzz"));
	ck_assert_ptr_null(ph_snapshot_find(s, "rule", ""));
	ck_assert_ptr_null(ph_snapshot_find(s, "rule", NULL));
	/* Kinds are apart. */
	ck_assert_ptr_null(ph_snapshot_find(s, "site", "apple"));
	ck_assert_ptr_null(ph_snapshot_find(s, "dag", "apple"));
	ck_assert_ptr_nonnull(ph_snapshot_find(s, "meta", NULL));
	ck_assert_ptr_nonnull(ph_snapshot_find(s, "meta", ""));
	ph_snapshot_unref(&s);
	ck_assert_ptr_null(s);
	ph_snapshot_unref(&s);
}
END_TEST

START_TEST(lists_are_sorted)
{
	struct ph_snapshot *s = small_organization();
	const struct ph_object *const *list;
	size_t n = 0;

	list = ph_snapshot_list(s, "rule", &n);
	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(ph_object_name(list[0]), "Apple");
	ck_assert_str_eq(ph_object_name(list[1]), "mango \xff");
	ck_assert_str_eq(ph_object_name(list[2]), "zebra");
	ck_assert_ptr_nonnull(ph_snapshot_list(s, "dag", &n));
	ck_assert_uint_eq(n, 0);
	/* The recipient is no part of it. */
	list = ph_snapshot_all(s, &n);
	ck_assert_uint_eq(n, 5);
	ck_assert_str_eq(ph_object_kind(list[4])->name, "meta");
	ph_snapshot_unref(&s);
}
END_TEST

START_TEST(an_empty_snapshot_is_one)
{
	struct ph_snapshot *s = ph_snapshot_build(NULL, 0, NULL);
	const struct ph_snapshot_error *errors;
	size_t n = 1;

	ck_assert_str_eq(ph_snapshot_organization(s), "");
	ck_assert_str_eq(ph_snapshot_adopted(s), "");
	ck_assert_uint_eq(ph_snapshot_errors(s, &errors), 0);
	ck_assert_ptr_nonnull(ph_snapshot_list(s, "rule", &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_null(ph_snapshot_find(s, "meta", NULL));
	ph_snapshot_unref(&s);
}
END_TEST

START_TEST(meta_is_read)
{
	struct ph_pair pairs[] = {{"Organization", ORGANIZATION},
				  {"Adopted", "2026-11-21T10:00:00Z"}};
	struct ph_object *meta = NULL;
	struct ph_snapshot *s;

	ck_assert_int_eq(
	    ph_object_parse(ph_kind_find("meta"), NULL, pairs, 2, &meta, NULL),
	    0);
	s = ph_snapshot_build((const struct ph_object *const *)&meta, 1, NULL);
	ck_assert_str_eq(ph_snapshot_organization(s), ORGANIZATION);
	ck_assert_str_eq(ph_snapshot_adopted(s), "2026-11-21T10:00:00Z");
	ck_assert_uint_eq(ph_snapshot_generation(s), 1);
	ph_object_unref(&meta);
	ph_snapshot_unref(&s);
}
END_TEST

START_TEST(names_that_differ_in_case_are_errors)
{
	struct set set = {.n = 0};
	const struct ph_snapshot_error *errors;
	struct ph_snapshot *s;

	add(&set, "rule", "Secret", NULL, NULL);
	add(&set, "rule", "secret", NULL, NULL);
	add(&set, "rule", "secrets", NULL, NULL);
	add(&set, "site", "SECRET", NULL, NULL);
	add(&set, "site", "\xc3\x84sop", NULL, NULL);
	add(&set, "site", "\xc3\xa4sop", NULL, NULL);
	s = build(&set, NULL);
	ck_assert_ptr_null(ph_snapshot_find(s, "rule", "Secret"));
	ck_assert_ptr_null(ph_snapshot_find(s, "site", "\xc3\x84sop"));
	ck_assert_ptr_nonnull(ph_snapshot_find(s, "rule", "secrets"));
	ck_assert_ptr_nonnull(ph_snapshot_find(s, "site", "secret"));
	ck_assert_uint_eq(ph_snapshot_errors(s, &errors), 4);
	ck_assert_str_eq(errors[0].key, "rule:Secret");
	ck_assert_ptr_nonnull(strstr(errors[0].text, "rule:secret in case"));
	ck_assert_str_eq(errors[1].key, "rule:secret");
	ck_assert_ptr_nonnull(strstr(errors[1].text, "rule:Secret in case"));
	ck_assert(!errors[1].kept);
	ck_assert_str_eq(errors[2].key, "site:\xc3\x84sop");
	ck_assert_str_eq(errors[3].key, "site:\xc3\xa4sop");
	ph_snapshot_unref(&s);
}
END_TEST

START_TEST(errors_of_the_reader_are_kept)
{
	struct set set = {.n = 0};
	char key[] = "rule:b", text[] = "rule b: Mode: wrong";
	struct ph_snapshot_error given[] = {
	    {key, text, true}, {"rule:A", "rule A: as reported", false}};
	const struct ph_snapshot_error *errors;
	struct ph_snapshot *s;

	add(&set, "rule", "A", NULL, NULL);
	add(&set, "rule", "a", NULL, NULL);
	add(&set, "rule", "b", NULL, NULL);
	s = ph_snapshot_make(&(struct ph_snapshot_make){
	    .objects = set.objects,
	    .n_objects = set.n,
	    .errors = given,
	    .n_errors = G_N_ELEMENTS(given),
	    .generation = 7,
	});
	drop(&set);
	/* Copies were taken. */
	memset(key, '!', strlen(key));
	memset(text, '!', strlen(text));
	ck_assert_uint_eq(ph_snapshot_generation(s), 7);
	ck_assert_uint_eq(ph_snapshot_errors(s, &errors), 3);
	ck_assert_str_eq(errors[0].key, "rule:A");
	ck_assert_str_eq(errors[0].text, "rule A: as reported");
	ck_assert_str_eq(errors[1].key, "rule:a");
	ck_assert_str_eq(errors[2].key, "rule:b");
	ck_assert_str_eq(errors[2].text, "rule b: Mode: wrong");
	ck_assert(errors[2].kept);
	ck_assert_ptr_nonnull(ph_snapshot_find(s, "rule", "b"));
	ph_snapshot_unref(&s);
}
END_TEST

/* What a derive row makes in these tests. */
struct derived {
	size_t n_rules;
	const struct derived *previous;
	char **freed; /* the context: letters of freed rows */
	char letter;
};

static struct derived *
derive(const struct ph_snapshot *s, const void *previous, void *context,
       char letter)
{
	struct derived *d = g_new0(struct derived, 1);

	ph_snapshot_list(s, "rule", &d->n_rules);
	d->previous = previous;
	d->freed = context;
	d->letter = letter;
	return d;
}

static void *
build_a(const struct ph_snapshot *s, const void *previous, void *context,
	struct ph_err *err)
{
	ph_err_set(err, PH_ERR_PERM, "a complaint");
	return derive(s, previous, context, 'a');
}

/* Sees what the row before it made. */
static void *
build_b(const struct ph_snapshot *s, const void *previous, void *context,
	struct ph_err *err)
{
	const struct derived *a = ph_snapshot_derived(s, 0);

	ck_assert_int_eq(err->kind, PH_ERR_NONE);
	ck_assert_int_eq(a->letter, 'a');
	return derive(s, previous, context, 'b');
}

static void
free_derived(void *derived)
{
	struct derived *d = derived;
	char *before = *d->freed;

	*d->freed = g_strdup_printf("%s%c", before, d->letter);
	g_free(before);
	g_free(d);
}

START_TEST(derived_values_live_with_the_snapshot)
{
	g_autofree char *freed = g_strdup("");
	const struct ph_derive rows[] = {{"a", build_a, free_derived, &freed},
					 {"b", build_b, free_derived, &freed},
					 {NULL, NULL, NULL, NULL}};
	struct set set = {.n = 0};
	struct ph_snapshot *first, *second, *other;
	const struct derived *b, *again;

	add(&set, "rule", "A", NULL, NULL);
	first = build(&set, rows);
	b = ph_snapshot_derived(first, 1);
	ck_assert_uint_eq(b->n_rules, 1);
	ck_assert_ptr_null(b->previous);

	second = ph_snapshot_make(&(struct ph_snapshot_make){
	    .generation = 2, .derive = rows, .previous = first});
	again = ph_snapshot_derived(second, 1);
	ck_assert_ptr_eq(again->previous, b);
	ck_assert_uint_eq(again->n_rules, 0);

	/* Values of another table mean something else. */
	other = ph_snapshot_make(
	    &(struct ph_snapshot_make){.derive = &rows[2], .previous = second});
	ph_snapshot_unref(&other);
	ck_assert_str_eq(freed, "");
	ph_snapshot_unref(&first);
	ck_assert_str_eq(freed, "ba");
	ph_snapshot_unref(&second);
	ck_assert_str_eq(freed, "baba");
}
END_TEST

START_TEST(values_of_another_table_are_not_handed_on)
{
	g_autofree char *freed = g_strdup("");
	const struct ph_derive rows[] = {{"a", build_a, free_derived, &freed},
					 {NULL, NULL, NULL, NULL}};
	const struct ph_derive others[] = {{"a", build_a, free_derived, &freed},
					   {NULL, NULL, NULL, NULL}};
	struct ph_snapshot *first = ph_snapshot_build(NULL, 0, rows);
	struct ph_snapshot *second = ph_snapshot_make(
	    &(struct ph_snapshot_make){.derive = others, .previous = first});
	const struct derived *a = ph_snapshot_derived(second, 0);

	ck_assert_ptr_null(a->previous);
	ph_snapshot_unref(&first);
	ph_snapshot_unref(&second);
}
END_TEST

START_TEST(references_count)
{
	struct ph_snapshot *a = small_organization();
	struct ph_snapshot *b = ph_snapshot_ref(a);

	ph_snapshot_unref(&a);
	ck_assert_ptr_nonnull(ph_snapshot_find(b, "rule", "apple"));
	ph_snapshot_unref(&b);
}
END_TEST

START_TEST(keys_are_named)
{
	g_autofree char *rule = ph_snapshot_key(ph_kind_find("rule"), "A b");
	g_autofree char *meta = ph_snapshot_key(ph_kind_find("meta"), "");

	ck_assert_str_eq(rule, "rule:A b");
	ck_assert_str_eq(meta, "meta");
}
END_TEST

/* ---- the file ---- */

static void
expect_same(const struct ph_snapshot *a, const struct ph_snapshot *b)
{
	size_t n, n_b;
	const struct ph_object *const *x = ph_snapshot_all(a, &n);
	const struct ph_object *const *y = ph_snapshot_all(b, &n_b);

	ck_assert_uint_eq(n, n_b);
	for (size_t i = 0; i < n; i++)
		ck_assert(ph_object_equal(x[i], y[i]));
}

START_TEST(what_is_saved_is_loaded)
{
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "x.snapshot", NULL);
	g_autofree char *temporary = g_strconcat(path, ".tmp", NULL);
	struct ph_snapshot *s = small_organization(), *loaded = NULL;
	struct ph_snapshot *empty = ph_snapshot_build(NULL, 0, NULL);
	struct ph_err err = PH_ERR_INIT;
	struct stat st;

	ck_assert_int_eq(ph_snapshot_load(path, NULL, &loaded, &err), 0);
	ck_assert_ptr_null(loaded);
	ck_assert_msg(ph_snapshot_save(s, path, &err) == 0, "%s", err.text);
	ck_assert_int_eq(ph_snapshot_load(path, NULL, &loaded, &err), 1);
	expect_same(s, loaded);
	ck_assert_str_eq(ph_snapshot_organization(loaded), ORGANIZATION);
	ph_snapshot_unref(&loaded);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07, 0);

	/* A smaller one replaces it whole. */
	ck_assert_int_eq(ph_snapshot_save(empty, path, &err), 0);
	ck_assert_int_eq(ph_snapshot_load(path, NULL, &loaded, &err), 1);
	expect_same(empty, loaded);
	ck_assert_int_eq(access(temporary, F_OK), -1);
	ph_snapshot_unref(&loaded);
	ph_snapshot_unref(&empty);
	ph_snapshot_unref(&s);
	unit_rmdir(&dir);
}
END_TEST

START_TEST(loading_derives)
{
	g_autofree char *freed = g_strdup("");
	const struct ph_derive rows[] = {{"a", build_a, free_derived, &freed},
					 {NULL, NULL, NULL, NULL}};
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "x.snapshot", NULL);
	struct ph_snapshot *s = small_organization(), *loaded = NULL;
	const struct derived *a;

	ck_assert_int_eq(ph_snapshot_save(s, path, NULL), 0);
	ck_assert_int_eq(ph_snapshot_load(path, rows, &loaded, NULL), 1);
	a = ph_snapshot_derived(loaded, 0);
	ck_assert_uint_eq(a->n_rules, 3);
	ph_snapshot_unref(&loaded);
	ph_snapshot_unref(&s);
	unit_rmdir(&dir);
}
END_TEST

static void
expect_damaged(const char *path, const char *data, size_t size)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_snapshot *s = NULL;
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(ph_snapshot_load(path, NULL, &s, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_null(s);
}

START_TEST(a_damaged_file_is_refused)
{
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "x.snapshot", NULL);
	struct ph_snapshot *s = small_organization();
	g_autofree char *data = NULL;
	gsize size = 0;

	ck_assert_int_eq(ph_snapshot_save(s, path, NULL), 0);
	ck_assert(g_file_get_contents(path, &data, &size, NULL));
	for (gsize i = 0; i < size; i++) {
		expect_damaged(path, data, i);
		data[i] = (char)(data[i] ^ 0x01);
		expect_damaged(path, data, size);
		data[i] = (char)(data[i] ^ 0x01);
	}
	/* g_file_get_contents adds a NUL. */
	expect_damaged(path, data, size + 1);
	ph_snapshot_unref(&s);
	unit_rmdir(&dir);
}
END_TEST

/* The checksum is right, the content is not: a file by another hand. */
static void
expect_content(const char *path, const GByteArray *content, int answer)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autoptr(GByteArray) file = g_byte_array_new();
	struct ph_snapshot *s = NULL;
	guint8 digest[32];
	gsize n = sizeof(digest);

	g_checksum_update(sum, content->data, (gssize)content->len);
	g_checksum_get_digest(sum, digest, &n);
	g_byte_array_append(file, (const guint8 *)"PHSNAP01", 8);
	g_byte_array_append(file, digest, sizeof(digest));
	g_byte_array_append(file, content->data, content->len);
	ck_assert(g_file_set_contents(path, (const char *)file->data,
				      (gssize)file->len, NULL));
	ck_assert_int_eq(ph_snapshot_load(path, NULL, &s, NULL), answer);
	ph_snapshot_unref(&s);
}

static void
put(GByteArray *out, const void *data, size_t size)
{
	guint8 head[4] = {(guint8)size, (guint8)(size >> 8), 0, 0};

	g_byte_array_append(out, head, sizeof(head));
	g_byte_array_append(out, data, (guint)size);
}

START_TEST(lengths_in_a_file_are_checked)
{
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "x.snapshot", NULL);
	g_autoptr(GByteArray) content = g_byte_array_new();
	struct set set = {.n = 0};
	g_autofree void *packed = NULL;
	size_t size;

	add(&set, "site", "Porto", NULL, NULL);
	packed = ph_object_pack(set.objects[0], &size);
	g_byte_array_append(content, (const guint8 *)"\1\0\0\0", 4);
	put(content, "site", 4);
	put(content, packed, size);
	expect_content(path, content, 1);
	g_byte_array_append(content, (const guint8 *)"x", 1);
	expect_content(path, content, -1);
	for (guint i = content->len - 1; i-- > 0;) {
		g_byte_array_set_size(content, i);
		expect_content(path, content, -1);
	}
	g_byte_array_append(content, (const guint8 *)"\xff\xff\xff\xff", 4);
	expect_content(path, content, -1);
	g_byte_array_append(content, (const guint8 *)"\xff\xff\xff\x7f", 4);
	expect_content(path, content, -1);
	drop(&set);
	unit_rmdir(&dir);
}
END_TEST

START_TEST(what_no_longer_validates_is_left_out)
{
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "x.snapshot", NULL);
	g_autoptr(GByteArray) content = g_byte_array_new();
	g_autofree void *rule = NULL, *site = NULL;
	struct set set = {.n = 0};
	struct ph_snapshot *s = NULL;
	size_t rule_size, site_size, n;

	add(&set, "rule", "r", "Priority", "1");
	add(&set, "site", "Porto", NULL, NULL);
	rule = ph_object_pack(set.objects[0], &rule_size);
	site = ph_object_pack(set.objects[1], &site_size);
	g_byte_array_append(content, (const guint8 *)"\3\0\0\0", 4);
	/* No site has a Priority; no version knows the kind. */
	put(content, "site", 4);
	put(content, rule, rule_size);
	put(content, "planet", 6);
	put(content, site, site_size);
	put(content, "site", 4);
	put(content, site, site_size);
	expect_content(path, content, 1);
	ck_assert_int_eq(ph_snapshot_load(path, NULL, &s, NULL), 1);
	ph_snapshot_all(s, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_ptr_nonnull(ph_snapshot_find(s, "site", "porto"));
	ph_snapshot_unref(&s);
	drop(&set);
	unit_rmdir(&dir);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_temporary)
{
	char *dir = unit_mkdir();
	g_autofree char *missing = g_build_filename(dir, "no", "x", NULL);
	g_autofree char *taken = g_build_filename(dir, "taken", NULL);
	g_autofree char *inside = g_build_filename(taken, "x", NULL);
	g_autofree char *temporary = g_strconcat(taken, ".tmp", NULL);
	struct ph_snapshot *s = small_organization(), *loaded = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_snapshot_save(s, missing, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	/* A directory is in the way of the new name. */
	ck_assert_int_eq(mkdir(taken, 0700), 0);
	ck_assert(g_file_set_contents(inside, "x", 1, NULL));
	err.kind = PH_ERR_NONE;
	ck_assert_int_eq(ph_snapshot_save(s, taken, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_int_eq(access(temporary, F_OK), -1);
	ck_assert_int_eq(ph_snapshot_load(taken, NULL, &loaded, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ph_snapshot_unref(&s);
	unit_rmdir(&dir);
}
END_TEST

/* Where others of the group may write, a link must not lead us elsewhere. */
START_TEST(a_link_is_not_followed)
{
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "x.snapshot", NULL);
	g_autofree char *temporary = g_strconcat(path, ".tmp", NULL);
	g_autofree char *target = g_build_filename(dir, "target", NULL);
	struct ph_snapshot *s = small_organization();
	g_autofree char *content = NULL;

	ck_assert(g_file_set_contents(target, "precious", -1, NULL));
	ck_assert_int_eq(symlink(target, temporary), 0);
	ck_assert_int_eq(ph_snapshot_save(s, path, NULL), -1);
	ck_assert(g_file_get_contents(target, &content, NULL, NULL));
	ck_assert_str_eq(content, "precious");
	/* It is out of the way for the next attempt. */
	ck_assert_int_eq(ph_snapshot_save(s, path, NULL), 0);
	ph_snapshot_unref(&s);
	unit_rmdir(&dir);
}
END_TEST

UNIT_MAIN("lib/state/snapshot", objects_are_found_without_case,
	  lists_are_sorted, an_empty_snapshot_is_one, meta_is_read,
	  names_that_differ_in_case_are_errors, errors_of_the_reader_are_kept,
	  derived_values_live_with_the_snapshot,
	  values_of_another_table_are_not_handed_on, references_count,
	  keys_are_named, what_is_saved_is_loaded, loading_derives,
	  a_damaged_file_is_refused, lengths_in_a_file_are_checked,
	  what_no_longer_validates_is_left_out,
	  a_file_that_cannot_be_written_is_temporary, a_link_is_not_followed)
