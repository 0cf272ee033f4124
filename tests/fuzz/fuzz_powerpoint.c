#include "tests/fuzz/extract.h"
#include "tests/fuzz/fuzz.h"

/* A stream PowerPoint Document. */
static void
read_stream(struct ph_extract_job *job, struct ph_bytes bytes)
{
	ph_extract_powerpoint(job, bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_extract(read_stream, data, size);
	return 0;
}
