#include "lib/extract/ooxml_private.h"
#include "tests/fuzz/extract.h"
#include "tests/fuzz/fuzz.h"

/* Parts of a workbook that is not XML: the size of the shared strings (2
 * bytes), they, a sheet. */
static void
read_parts(struct ph_extract_job *job, struct ph_bytes bytes)
{
	size_t n = ph_bytes_u16(bytes, 0);
	struct ph_ooxml ooxml = {
	    .job = job,
	    .strings = g_string_new(NULL),
	    .string_ends = g_array_new(FALSE, FALSE, sizeof(size_t)),
	};

	ph_xlsb_parse(&ooxml, ph_bytes_sub(bytes, 2, n));
	ph_xlsb_parse(&ooxml, ph_bytes_sub(bytes, 2 + n, bytes.size));
	g_string_free(ooxml.strings, TRUE);
	g_array_unref(ooxml.string_ends);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_extract(read_parts, data, size);
	return 0;
}
