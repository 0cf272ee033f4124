#include "tests/fuzz/extract.h"
#include "tests/fuzz/fuzz.h"

/* A whole file. */
static void
read_stream(struct ph_extract_job *job, struct ph_bytes bytes)
{
	(void)bytes;
	g_assert_true(ph_extract_rtf(job, NULL) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_extract(read_stream, data, size);
	return 0;
}
