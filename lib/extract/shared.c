#include "lib/extract/extract_private.h"

#define TEXT_LIMIT ((size_t)32 * 1024 * 1024)
#define COUNT_LIMIT 4000000

void
ph_shared_init(struct ph_shared *shared, struct ph_extract_job *job)
{
	shared->job = job;
	shared->text = g_string_new(NULL);
	shared->ends = g_array_new(FALSE, FALSE, sizeof(size_t));
}

void
ph_shared_fini(struct ph_shared *shared)
{
	g_string_free(shared->text, TRUE);
	g_array_unref(shared->ends);
}

static bool
note_limit(struct ph_shared *shared, bool fits)
{
	shared->job->result->limit |= !fits;
	return fits;
}

bool
ph_shared_room(struct ph_shared *shared, size_t size)
{
	return note_limit(shared, shared->ends->len < COUNT_LIMIT &&
				      shared->text->len + size <= TEXT_LIMIT);
}

bool
ph_shared_append(struct ph_shared *shared, const char *text, size_t size)
{
	if (!ph_shared_room(shared, size))
		return false;
	g_string_append_len(shared->text, text, (gssize)size);
	return true;
}

bool
ph_shared_end(struct ph_shared *shared)
{
	if (!note_limit(shared, shared->ends->len < COUNT_LIMIT))
		return false;
	g_array_append_val(shared->ends, shared->text->len);
	return true;
}

void
ph_shared_put(const struct ph_shared *shared, uint64_t i)
{
	size_t begin, end;

	if (i >= shared->ends->len)
		return;
	begin = i > 0 ? g_array_index(shared->ends, size_t, i - 1) : 0;
	end = g_array_index(shared->ends, size_t, i);
	ph_extract_put(shared->job, shared->text->str + begin, end - begin);
}
