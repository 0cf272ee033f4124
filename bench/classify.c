/*
 * classify: how long a text of 100 kB is searched for sensitive information
 * types, all that are built in. See README.
 */
#include "lib/classify/classify.h"
#include "lib/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SIZE ((size_t)100000)
#define ROUNDS 50

static const char prose[] =
    "The meeting about the new warehouse has been moved to Thursday, because "
    "several of us are travelling until then. Please read the minutes of the "
    "last one before; they are in the usual folder. ";
static const char business[] =
    "Order 4711-2026 of 12/03/2026: 250 pieces at 12.50 each, total 3,125.00; "
    "call us at +44 20 7946 0958 or write to sales@example.com. Our reference "
    "is 20260312-0815, the parcel's number 00340434161094042557. ";
static const char card[] = "Visa 4111 1111 1111 1111, 12/27, Anna Example\n";

static char *
repeat(const char *piece)
{
	GString *text = g_string_new(NULL);

	while (text->len < SIZE)
		g_string_append(text, piece);
	return g_string_free(text, FALSE);
}

/* Everything that the cases of all types have: each keyword, each number. */
static char *
read_cases(void)
{
	g_autoptr(GDir) dir = g_dir_open("tests/classify", 0, NULL);
	g_autoptr(GString) all = g_string_new(NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path =
		    g_build_filename("tests/classify", name, NULL);
		g_autofree char *text = NULL;

		if (g_str_has_suffix(name, ".cases") &&
		    g_file_get_contents(path, &text, NULL, NULL))
			g_string_append(all, text);
	}
	return repeat(all->len > 0 ? all->str : " ");
}

static double
measure(struct ph_classifier *classifier, const char *text, guint *found_r)
{
	struct ph_classify_text one = {"text", text, strlen(text), false};
	int64_t best = INT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = g_get_monotonic_time();
		g_autoptr(GPtrArray) found = NULL;

		if (ph_classifier_find(classifier, &one, 1, &found, NULL) < 0)
			return -1;
		best = MIN(best, g_get_monotonic_time() - start);
		*found_r = found->len;
	}
	return (double)best / 1000;
}

static void
run(struct ph_classifier *classifier, const char *how)
{
	const struct {
		const char *name;
		char *text;
	} texts[] = {{"prose", repeat(prose)},
		     {"orders", repeat(business)},
		     {"2,200 cards", repeat(card)},
		     {"all cases", read_cases()}};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		guint found = 0;
		double ms = measure(classifier, texts[i].text, &found);

		printf("%-12s %-12s %8.2f ms  %u types found\n", how,
		       texts[i].name, ms, found);
		g_free(texts[i].text);
	}
}

int
main(int argc, char **argv)
{
	static const char *const child[] = {"/proc/self/exe",
					    PH_MATCH_COMPILER_SWITCH, NULL};
	struct ph_match_compiler_options compiling = {.child = child};
	struct ph_classify_options options = {0};
	struct ph_classifier *classifier;
	struct ph_err err = PH_ERR_INIT;
	GPtrArray *library;

	if (argc == 2 && strcmp(argv[1], PH_MATCH_COMPILER_SWITCH) == 0)
		return ph_match_compiler_main();
	if (ph_classify_read("share/posthub/sensitive-types", &library, &err) <
	    0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	options.library = (struct ph_package *const *)library->pdata;
	options.n_library = library->len;
	classifier = ph_classifier_new(&options);
	run(classifier, "one by one");
	ph_classifier_unref(&classifier);
	options.compiler = ph_match_compiler_start(&compiling);
	classifier = ph_classifier_new(&options);
	for (int i = 0; i < 600 && ph_classifier_pending(classifier) > 0; i++)
		usleep(100000);
	run(classifier,
	    ph_classifier_pending(classifier) > 0 ? "pending" : "database");
	ph_classifier_unref(&classifier);
	ph_match_compiler_stop(&options.compiler);
	g_ptr_array_unref(library);
	return 0;
}
