#include "tests/fuzz/extract.h"
#include "tests/fuzz/fuzz.h"

/* A whole compound file, taken for a message of Outlook's. */
static void
read_file(struct ph_extract_job *job, struct ph_bytes bytes)
{
	struct ph_extract_source source = {
	    .type = "application/vnd.ms-outlook",
	    .name = "a.msg",
	    .data = bytes.p,
	    .size = bytes.size,
	};
	struct ph_extract_result *result = job->result;

	ph_extract_clear(result);
	ph_extract(&source, &job->limits, result, NULL);
	for (guint i = 0; i < result->files->len; i++)
		g_assert_true(g_utf8_validate(
		    g_array_index(result->files, struct ph_extract_file, i)
			.name,
		    -1, NULL));
}

/* libgsf loses what it had read of a directory that it then refuses, and a
 * worker lives for some messages only. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool prepared;

	/* libgsf writes what it thinks of each file. */
	if (!prepared)
		ph_extract_ole2_prepare();
	prepared = true;
	fuzz_extract(read_file, data, size);
	return 0;
}
