#include "tests/fuzz/extract.h"
#include "tests/fuzz/fuzz.h"

/* A whole file of any kind: found by its bytes, or by the suffix that its first
 * byte chooses. */
static const char *const names[] = {"a.docx", "a.fods", "a.html", "a.xml",
				    "a.txt",  "a.pdf",	"a.doc",  "a"};

static void
read_file(struct ph_extract_job *job, struct ph_bytes bytes)
{
	struct ph_extract_source source = {.type = "", .name = "a"};
	struct ph_extract_result *result = job->result;

	if (bytes.size == 0)
		return;
	source.name = names[bytes.p[0] % G_N_ELEMENTS(names)];
	source.data = bytes.p + 1;
	source.size = bytes.size - 1;
	ph_extract_clear(result);
	ph_extract(&source, &job->limits, result, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_extract(read_file, data, size);
	return 0;
}
