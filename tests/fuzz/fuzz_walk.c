#include "lib/inspect/walk.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* All that a worker does with an attachment. */

static bool
check(void *context, struct ph_walked *walked)
{
	bool *last = context;

	g_assert(g_utf8_validate(walked->path, -1, NULL));
	g_assert(strlen(walked->path) <= PH_WALKED_TEXT);
	g_assert(walked->text == NULL ||
		 strlen(walked->text) == walked->text_size);
	*last = walked->depth == 0;
	ph_walked_free(walked);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ph_walk_limits limits = {
	    .depth = 4, .entries = 200, .size = 4 << 20, .text = 1 << 16};
	/* Once for all inputs: its tables are what takes time. */
	static struct ph_types *types;
	const struct ph_walk_source source = {
	    .name = "a", .data = data, .size = size};
	struct ph_walk *walk;
	bool last = false;

	if (types == NULL)
		types = ph_types_open(NULL);
	walk = ph_walk_new(types, &limits, check, &last);
	g_assert(ph_walk_run(walk, &source));
	g_assert(last);
	ph_walk_free(&walk);
	return 0;
}
