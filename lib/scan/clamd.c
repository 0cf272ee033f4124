#include "lib/scan/clamd.h"

#include "lib/base/clock.h"
#include "lib/base/stream.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

/* zINSTREAM, then chunks: four bytes of length, most significant first, and
 * data; a length of 0 ends them. The answer ends with a NUL. */
#define COMMAND "zINSTREAM"
#define CHUNK ((size_t)64 * 1024)
#define ANSWER_SIZE 1024
#define NAME_SIZE 128

#define STREAM "stream: "
#define FOUND " FOUND"
#define TOO_LARGE "INSTREAM size limit exceeded"

static char *
printable(const char *name, size_t size)
{
	char *text = g_strndup(name, MIN(size, NAME_SIZE));

	for (char *p = text; *p != '\0'; p++)
		if (!g_ascii_isgraph(*p))
			*p = '?';
	return text;
}

int
ph_clamd_read_answer(const char *answer, char **name_r, struct ph_err *err)
{
	const size_t size = strlen(answer), skip = strlen(STREAM);

	if (g_str_has_prefix(answer, TOO_LARGE))
		return ph_err_set(err, PH_ERR_PERM,
				  "clamd takes no message of this size "
				  "(StreamMaxLength)");
	if (strcmp(answer, STREAM "OK") == 0)
		return 0;
	if (g_str_has_prefix(answer, STREAM) &&
	    g_str_has_suffix(answer, FOUND) && size > skip + strlen(FOUND)) {
		*name_r = printable(answer + skip, size - skip - strlen(FOUND));
		return 1;
	}
	return ph_err_set(err, PH_ERR_TEMP, "clamd says: %.200s", answer);
}

/* The time that is left; none: 1 ms, after which the call fails. */
static void
limit(struct ph_stream *stream, int64_t deadline)
{
	ph_stream_set_timeout(stream, MAX(deadline - ph_clock_mono(), 1));
}

static int
write_chunk(struct ph_stream *stream, const char *data, size_t size,
	    int64_t deadline, struct ph_err *err)
{
	const uint32_t length = htonl((uint32_t)size);

	limit(stream, deadline);
	if (ph_stream_write(stream, &length, sizeof length, err) < 0)
		return -1;
	return size == 0 ? 0 : ph_stream_write(stream, data, size, err);
}

static int
write_pieces(struct ph_stream *stream, const struct ph_scan_piece *pieces,
	     size_t n, int64_t deadline, struct ph_err *err)
{
	limit(stream, deadline);
	if (ph_stream_write(stream, COMMAND, sizeof COMMAND, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *data = pieces[i].data;

		for (size_t at = 0; at < pieces[i].size; at += CHUNK)
			if (write_chunk(stream, data + at,
					MIN(CHUNK, pieces[i].size - at),
					deadline, err) < 0)
				return -1;
	}
	return write_chunk(stream, NULL, 0, deadline, err);
}

/* 0, or -1 TEMP. */
static int
read_answer(struct ph_stream *stream, char answer[ANSWER_SIZE],
	    int64_t deadline, struct ph_err *err)
{
	size_t have = 0;

	while (have < ANSWER_SIZE - 1 &&
	       (have == 0 || answer[have - 1] != '\0')) {
		ssize_t n;

		limit(stream, deadline);
		n = ph_stream_read(stream, answer + have,
				   ANSWER_SIZE - 1 - have, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	answer[have] = '\0';
	if (have == 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "clamd closed the connection");
	return 0;
}

int
ph_clamd_scan(const struct ph_endpoint *endpoint,
	      const struct ph_scan_piece *pieces, size_t n, int64_t timeout_ms,
	      char **name_r, struct ph_err *err)
{
	const int64_t deadline = ph_clock_mono() + timeout_ms;
	struct ph_stream *stream = NULL;
	struct ph_err unsent = PH_ERR_INIT;
	char answer[ANSWER_SIZE];
	int r, found;

	if (ph_stream_connect(endpoint, NULL, timeout_ms, &stream, err) < 0)
		return -1;
	/* To a message that is too large it answers early, and closes. */
	r = write_pieces(stream, pieces, n, deadline, &unsent);
	if (read_answer(stream, answer, deadline, err) < 0) {
		if (r < 0)
			*err = unsent;
		ph_stream_free(&stream);
		return -1;
	}
	ph_stream_free(&stream);
	found = ph_clamd_read_answer(answer, name_r, err);
	/* About a message that it has not had whole "clean" says nothing. */
	if (found == 0 && r < 0) {
		*err = unsent;
		return -1;
	}
	return found;
}
