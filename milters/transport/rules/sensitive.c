#include "milters/transport/rules/sensitive.h"

#include "lib/base/text.h"
#include "lib/state/object.h"

#include <string.h>

#define KIND "dataclassification"
#define CONDITION "MessageContainsDataClassifications"

/* A package as it is in force. */
struct own {
	/* Reference; what it was made of; NULL: of a text that is tried. */
	const struct ph_object *object;
	struct ph_package *package; /* NULL: there is no good one */
};

struct sensitive {
	GPtrArray *library; /* struct ph_package *; NULL: not read */
	GHashTable *own;    /* folded name to struct own * */
	struct ph_classifier *classifier;
};

static void
free_own(void *data)
{
	struct own *own = data;
	struct ph_object *object = (struct ph_object *)(uintptr_t)own->object;

	ph_object_unref(&object);
	ph_package_unref(&own->package);
	g_free(own);
}

void
ph_sensitive_free(void *data)
{
	struct sensitive *s = data;

	if (s == NULL)
		return;
	ph_classifier_unref(&s->classifier);
	g_hash_table_unref(s->own);
	if (s->library != NULL)
		g_ptr_array_unref(s->library);
	g_free(s);
}

struct ph_classifier *
ph_sensitive_classifier(const void *sensitive)
{
	const struct sensitive *s = sensitive;

	return s != NULL ? s->classifier : NULL;
}

/* Types cost memory, and processor time when they are compiled. */
static bool
is_wanted(const struct ph_snapshot *snapshot,
	  const struct ph_sensitive_options *options)
{
	size_t n;
	const struct ph_object *const *rules =
	    ph_snapshot_list(snapshot, "rule", &n);

	for (size_t i = 0; i < n; i++)
		if (ph_object_has(rules[i], CONDITION) ||
		    ph_object_has(rules[i], "ExceptIf" CONDITION))
			return true;
	return options->always;
}

/* ---- the built-in types -------------------------------------------------- */

static int
read_library(struct sensitive *s, const struct sensitive *before,
	     const struct ph_sensitive_options *options, struct ph_err *err)
{
	g_autofree char *directory = *options->directory != '\0'
					 ? g_strdup(options->directory)
					 : ph_classify_directory();

	if (before != NULL && before->library != NULL) {
		s->library = g_ptr_array_ref(before->library);
		return 0;
	}
	if (ph_classify_read(directory, &s->library, err) < 0)
		return ph_err_wrap(err, "sensitive information types");
	return 0;
}

/* ---- packages ------------------------------------------------------------ */

static struct own *
own_new(const struct ph_object *object, const struct sensitive *before,
	struct ph_err *err)
{
	const struct own *old =
	    before != NULL
		? g_hash_table_lookup(before->own, ph_object_folded(object))
		: NULL;
	const char *text = ph_object_text(object, "Value");
	struct own *own = g_new0(struct own, 1);

	own->object = ph_object_ref(object);
	if (old != NULL && old->package != NULL &&
	    ph_object_equal(old->object, object))
		own->package = ph_package_ref(old->package);
	else if (ph_package_parse(ph_object_name(object), text, strlen(text),
				  &own->package, err) < 0)
		ph_err_wrap(err, "%s %s", KIND, ph_object_name(object));
	return own;
}

struct refusal {
	GHashTable *names; /* folded, of packages, to why */
	struct ph_err *err;
};

/* Of refusal.names. */
static GHashTable *
new_names(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static void
on_refused(const struct ph_package *package, const char *text, void *context)
{
	struct refusal *refusal = context;

	ph_err_set(refusal->err, PH_ERR_PERM, "%s %s: %s", KIND, package->name,
		   text);
	g_hash_table_insert(refusal->names, ph_fold(package->name),
			    g_strdup(text));
}

static struct ph_classifier *
compile(const struct sensitive *s, const struct sensitive *before,
	const struct ph_sensitive_options *options, struct refusal *refusal)
{
	g_autoptr(GPtrArray) own = g_ptr_array_new();
	g_autoptr(GList) names =
	    g_list_sort(g_hash_table_get_keys(s->own), (GCompareFunc)strcmp);
	struct ph_classify_options o = {
	    .library = (struct ph_package *const *)s->library->pdata,
	    .n_library = s->library->len,
	    .refused = on_refused,
	    .context = refusal,
	    .previous = before != NULL ? before->classifier : NULL,
	    .compiler = options->compiler,
	};

	for (const GList *name = names; name != NULL; name = name->next) {
		const struct own *one = g_hash_table_lookup(s->own, name->data);

		if (one->package != NULL)
			g_ptr_array_add(own, one->package);
	}
	o.own = (struct ph_package *const *)own->pdata;
	o.n_own = own->len;
	return ph_classifier_new(&o);
}

static void
replace_object(struct own *own, const struct ph_object *object)
{
	struct ph_object *old = (struct ph_object *)(uintptr_t)own->object;

	own->object = ph_object_ref(object);
	ph_object_unref(&old);
}

/* Those refused become what they were before. False: none of them was. */
static bool
step_back(struct sensitive *s, const struct sensitive *before,
	  const struct refusal *refusal)
{
	GHashTableIter i;
	void *name;
	bool any = false;

	g_hash_table_iter_init(&i, refusal->names);
	while (g_hash_table_iter_next(&i, &name, NULL)) {
		struct own *own = g_hash_table_lookup(s->own, name);
		const struct own *old =
		    before != NULL ? g_hash_table_lookup(before->own, name)
				   : NULL;

		if (own == NULL)
			continue;
		ph_package_unref(&own->package);
		if (old == NULL || old->package == NULL)
			continue;
		own->package = ph_package_ref(old->package);
		/* And of the old value, so that the new one is tried again. */
		replace_object(own, old->object);
		any = true;
	}
	return any;
}

static void
build_classifier(struct sensitive *s, const struct sensitive *before,
		 const struct ph_sensitive_options *options, struct ph_err *err)
{
	g_autoptr(GHashTable) names = new_names();
	struct refusal refusal = {names, err};

	s->classifier = compile(s, before, options, &refusal);
	if (g_hash_table_size(names) == 0 || !step_back(s, before, &refusal))
		return;
	ph_classifier_unref(&s->classifier);
	s->classifier = compile(s, before, options, &refusal);
}

/* The packages of both are the same. */
static bool
is_same(const struct sensitive *s, const struct sensitive *before)
{
	GHashTableIter i;
	void *name, *value;

	if (before == NULL || before->classifier == NULL ||
	    g_hash_table_size(s->own) != g_hash_table_size(before->own))
		return false;
	g_hash_table_iter_init(&i, s->own);
	while (g_hash_table_iter_next(&i, &name, &value)) {
		const struct own *own = value;
		const struct own *old = g_hash_table_lookup(before->own, name);

		if (old == NULL || own->package != old->package ||
		    !ph_object_equal(own->object, old->object))
			return false;
	}
	return true;
}

static void
add_packages(struct sensitive *s, const struct sensitive *before,
	     const struct ph_snapshot *snapshot, struct ph_err *err)
{
	size_t n;
	const struct ph_object *const *objects =
	    ph_snapshot_list(snapshot, KIND, &n);

	for (size_t i = 0; i < n; i++)
		g_hash_table_insert(s->own,
				    g_strdup(ph_object_folded(objects[i])),
				    own_new(objects[i], before, err));
}

void *
ph_sensitive_build(const struct ph_snapshot *snapshot, const void *previous,
		   void *context, struct ph_err *err)
{
	const struct ph_sensitive_options *options = context;
	const struct sensitive *before = previous;
	struct sensitive *s = g_new0(struct sensitive, 1);

	s->own =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_own);
	if (!is_wanted(snapshot, options) ||
	    read_library(s, before, options, err) < 0)
		return s;
	add_packages(s, before, snapshot, err);
	if (is_same(s, before))
		s->classifier = ph_classifier_ref(before->classifier);
	else
		build_classifier(s, before, options, err);
	return s;
}

/* ---- one that is not there yet ------------------------------------------- */

/* Who is refused; g_hash_table_unref. */
static GHashTable *
find_refused(const struct sensitive *s,
	     const struct ph_sensitive_options *options)
{
	struct ph_err err = PH_ERR_INIT;
	struct refusal refusal = {new_names(), &err};
	struct ph_classifier *classifier = compile(s, NULL, options, &refusal);

	ph_classifier_unref(&classifier);
	return refusal.names;
}

/* 1: nobody is refused who was not before. */
static int
compare_refused(GHashTable *before, GHashTable *after, const char *folded,
		struct ph_err *err)
{
	const char *why = g_hash_table_lookup(after, folded);
	GHashTableIter i;
	void *name, *text;

	if (why != NULL) {
		ph_err_set(err, PH_ERR_PERM, "%s", why);
		return 0;
	}
	g_hash_table_iter_init(&i, after);
	while (g_hash_table_iter_next(&i, &name, &text))
		if (!g_hash_table_contains(before, name)) {
			ph_err_set(err, PH_ERR_PERM,
				   "with it %s %s would not be in force: %s",
				   KIND, (const char *)name,
				   (const char *)text);
			return 0;
		}
	return 1;
}

static int
try_package(struct sensitive *s, const char *name, struct ph_package *package,
	    const struct ph_sensitive_options *options, struct ph_err *err)
{
	g_autofree char *folded = ph_fold(name);
	g_autoptr(GHashTable) before = find_refused(s, options);
	g_autoptr(GHashTable) after = NULL;
	struct own *own = g_new0(struct own, 1);

	own->package = ph_package_ref(package);
	g_hash_table_replace(s->own, g_strdup(folded), own);
	after = find_refused(s, options);
	return compare_refused(before, after, folded, err);
}

int
ph_sensitive_try(const struct ph_snapshot *snapshot, const char *name,
		 const char *text, const struct ph_sensitive_options *options,
		 struct ph_err *err)
{
	struct sensitive *s = NULL;
	struct ph_package *package = NULL;
	struct ph_err ignored = PH_ERR_INIT;
	int r;

	if (ph_package_parse(name, text, strlen(text), &package, err) < 0)
		return 0;
	s = g_new0(struct sensitive, 1);
	s->own =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_own);
	r = read_library(s, NULL, options, err);
	if (r == 0) {
		add_packages(s, NULL, snapshot, &ignored);
		r = try_package(s, name, package, options, err);
	}
	ph_package_unref(&package);
	ph_sensitive_free(s);
	return r;
}
