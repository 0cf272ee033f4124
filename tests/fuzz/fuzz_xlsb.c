#include "lib/extract/ooxml_private.h"
#include "tests/fuzz/extract.h"
#include "tests/fuzz/fuzz.h"

/* Parts of a workbook that is not XML: the size of the shared strings (2
 * bytes), they, a sheet. */
static void
read_parts(struct ph_extract_job *job, struct ph_bytes bytes)
{
	size_t n = ph_bytes_u16(bytes, 0);
	struct ph_ooxml ooxml = {.job = job};

	ph_shared_init(&ooxml.shared, job);
	ph_xlsb_parse(&ooxml, ph_bytes_sub(bytes, 2, n));
	ph_xlsb_parse(&ooxml, ph_bytes_sub(bytes, 2 + n, bytes.size));
	ph_shared_fini(&ooxml.shared);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_extract(read_parts, data, size);
	return 0;
}
