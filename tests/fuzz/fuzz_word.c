#include "tests/fuzz/extract.h"
#include "tests/fuzz/fuzz.h"

/* Word's streams: the size of WordDocument (2 bytes), it, the table. */
static void
read_stream(struct ph_extract_job *job, struct ph_bytes bytes)
{
	size_t n = ph_bytes_u16(bytes, 0);

	ph_extract_word(job, ph_bytes_sub(bytes, 2, n),
			ph_bytes_sub(bytes, 2 + n, bytes.size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_extract(read_stream, data, size);
	return 0;
}
