#include "lib/inspect/wire.h"
#include "tests/fuzz/fuzz.h"

/* What a worker that somebody has taken over tells the program. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ph_walk_limits limits = {.depth = 16,
						     .text = 1 << 20};
	struct ph_record record;
	size_t used;

	while (ph_record_parse(data, size, &limits, &record, &used, NULL) ==
	       1) {
		g_assert(used > 0 && used <= size);
		if (record.walked != NULL)
			g_assert(
			    g_utf8_validate(record.walked->path, -1, NULL));
		g_clear_pointer(&record.walked, ph_walked_free);
		g_free(record.text);
		data += used;
		size -= used;
	}
	return 0;
}
