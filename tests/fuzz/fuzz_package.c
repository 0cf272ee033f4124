#include "tests/fuzz/fuzz.h"

#include "lib/classify/classify.h"

#include <string.h>

/*
 * Up to the first NUL a classification rule package, behind it a text. What is
 * taken is compiled and looked for in the text; places lie in it.
 */
static void
check_place(const struct ph_classify_place *place, size_t size)
{
	g_assert(place->start <= place->end && place->end <= size);
	for (guint i = 0; i < place->evidence->len; i++) {
		const struct ph_classify_evidence *e = &g_array_index(
		    place->evidence, struct ph_classify_evidence, i);

		g_assert(e->start <= e->end && e->end <= size);
	}
}

static void
find(struct ph_package *package, const char *text)
{
	struct ph_classify_options options = {.own = &package, .n_own = 1};
	struct ph_classifier *classifier = ph_classifier_new(&options);
	struct ph_classify_text one = {"text", text, strlen(text), false};
	GPtrArray *found;

	if (ph_classifier_find(classifier, &one, 1, &found, NULL) == 0) {
		for (guint i = 0; i < found->len; i++) {
			const struct ph_classify_found *f = found->pdata[i];

			g_assert(f->count > 0 && f->confidence <= 100);
			for (guint k = 0; k < f->places->len; k++)
				check_place(f->places->pdata[k], one.size);
		}
		g_ptr_array_unref(found);
	}
	ph_classifier_unref(&classifier);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t n = end != NULL ? (size_t)(end - data) : size;
	struct ph_err err = PH_ERR_INIT;
	struct ph_package *package;

	if (ph_package_parse("P", data, n, &package, &err) < 0) {
		g_assert(err.kind == PH_ERR_PERM && *err.text != '\0');
		/* UTF-16 has NUL bytes. */
		if (ph_package_parse("P", data, size, &package, NULL) == 0)
			ph_package_unref(&package);
		return 0;
	}
	if (end != NULL) {
		g_autofree char *text = g_utf8_make_valid(
		    (const char *)end + 1, (gssize)(size - n - 1));

		find(package, text);
	}
	ph_package_unref(&package);
	return 0;
}
